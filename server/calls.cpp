#include "server/calls.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include <boost/json/parse.hpp>

#include "license/printable.h"
#include "server/http/problem.h"

namespace entitle {
namespace {

constexpr std::size_t longestUrl = 512;
constexpr std::size_t longestWords = 500;

std::string textOr(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return printableFrom(std::string_view(value->get_string()), longestWords);
}

bool isLoopback(std::string_view host) {
    return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && std::ranges::all_of(host, [](char c) {
                                                          return c == '.' || (c >= '0' && c <= '9');
                                                      }));
}

}  // namespace

void throw_exception_from_error(const CallFailure& failure, const boost::source_location&) {
    throw std::runtime_error(failure.message);
}

std::optional<std::string> checkServerUrl(std::string_view url) {
    if (url.size() > longestUrl || std::ranges::any_of(url, [](unsigned char c) { return c <= ' ' || c > '~'; }))
        return "an address is at most 512 printable letters without blanks";
    const bool secure = url.starts_with("https://");
    if (!secure && !url.starts_with("http://")) return "an address begins with https://";
    auto rest = url.substr(secure ? 8 : 7);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find_first_of("/?#@\\") != std::string_view::npos)
        return "an address is a host and perhaps a port: https://license.example.com";
    const auto bracket = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
    const auto colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
    const auto host = rest.substr(0, colon);
    if (host.empty() || (rest.starts_with('[') && bracket == std::string_view::npos)) return "an address names a host";
    if (colon != std::string_view::npos) {
        const auto port = rest.substr(colon + 1);
        if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }))
            return "what follows the host is a port: https://license.example.com:8443";
    }
    if (!secure && !isLoopback(host))
        return "http:// is for this very machine (127.0.0.1): passwords and tokens would go in the clear; use https://";
    return std::nullopt;
}

Called<boost::json::object> readAnswer(int status, std::string_view contentType, std::string_view body,
                                       std::optional<std::int64_t> retryAfter) {
    const auto stranger = [&] {
        return CallFailure{CallFault::notAuthority,
                           status,
                           "not-authority",
                           "whatever answers there (status " + std::to_string(status) +
                               ") does not speak this API: is the address right?",
                           {},
                           {}};
    };
    const bool good = status >= 200 && status < 300;
    if (good && body.empty()) return boost::json::object();
    boost::json::parse_options options;
    options.max_depth = 16;
    boost::system::error_code failed;
    auto value = boost::json::parse(body, failed, {}, options);
    const auto type = contentType.substr(0, contentType.find(';'));
    if (failed || !value.is_object() || type != (good ? "application/json" : problemType)) return stranger();
    if (good) return std::move(value.get_object());
    const auto& problem = value.get_object();
    CallFailure failure;
    failure.status = status;
    failure.code = textOr(problem, "code");
    failure.message = textOr(problem, "detail");
    failure.requestId = textOr(problem, "request_id");
    failure.retryAfter = retryAfter;
    if (failure.code.empty()) return stranger();
    return failure;
}

std::string percentEncoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const unsigned char c : text) {
        if (std::isalnum(c) != 0 || std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos)
            out += static_cast<char>(c);
        else
            out.append({'%', digits[c >> 4], digits[c & 15]});
    }
    return out;
}

}  // namespace entitle
