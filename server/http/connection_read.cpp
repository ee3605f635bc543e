// How a connection reads a request: strictly, so that nobody between us and the client reads another one.
#include <algorithm>
#include <cctype>
#include <utility>

#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>

#include "server/http/parsed_request.h"
#include "server/http/wire.h"

namespace entitle {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t readBytes = 4'096;
constexpr std::size_t maxHeaders = 100;

std::string lowered(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

}  // namespace

asio::awaitable<error_code> Connection::readMore(std::size_t atMost) {
    const auto room = buffer_.size() >= atMost ? 0 : std::min(readBytes, atMost - buffer_.size());
    if (room == 0) co_return http::error::buffer_overflow;
    const auto done = co_await transport_->read(buffer_.prepare(room));
    buffer_.commit(done.bytes);
    if (expired_) co_return asio::error::timed_out;
    co_return done.bytes > 0 ? error_code() : done.error;
}

asio::awaitable<Connection::Read> Connection::readHead(Parsed& parsed) {
    auto& parser = *parsed.parser;
    const auto most = around_.options.headBytes;
    parser.eager(false);
    parser.header_limit(static_cast<std::uint32_t>(most));
    parser.body_limit(boost::none);  // the route's limit is set when the route is known
    if (buffer_.size() == 0) {
        idle_ = true;
        within(around_.options.idleTime);
        const auto error = co_await readMore(readBytes);
        idle_ = false;
        if (error) co_return Read::end;
    }
    parsed.begun = around_.clock.steady();
    for (bool late = false;;) {
        error_code error;
        buffer_.consume(parser.put(buffer_.data(), error));
        if (error == http::error::need_more) error = {};
        if (error) {
            const auto wrong = malformed(error);
            parsed.refuse(wrong.status, wrong.code, wrong.detail);
            co_return Read::refused;
        }
        if (parser.is_header_done()) co_return Read::request;
        if (!std::exchange(late, true)) within(around_.options.headTime);
        error = co_await readMore(most);
        if (expired_) {
            parsed.refuse(408, "request-timeout", "The request took too long to arrive.");
            co_return Read::refused;
        }
        if (error == http::error::buffer_overflow) {
            parsed.refuse(431, "head-too-large", "The head of the request is too large.");
            co_return Read::refused;
        }
        if (error) co_return Read::end;
    }
}

void Connection::examine(Parsed& parsed) {
    const auto& message = parsed.parser->get();
    auto& request = *parsed.request;
    parsed.version = static_cast<int>(message.version());
    parsed.keepAlive = parsed.parser->keep_alive();
    request.method = std::string(message.method_string());
    parsed.head = request.method == "HEAD";
    request.now = around_.clock.now();

    const std::string_view target(message.target().data(), message.target().size());
    const auto question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    request.query = target.substr(std::min(question + 1, target.size()));
    std::size_t hosts = 0;
    std::size_t codings = 0;
    std::string forwardedFor;
    std::string expect;
    for (const auto& field : message) {
        auto name = lowered({field.name_string().data(), field.name_string().size()});
        std::string value(field.value());
        if (name == "host") ++hosts;
        if (name == "transfer-encoding") ++codings;
        if (name == "x-forwarded-for") forwardedFor.append(forwardedFor.empty() ? "" : ",").append(value);
        if (name == "expect") expect = lowered(value);
        request.headers.emplace_back(std::move(name), std::move(value));
    }
    const auto client = clientAddress(peer_, forwardedFor, around_.options.proxies);
    request.peer = client.text();
    if (isRequestId(request.header("x-request-id"))) request.requestId = request.header("x-request-id");

    const auto length = parsed.parser->content_length();
    if (length) parsed.body.length = *length;
    parsed.body.any = codings > 0 || parsed.body.length.value_or(0) > 0;
    parsed.wantsContinue = expect == "100-continue" && parsed.version == 11;

    if (parsed.version != 10 && parsed.version != 11)
        return parsed.refuse(505, "http-version", "HTTP/1.0 and HTTP/1.1 are spoken here.");
    if (request.headers.size() > maxHeaders)
        return parsed.refuse(431, "too-many-headers", "The request has too many headers.");
    if (hosts > 1 || (hosts == 0 && parsed.version == 11))
        return parsed.refuse(400, "bad-host", "A request has one Host header.");
    if (!request.path.starts_with('/')) return parsed.refuse(400, "bad-target", "The request target must be a path.");
    // Whoever stands between us and the client may read these otherwise than we do: nothing to be clever about.
    if (codings > 0 && length) return parsed.refuse(400, "ambiguous-length", "Content-Length and Transfer-Encoding.");
    if (codings > 1 || (codings == 1 && lowered(request.header("transfer-encoding")) != "chunked"))
        return parsed.refuse(501, "transfer-encoding", "The only transfer encoding known here is chunked.");
    if (codings == 1 && parsed.version == 10)
        return parsed.refuse(400, "transfer-encoding", "HTTP/1.0 knows no transfer encoding.");
    if (!expect.empty() && expect != "100-continue")
        return parsed.refuse(417, "expectation", "The only expectation met here is 100-continue.");
}

asio::awaitable<Connection::Read> Connection::readBody(Parsed& parsed) {
    auto& parser = *parsed.parser;
    parser.eager(true);
    for (bool late = false, starved = false; !parser.is_done();) {
        error_code error;
        if (!starved && buffer_.size() > 0) {
            buffer_.consume(parser.put(buffer_.data(), error));
            starved = error == http::error::need_more;
            if (error && !starved) {
                const auto wrong = malformed(error);
                parsed.refuse(wrong.status, wrong.code, wrong.detail);
                co_return Read::refused;
            }
            continue;
        }
        if (!std::exchange(late, true)) within(around_.options.bodyTime);
        error = co_await readMore(around_.options.headBytes);
        starved = false;
        if (expired_) {
            parsed.refuse(408, "request-timeout", "The body took too long to arrive.");
            co_return Read::refused;
        }
        if (error == http::error::buffer_overflow) {
            parsed.refuse(400, "bad-chunk", "A chunk's head is too large.");
            co_return Read::refused;
        }
        if (error) co_return Read::end;
    }
    parsed.request->body = std::move(parser.get().body());
    co_return Read::request;
}

}  // namespace entitle
