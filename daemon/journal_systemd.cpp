#include "daemon/journal.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace entitle {

std::optional<Journal> Journal::connect(const std::string& socketPath) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socketPath.size() >= sizeof address.sun_path) return std::nullopt;
    std::memcpy(address.sun_path, socketPath.data(), socketPath.size());
    Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return std::nullopt;
    }
    return Journal(std::move(socket));
}

bool Journal::send(const JournalFields& fields) const {
    const std::string datagram = journalDatagram(fields);
    for (;;) {
        if (::send(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) return true;
        // A journald that is started anew keeps its socket; a full queue is not waited for.
        if (errno != EINTR) return false;
    }
}

}  // namespace entitle
