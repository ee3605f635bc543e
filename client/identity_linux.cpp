#include "client/identity.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <pwd.h>

namespace entitle {

namespace {

constexpr const char* serviceAccount = "entitled";

Opened refused(Unavailable why, std::string detail) {
    Opened out;
    out.why = why;
    out.detail = std::move(detail);
    return out;
}

Opened refusedBySystem(int error, const std::string& path) {
    switch (error) {
        case ENOENT:
        case ECONNREFUSED:  // a socket left behind
            return refused(Unavailable::notRunning, "The daemon is not running: nothing listens on " + path + ".");
        case EACCES:
        case EPERM:
            return refused(Unavailable::permissionDenied, "This user may not open " + path + ".");
        case ELOOP:
        case ENOTDIR:
            return refused(Unavailable::untrusted, path + " is not a directory of its own but a link or a file.");
        case EAGAIN:
            return refused(Unavailable::unresponsive, "The daemon does not accept connections at the moment.");
        default:
            return refused(Unavailable::notRunning, "Cannot open " + path + ": " + std::strerror(error) + ".");
    }
}

bool mayOwn(std::uint32_t uid, const Endpoint& endpoint, const Accounts& accounts) {
    return uid == 0 || uid == accounts.service || (endpoint.trust == EndpointTrust::user && uid == accounts.self);
}

std::string ownerSentence(const std::string& what, std::uint32_t uid, const Endpoint& endpoint) {
    const std::string expected =
        endpoint.trust == EndpointTrust::user ? "neither root, the service nor you" : "neither root nor the service";
    return what + " belongs to uid " + std::to_string(uid) + ", which is " + expected +
           ": it may be a fake daemon, and is not asked.";
}

// The account is looked up once: it does not change while a program runs, and name services may be slow.
std::optional<std::uint32_t> lookUpService() {
    std::vector<char> buffer(16'384);
    passwd entry{};
    passwd* found = nullptr;
    if (getpwnam_r(serviceAccount, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
    return entry.pw_uid;
}

// Connects to `name` in the directory behind `directory`, whatever has become of its path meanwhile. Where /proc is not
// mounted the path itself has to do; the listener's uid is checked in any case.
int connectIn(int directory, const std::string& name, const std::string& path, int socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    for (const auto& candidate : {"/proc/self/fd/" + std::to_string(directory) + "/" + name, path}) {
        if (candidate.size() >= sizeof address.sun_path) continue;
        std::memcpy(address.sun_path, candidate.c_str(), candidate.size() + 1);
        if (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
        if (errno != ENOENT) return errno;
    }
    return ENOENT;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) close(fd_);
        fd_ = other.release();
    }
    return *this;
}

Descriptor::~Descriptor() {
    if (fd_ >= 0) close(fd_);
}

Accounts Accounts::ofThisProcess() {
    static const auto service = lookUpService();
    return {geteuid(), service};
}

Opened openDaemon(const Endpoint& endpoint, const Accounts& accounts) {
    const auto slash = endpoint.path.rfind('/');
    const auto directoryPath = slash == 0 ? std::string("/") : endpoint.path.substr(0, slash);
    const auto name = endpoint.path.substr(slash + 1);

    const Descriptor directory{open(directoryPath.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)};
    if (!directory)
        return errno == ENOENT ? refusedBySystem(ENOENT, endpoint.path) : refusedBySystem(errno, directoryPath);
    struct stat status {};
    if (fstat(directory.get(), &status) != 0) return refusedBySystem(errno, directoryPath);
    if (!mayOwn(status.st_uid, endpoint, accounts))
        return refused(Unavailable::untrusted,
                       ownerSentence("The directory " + directoryPath, status.st_uid, endpoint));
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return refused(Unavailable::untrusted,
                       "The directory " + directoryPath +
                           " is writable by others: anyone could put a fake daemon there, so it is not asked.");

    if (fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return refusedBySystem(errno, endpoint.path);
    if (!S_ISSOCK(status.st_mode)) return refused(Unavailable::untrusted, endpoint.path + " is not a socket.");
    if (!mayOwn(status.st_uid, endpoint, accounts))
        return refused(Unavailable::untrusted, ownerSentence("The socket " + endpoint.path, status.st_uid, endpoint));

    Opened out;
    out.socket = Descriptor{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!out.socket) return refusedBySystem(errno, endpoint.path);
    if (const int error = connectIn(directory.get(), name, endpoint.path, out.socket.get()); error != 0)
        return refusedBySystem(error, endpoint.path);

    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(out.socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return refusedBySystem(errno, endpoint.path);
    if (!mayOwn(peer.uid, endpoint, accounts))
        return refused(Unavailable::untrusted,
                       ownerSentence("The process behind " + endpoint.path, peer.uid, endpoint));
    out.peer = peer.uid;
    return out;
}

}  // namespace entitle
