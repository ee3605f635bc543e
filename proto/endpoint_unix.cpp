#include "proto/endpoint.h"

#include <cstdlib>

#include <sys/socket.h>
#include <sys/un.h>

namespace entitle {

EndpointResult<Endpoint> userEndpoint(std::string_view path) {
    // A NUL is checked first: a leading one would name an abstract socket, which has no owner and no mode.
    if (path.find('\0') != std::string_view::npos) return EndpointError::embeddedNul;
    if (path.empty() || path.front() != '/') return EndpointError::notAbsolute;
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return EndpointError::tooLong;
    return Endpoint{std::string(path), EndpointTrust::user};
}

std::optional<std::string> endpointVariable(const char* name) {
    const char* value = ::secure_getenv(name);
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

}  // namespace entitle
