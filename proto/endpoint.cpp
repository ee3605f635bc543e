#include "proto/endpoint.h"

#include <stdexcept>

namespace entitle {

std::string_view toString(EndpointTrust trust) {
    return trust == EndpointTrust::system ? "system" : "user";
}

std::string_view toString(EndpointError error) {
    switch (error) {
        case EndpointError::notAbsolute:
            return "the path of a socket must be absolute";
        case EndpointError::tooLong:
            return "the path is too long for a socket";
        case EndpointError::embeddedNul:
            return "the path contains a NUL character";
    }
    return "unknown";
}

void throw_exception_from_error(EndpointError error, const boost::source_location&) {
    throw std::invalid_argument(std::string(toString(error)));
}

namespace {

EndpointResult<Endpoint> choose(const std::optional<std::string>& overriding, std::string_view standard) {
    if (overriding && !overriding->empty()) return userEndpoint(*overriding);
    return Endpoint{std::string(standard), EndpointTrust::system};
}

}  // namespace

EndpointResult<Endpoint> queryEndpoint(const std::optional<std::string>& overriding) {
    return choose(overriding, querySocket);
}

EndpointResult<Endpoint> adminEndpoint(const std::optional<std::string>& overriding) {
    return choose(overriding, adminSocket);
}

}  // namespace entitle
