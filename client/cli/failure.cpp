#include "client/cli/failure.h"

namespace entitle::cli {

std::string adviceFor(Unavailable why, bool admin) {
    switch (why) {
        case Unavailable::none:
        case Unavailable::forked:
            return {};
        case Unavailable::notRunning:
        case Unavailable::disconnected:
            return admin ? "Start it (systemctl start entitled), or name its admin socket by --admin-socket or "
                           "ENTITLED_ADMIN_SOCKET."
                         : "Start it (systemctl start entitled), or name its socket by --socket or ENTITLED_SOCKET.";
        case Unavailable::permissionDenied:
            return admin ? "Run it with sudo, or join the group entitle-admin and log in again."
                         : "Ask the administrator to let your user or group use the daemon's socket.";
        case Unavailable::untrusted:
            return "See who made it (ls -ld on the directory and the socket), and remove it if it is not yours.";
        case Unavailable::development:
            return "Install a release build, or set ENTITLED_ALLOW_DEVELOPMENT=1 for a trial.";
        case Unavailable::unresponsive:
            return "Look at its log (journalctl -u entitled); if it hangs, restart it: slots survive that.";
        case Unavailable::badAddress:
            return admin ? "Give an absolute path by --admin-socket or ENTITLED_ADMIN_SOCKET."
                         : "Give an absolute path by --socket or ENTITLED_SOCKET.";
        case Unavailable::protocol:
            return "Check that --socket names the daemon's query socket, --admin-socket its admin socket, and that the "
                   "daemon is as new as entitlectl.";
    }
    return {};
}

}  // namespace entitle::cli
