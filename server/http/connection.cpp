#include "server/http/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/http/parsed_request.h"
#include "server/http/problem.h"
#include "server/http/wire.h"

namespace entitle {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t lingerBytes = 1 << 20;
constexpr std::chrono::seconds lingerTime{2};

}  // namespace

Connection::Connection(Surroundings& around, std::unique_ptr<Transport> transport, const IpAddress& peer)
    : around_(around),
      transport_(std::move(transport)),
      peer_(peer),
      deadline_(transport_->socket().get_executor()),
      signal_(transport_->socket().get_executor()) {}

Connection::~Connection() {
    sever();
    around_.ended(*this);
}

void Connection::start() {
    asio::co_spawn(
        transport_->socket().get_executor(), [self = shared_from_this()] { return self->run(); },
        [hooks = &around_.hooks](std::exception_ptr fault) {
            if (!fault || !hooks->complain) return;
            try {
                std::rethrow_exception(fault);
            } catch (const std::exception& error) {
                hooks->complain(std::string("a connection ended by ") + error.what());
            }
        });
}

void Connection::drain() {
    asio::post(transport_->socket().get_executor(), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        error_code ignored;
        if (self->idle_) self->transport_->socket().cancel(ignored);
        if (self->wake_) self->end(Ended::draining);
    });
}

void Connection::close() {
    asio::post(transport_->socket().get_executor(), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->expired_ = true;
        error_code ignored;
        self->transport_->socket().close(ignored);
        if (self->wake_) self->end(Ended::gone);
    });
}

void Connection::sever() {
    if (wake_) wake_->forget();
}

// A timer that runs out early is set again: most limits are met, and so cost a look at the clock instead of a timer.
void Connection::within(std::chrono::milliseconds time) {
    expired_ = false;
    due_ = boost::asio::steady_timer::clock_type::now() + time;
    if (!armed_ || deadline_.expiry() > *due_) arm();
}

void Connection::withoutLimit() {
    due_.reset();
}

void Connection::arm() {
    armed_ = true;
    deadline_.expires_at(*due_);
    deadline_.async_wait([weak = weak_from_this(), mine = ++deadlines_](error_code error) {
        const auto self = weak.lock();
        if (error || !self || self->deadlines_ != mine) return;
        self->armed_ = false;
        if (!self->due_) return;
        if (boost::asio::steady_timer::clock_type::now() < *self->due_) return self->arm();
        self->expired_ = true;
        error_code ignored;
        self->transport_->socket().cancel(ignored);
    });
}

void Connection::end(Ended how) {
    if (ended_) return;
    ended_ = how;
    signal_.cancel();
}

asio::awaitable<void> Connection::run() {
    within(around_.options.handshakeTime);
    if (co_await transport_->handshake() || expired_) co_return;
    const auto most = around_.options.requestsPerConnection;
    for (std::uint32_t served = 1; co_await serveOne(served >= most); ++served) continue;
    withoutLimit();
}

asio::awaitable<bool> Connection::serveOne(bool last) {
    if (around_.draining && buffer_.size() == 0) co_return false;
    Parsed parsed;
    auto read = co_await readHead(parsed);
    if (read == Read::end) co_return false;

    AccessRecord record;
    std::optional<HttpResponse> response;
    std::optional<Admitted> admitted;
    if (read == Read::request) examine(parsed);
    auto& requestId = record.requestId;
    if (parsed.request->requestId.empty()) parsed.request->requestId = newRequestId();
    if (parsed.request->peer.empty()) parsed.request->peer = peer_.text();
    requestId = parsed.request->requestId;
    record.at = around_.clock.now();
    record.peer = parsed.request->peer;
    record.method = parsed.request->method;

    if (!parsed.refusal) {
        // Parsed again by its own rules from a text that is one: cheaper than carrying both.
        const auto client = IpAddress::parse(parsed.request->peer).value_or(peer_);
        auto verdict = around_.dispatch.admit(*parsed.request, parsed.body, client);
        if (auto* refusal = std::get_if<HttpResponse>(&verdict)) {
            response = std::move(*refusal);
            // A body nobody will read ends the connection; else the next request is welcome.
            if (parsed.body.any) parsed.keepAlive = false;
        } else {
            admitted = std::move(std::get<Admitted>(verdict));
            record.route = admitted->route->pattern;
        }
    }
    if (admitted) {
        parsed.parser->body_limit(admitted->route->bodyLimit);
        if (parsed.wantsContinue && parsed.body.any && buffer_.size() == 0) {
            within(around_.options.writeTime);
            if (co_await transport_->write("HTTP/1.1 100 Continue\r\n\r\n") || expired_) co_return false;
        }
        read = co_await readBody(parsed);
        if (read == Read::end) co_return false;
    }
    if (parsed.refusal) {
        response = std::move(*parsed.refusal);
        parsed.keepAlive = false;
    }
    withoutLimit();
    record.bytesIn = parsed.request->body.size();
    parsed.parser.reset();
    if (!response) {
        auto request = std::exchange(parsed.request, nullptr);
        auto answer = co_await answered(*admitted, std::move(request));
        record.account = std::move(answer.account);
        if (auto* waiting = std::get_if<Waiting>(&answer.reply)) {
            response = co_await waited(std::move(*admitted), std::move(*waiting));
        } else {
            response = std::move(std::get<HttpResponse>(answer.reply));
        }
    }

    bool keepAlive = false;
    if (response) {
        keepAlive = parsed.keepAlive && !last && !around_.draining;
        record.status = response->status;
        record.code = response->code;
        if (!co_await send(*response, requestId, parsed.head, keepAlive, parsed.version)) keepAlive = false;
        record.bytesOut = response->body.size();
    }
    record.took = around_.clock.steady() - parsed.begun;
    around_.metrics.request(record.method, record.route, record.status, record.took);
    if (around_.hooks.log) around_.hooks.log(record);
    if (!keepAlive && response) co_await linger();
    co_return keepAlive;
}

asio::awaitable<Answered> Connection::answered(Admitted admitted, std::shared_ptr<const HttpRequest> request) {
    // Shared with the worker, which hands it back by `post`: never used by two at once.
    auto out = std::make_shared<Answered>();
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&](auto handler) {
            auto resume = std::make_shared<decltype(handler)>(std::move(handler));
            around_.dispatch.answer(std::move(admitted), std::move(request),
                                    [out, resume, executor = transport_->socket().get_executor()](Answered answer) {
                                        *out = std::move(answer);
                                        asio::post(executor, [resume] { std::move (*resume)(); });
                                    });
        },
        asio::use_awaitable);
    co_return std::move(*out);
}

// Nothing: the client has gone.
asio::awaitable<std::optional<HttpResponse>> Connection::waited(Admitted admitted, Waiting waiting) {
    if (buffer_.size() == 0) buffer_ = boost::beast::flat_buffer();  // thousands wait at once
    around_.metrics.waiting(+1);
    const auto how = co_await newsOrEnd(waiting);
    around_.metrics.waiting(-1);
    if (how == Ended::gone) co_return std::nullopt;
    if (how == Ended::draining)
        co_return problem(503, "draining", "This server is being stopped: ask again.", std::chrono::seconds(1));

    auto out = std::make_shared<HttpResponse>();
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&](auto handler) {
            auto resume = std::make_shared<decltype(handler)>(std::move(handler));
            around_.dispatch.resume(admitted, std::move(waiting), how == Ended::woken,
                                    [out, resume, executor = transport_->socket().get_executor()](HttpResponse answer) {
                                        *out = std::move(answer);
                                        asio::post(executor, [resume] { std::move (*resume)(); });
                                    });
        },
        asio::use_awaitable);
    co_return std::move(*out);
}

asio::awaitable<Connection::Ended> Connection::newsOrEnd(Waiting& waiting) {
    const auto executor = transport_->socket().get_executor();
    ended_.reset();
    wake_ = waiting.wake;
    signal_.expires_after(waiting.atMost);
    wake_->onFire([weak = weak_from_this(), executor] {
        asio::post(executor, [weak] {
            if (const auto self = weak.lock()) self->end(Ended::woken);
        });
    });
    if (around_.draining) end(Ended::draining);
    // A client that has sent its next request already is there; others are watched by a read of one byte.
    if (buffer_.size() == 0) {
        watching_ = true;
        asio::co_spawn(
            executor, [self = shared_from_this()] { return self->watchClient(); }, [](std::exception_ptr) {});
    }
    while (!ended_) {
        const auto done = co_await signal_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!std::get<0>(done) && !ended_) ended_ = Ended::timeout;
    }
    wake_->forget();
    wake_.reset();
    while (watching_) {
        error_code ignored;
        transport_->socket().cancel(ignored);
        signal_.expires_after(std::chrono::seconds(1));
        co_await signal_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return *ended_;
}

asio::awaitable<void> Connection::watchClient() {
    const auto done = co_await transport_->read(asio::buffer(&peeked_, 1));
    watching_ = false;
    if (done.bytes > 0) {
        std::copy_n(&peeked_, 1, static_cast<char*>(buffer_.prepare(1).data()));
        buffer_.commit(1);
    } else if (!ended_) {
        end(Ended::gone);
    }
    signal_.cancel();
}

asio::awaitable<bool> Connection::send(HttpResponse& response, const std::string& requestId, bool head, bool keepAlive,
                                       int version) {
    nameRequest(response, requestId);
    const auto bytes = serialized(response, {around_.clock.now(), requestId, head, keepAlive, version});
    within(around_.options.writeTime);
    const auto error = co_await transport_->write(bytes);
    co_return !error && !expired_;
}

// Closing while the client still sends would reset the connection, and the response may be lost with it.
asio::awaitable<void> Connection::linger() {
    within(lingerTime);
    co_await transport_->shutdown();
    std::array<char, 1'024> dropped;
    for (std::size_t read = 0; read < lingerBytes && !expired_;) {
        const auto done =
            co_await transport_->socket().async_read_some(asio::buffer(dropped), asio::as_tuple(asio::use_awaitable));
        if (std::get<0>(done)) break;
        read += std::get<1>(done);
    }
    withoutLimit();
}

}  // namespace entitle
