#include <algorithm>
#include <charconv>

#include <boost/throw_exception.hpp>

#include "daemon/authority.h"

namespace entitle {
namespace {

constexpr std::size_t maxUrlBytes = 512;

bool isHostCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

// "127.0.0.1", "localhost", "[::1]": what cannot leave this machine. Names that merely resolve there do not count.
bool isLoopback(std::string_view host) {
    return host == "127.0.0.1" || host == "localhost" || host == "[::1]";
}

bool isHost(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        const auto inside = host.substr(1, host.size() - 2);
        return std::ranges::all_of(inside, [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
        });
    }
    return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, isHostCharacter);
}

bool isPort(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65'535;
}

}  // namespace

std::optional<std::string> checkAuthorityUrl(std::string_view url) {
    if (url.size() > maxUrlBytes) return "is longer than " + std::to_string(maxUrlBytes) + " bytes";
    const bool secure = url.starts_with("https://");
    if (!secure && !url.starts_with("http://")) return "must begin with https://";
    auto rest = url.substr(secure ? 8 : 7);
    const auto slash = rest.find('/');
    const auto path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    auto host = rest.substr(0, slash);
    if (host.find('@') != std::string_view::npos) return "must not carry a user or password";
    const auto bracket = host.rfind(']');
    if (const auto colon = host.rfind(':');
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        if (!isPort(host.substr(colon + 1))) return "has no valid port";
        host = host.substr(0, colon);
    }
    if (!isHost(host)) return "has no valid host name";
    if (!secure && !isLoopback(host)) return "must begin with https://; http is for this machine only (127.0.0.1)";
    const bool plain = std::ranges::all_of(
        path, [](char c) { return isHostCharacter(c) || c == '/' || c == '_' || c == '~' || c == '%'; });
    if (!plain || path.find("..") != std::string_view::npos) return "has a path with a query or other characters";
    return std::nullopt;
}

std::string_view toString(ContactFault fault) {
    switch (fault) {
        case ContactFault::noTransport:
            return "no-transport";
        case ContactFault::unresolved:
            return "unresolved";
        case ContactFault::unconnected:
            return "unconnected";
        case ContactFault::untrusted:
            return "untrusted";
        case ContactFault::silent:
            return "silent";
        case ContactFault::tooLarge:
            return "too-large";
        case ContactFault::notAuthority:
            return "not-authority";
        case ContactFault::busy:
            return "busy";
    }
    return "unknown";
}

void throw_exception_from_error(const ContactFailure& failure, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(failure.message), where);
}

}  // namespace entitle
