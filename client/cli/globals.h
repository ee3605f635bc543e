// The options every command has, and how the daemon is reached with them.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "client/cli/session.h"
#include "client/cli/terminal.h"
#include "client/client.h"
#include "proto/endpoint.h"

namespace entitle::cli {

struct Globals {
    std::string socket;       // --socket; "": ENTITLED_SOCKET or the system's
    std::string adminSocket;  // --admin-socket; "": ENTITLED_ADMIN_SOCKET or the system's
    std::chrono::milliseconds timeout{5000};
    bool json = false;
    Color color = Color::automatic;

    Terminal terminal() const { return {json, color}; }
    Endpoint queryEndpoint() const;  // throws Failure (exitUsage)
    Endpoint adminEndpoint() const;
    Session query() const { return {queryEndpoint(), false, timeout}; }
    Session admin() const { return {adminEndpoint(), true, timeout}; }
    // For a call that the daemon answers when the authority has answered it, or after two minutes and one more try.
    Session patientAdmin() const {
        return {adminEndpoint(), true, std::max(timeout, std::chrono::milliseconds{200'000})};
    }

    // Commands that only report believe a development daemon and say so. Those that a script may gate on believe it on
    // a socket that was chosen by hand or environment, and on the system's only with ENTITLED_ALLOW_DEVELOPMENT=1.
    enum class Use { report, gate };
    Options clientOptions(Use) const;
};

// Prints that the answer is not the daemon's, and why, with advice; exitNoDaemon. Or exitDone, if it is.
int originNote(const Terminal&, const Origin&);
void developmentWarning(const Terminal&, const Status&);

}  // namespace entitle::cli
