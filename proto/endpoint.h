// Where the daemon listens, and how far a path may be trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace entitle {

enum class EndpointTrust : std::uint8_t {
    system = 1,  // the path compiled in, in a directory only root or the service writes
    user,        // a path from the environment: whoever started the program chose the daemon
};
std::string_view toString(EndpointTrust);

// A Unix socket's absolute path.
struct Endpoint {
    std::string path;
    EndpointTrust trust = EndpointTrust::system;
    bool operator==(const Endpoint&) const = default;
};

inline constexpr std::string_view querySocket = "/run/entitled/entitled.sock";
inline constexpr std::string_view adminSocket = "/run/entitled-admin/admin.sock";
inline constexpr const char* querySocketVariable = "ENTITLED_SOCKET";
inline constexpr const char* adminSocketVariable = "ENTITLED_ADMIN_SOCKET";

enum class EndpointError { notAbsolute = 1, tooLong, embeddedNul };
std::string_view toString(EndpointError);
[[noreturn]] void throw_exception_from_error(EndpointError, const boost::source_location&);
template <class T>
using EndpointResult = boost::system::result<T, EndpointError>;

// The path given, checked: absolute, no NUL, and short enough for the system's socket address. Trust: user.
EndpointResult<Endpoint> userEndpoint(std::string_view path);

// `overriding` is what the environment says; nothing or "" means the default.
EndpointResult<Endpoint> queryEndpoint(const std::optional<std::string>& overriding);
EndpointResult<Endpoint> adminEndpoint(const std::optional<std::string>& overriding);

// The variable's value; nothing in a program that runs with more rights than its caller (set-uid, file capabilities).
std::optional<std::string> endpointVariable(const char* name);

}  // namespace entitle
