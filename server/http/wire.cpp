#include "server/http/wire.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <boost/beast/http/error.hpp>
#include <fmt/format.h>
#include <sodium.h>

#include "server/http/problem.h"

namespace entitle {

namespace http = boost::beast::http;

std::string httpDate(Instant at) {
    static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(at - day);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[std::chrono::weekday(day).c_encoding()],
                       static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                       static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                       time.seconds().count());
}

std::string newRequestId() {
    std::array<unsigned char, 12> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    std::array<char, 25> text{};
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    return {text.data(), 24};
}

bool isRequestId(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '_' || c == '.';
    });
}

Malformed malformed(const boost::system::error_code& error) {
    if (error == http::error::header_limit) return {431, "head-too-large", "The head of the request is too large."};
    if (error == http::error::body_limit) return {413, "body-too-large", "The body is too large."};
    if (error == http::error::bad_version) return {505, "http-version", "HTTP/1.0 and HTTP/1.1 are spoken here."};
    if (error == http::error::bad_content_length || error == http::error::multiple_content_length)
        return {400, "bad-content-length", "The Content-Length is no length."};
    if (error == http::error::bad_transfer_encoding)
        return {400, "bad-transfer-encoding", "The Transfer-Encoding cannot be understood."};
    if (error == http::error::bad_chunk || error == http::error::bad_chunk_extension)
        return {400, "bad-chunk", "A chunk of the body is malformed."};
    return {400, "malformed-request", "This is no HTTP request."};
}

std::string serialized(const HttpResponse& response, const Framing& framing) {
    const bool bodiless = response.status == 204 || response.status == 304;
    std::string out;
    out.reserve(384 + response.body.size());
    auto to = std::back_inserter(out);
    fmt::format_to(to, "HTTP/1.{} {} {}\r\nDate: {}\r\nX-Request-Id: {}\r\n", framing.version == 10 ? 0 : 1,
                   response.status, reasonPhrase(response.status), httpDate(framing.now), framing.requestId);
    bool cacheable = false;
    for (const auto& [name, value] : response.headers) {
        const bool plain = std::ranges::all_of(value, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
        if (plain) fmt::format_to(to, "{}: {}\r\n", name, value);
        cacheable = cacheable || name == "Cache-Control";
    }
    if (!cacheable) out += "Cache-Control: no-store\r\n";
    if (!bodiless) {
        if (!response.contentType.empty() && !response.body.empty())
            fmt::format_to(to, "Content-Type: {}\r\nX-Content-Type-Options: nosniff\r\n", response.contentType);
        fmt::format_to(to, "Content-Length: {}\r\n", response.body.size());
    }
    if (!framing.keepAlive)
        out += "Connection: close\r\n";
    else if (framing.version == 10)
        out += "Connection: keep-alive\r\n";
    out += "\r\n";
    if (!framing.head && !bodiless) out += response.body;
    return out;
}

}  // namespace entitle
