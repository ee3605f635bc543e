#include "client/cli/globals.h"

#include "client/cli/exit_code.h"
#include "client/cli/text.h"

namespace entitle::cli {

namespace {

Endpoint chosen(EndpointResult<Endpoint> endpoint) {
    if (endpoint) return *endpoint;
    throw Failure(exitUsage, toString(Unavailable::badAddress),
                  "The socket's path cannot be used: " + std::string(toString(endpoint.error())) + ".",
                  adviceFor(Unavailable::badAddress, false));
}

}  // namespace

Endpoint Globals::queryEndpoint() const {
    return chosen(socket.empty() ? entitle::queryEndpoint(endpointVariable(querySocketVariable))
                                 : userEndpoint(socket));
}

Endpoint Globals::adminEndpoint() const {
    return chosen(adminSocket.empty() ? entitle::adminEndpoint(endpointVariable(adminSocketVariable))
                                      : userEndpoint(adminSocket));
}

Options Globals::clientOptions(Use use) const {
    Options out;
    out.socket = socket;
    out.timeout = timeout;
    out.allowDevelopment = use == Use::report || queryEndpoint().trust == EndpointTrust::user;
    return out;
}

int originNote(const Terminal& terminal, const Origin& origin) {
    if (origin.source == Source::daemon) return exitDone;
    if (!terminal.json()) {
        terminal.note(escaped(origin.detail));
        terminal.note(adviceFor(origin.why, false));
    }
    return exitNoDaemon;
}

void developmentWarning(const Terminal& terminal, const Status& status) {
    if (status.development && status.origin.source == Source::daemon)
        terminal.warn("this daemon is a development build: whoever configures it makes its licenses.");
}

}  // namespace entitle::cli
