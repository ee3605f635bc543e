#include "daemon/listener.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <grp.h>

#include "daemon/log.h"

namespace entitle {
namespace {

constexpr int acceptsPerTurn = 64;  // then others have their turn
constexpr std::chrono::milliseconds acceptAgainAfter{100};
constexpr int maxGroups = 65'536;  // the kernel's own limit

std::string words(const char* what, const std::string& path) {
    return std::string(what) + " " + path + ": " + std::strerror(errno);
}

std::optional<Peer> peerOf(int fd) {
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return std::nullopt;
    Peer peer{credentials.uid, credentials.gid, credentials.pid, {}};
    std::vector<gid_t> groups(64);
    for (;;) {
        length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) break;
        if (errno != ERANGE || groups.size() >= maxGroups) return peer;  // fewer rights, never more
        groups.resize(length / sizeof(gid_t));
    }
    groups.resize(length / sizeof(gid_t));
    peer.groups.assign(groups.begin(), groups.end());
    return peer;
}

std::optional<std::string> prepareDirectory(const std::string& directory, const ListenPlace& place) {
    bool made = ::mkdir(directory.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) return words("cannot make the directory", directory);
    Descriptor opened(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) return words("cannot use the directory", directory);
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0) return words("cannot look at the directory", directory);
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
        return "the directory " + directory + " belongs to another user: make one of your own, or change its owner";
    }
    if (made) {
        if (place.group && ::chown(directory.c_str(), static_cast<uid_t>(-1), *place.group) != 0) {
            return words("cannot give its group to", directory);
        }
        if (::chmod(directory.c_str(), place.directoryMode) != 0) return words("cannot set the mode of", directory);
    } else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return "the directory " + directory + " is writable by others, who could put a false daemon there: chmod go-w";
    }
    return std::nullopt;
}

// A socket that a crashed daemon left behind refuses connections; one whose queue is full has somebody behind it.
bool isListenedOn(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path.data(), path.size());
    Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return probe && (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
                     errno == EAGAIN);
}

// Where a socket is bound; one without a place in the file system (abstract, unnamed) has words instead.
std::string pathOf(int fd) {
    sockaddr_un address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 || address.sun_path[0] != '/') {
        return "(a socket without a path)";
    }
    return {address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path)};
}

class UnixListener final : public Listener {
  public:
    enum class Maker { us, supervisor };

    UnixListener(boost::asio::io_context& context, Descriptor bound, std::string path, Maker maker, OnAccept onAccept)
        : context_(context),
          descriptor_(context),
          pause_(context),
          path_(std::move(path)),
          maker_(maker),
          onAccept_(std::move(onAccept)),
          alive_(std::make_shared<bool>(true)) {
        struct stat status {};
        if (::lstat(path_.c_str(), &status) == 0) {
            device_ = status.st_dev;
            inode_ = status.st_ino;
        }
        descriptor_.assign(bound.get());
        (void)bound.release();
        wait();
    }

    ~UnixListener() override {
        *alive_ = false;
        if (maker_ == Maker::supervisor) return;
        struct stat status {};
        if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
            ::unlink(path_.c_str());
        }
    }

    const std::string& path() const override { return path_; }

  private:
    void wait() {
        descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               [this, alive = alive_](const boost::system::error_code& error) {
                                   if (!*alive) return;
                                   if (error || !acceptSome(*alive)) return waitAWhile();
                                   if (*alive) wait();
                               });
    }

    void waitAWhile() {
        pause_.expires_after(acceptAgainAfter);
        pause_.async_wait([this, alive = alive_](const boost::system::error_code&) {
            if (*alive) wait();
        });
    }

    // false: the system cannot give us more for now.
    bool acceptSome(const bool& alive) {
        for (int i = 0; i < acceptsPerTurn && alive; ++i) {
            if (!spare_) spare_ = Descriptor(::fcntl(descriptor_.native_handle(), F_DUPFD_CLOEXEC, 0));
            if (!spare_) return full();
            Descriptor accepted(::accept4(descriptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            if (!accepted) {
                if (errno == EAGAIN || errno == EWOULDBLOCK) {
                    told_ = false;
                    return true;
                }
                if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
                return full();  // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the queue
            }
            try {
                serve(std::move(accepted));
            } catch (const std::exception& fault) {
                log().warn("a connection was dropped: {}", fault.what());
            }
        }
        return true;
    }

    // Told once until it has passed.
    bool full() {
        if (!std::exchange(told_, true)) {
            log().warn("cannot accept connections on {}: {}; trying again", path_, std::strerror(errno));
        }
        return false;
    }

    void serve(Descriptor accepted) {
        auto peer = peerOf(accepted.get());
        if (!peer) return;
        auto process = openPeerProcess(accepted.get(), peer->pid);
        if (process.found == PeerProcess::Found::noRoom) {
            spare_ = Descriptor();
            process = openPeerProcess(accepted.get(), peer->pid);
        }
        if (process.found == PeerProcess::Found::ended) return;  // what came after it does not speak for it
        if (process.found == PeerProcess::Found::noRoom) return;
        LocalSocket socket(context_);
        socket.assign(boost::asio::local::stream_protocol(), accepted.get());
        (void)accepted.release();
        onAccept_({std::move(socket), std::move(*peer), std::move(process)});
    }

    boost::asio::io_context& context_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer pause_;
    std::string path_;
    Maker maker_;
    OnAccept onAccept_;
    std::shared_ptr<bool> alive_;  // handlers in the context's queue may outlive us
    dev_t device_ = 0;
    ino_t inode_ = 0;
    Descriptor spare_;  // a connection takes two descriptors: whom we accepted must not be dropped for the second
    bool told_ = false;
};

}  // namespace

boost::system::result<std::unique_ptr<Listener>, std::string> Listener::open(boost::asio::io_context& context,
                                                                             const ListenPlace& place,
                                                                             OnAccept onAccept) {
    using Result = boost::system::result<std::unique_ptr<Listener>, std::string>;
    auto fail = [](std::string why) { return Result(boost::system::in_place_error, std::move(why)); };
    const std::string fresh = place.path + ".new";
    sockaddr_un address{};
    auto slash = place.path.rfind('/');
    if (place.path.empty() || place.path[0] != '/' || slash + 1 == place.path.size()) {
        return fail("the socket path " + place.path + " is not absolute");
    }
    if (fresh.size() >= sizeof address.sun_path) return fail("the socket path " + place.path + " is too long");
    std::string directory = slash == 0 ? "/" : place.path.substr(0, slash);
    if (auto problem = prepareDirectory(directory, place)) return fail(*problem);

    struct stat status {};
    if (::lstat(place.path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
        return fail(place.path + " is in the way and is no socket: remove it");
    }
    if (isListenedOn(place.path)) {
        return fail("another program listens on " + place.path + ": stop it, or give this daemon a path of its own");
    }
    if (::lstat(fresh.c_str(), &status) == 0 && (!S_ISSOCK(status.st_mode) || ::unlink(fresh.c_str()) != 0)) {
        return fail(fresh + " is in the way: remove it");
    }
    Descriptor bound(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!bound) return fail(words("no socket for", place.path));
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, fresh.data(), fresh.size());
    // Nobody can connect before listen(), so mode and group are in place before the first connection.
    mode_t before = ::umask(0177);
    int rc = ::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::umask(before);
    if (rc != 0) return fail(words("cannot bind", fresh));
    auto giveUp = [&](const char* what) {
        auto why = words(what, place.path);
        ::unlink(fresh.c_str());
        return fail(std::move(why));
    };
    if (place.group && ::chown(fresh.c_str(), static_cast<uid_t>(-1), *place.group) != 0) {
        return giveUp("cannot give its group to");
    }
    if (::chmod(fresh.c_str(), place.mode & 0777) != 0) return giveUp("cannot set the mode of");
    if (::listen(bound.get(), SOMAXCONN) != 0) return giveUp("cannot listen on");
    if (::rename(fresh.c_str(), place.path.c_str()) != 0) return giveUp("cannot put in its place");
    return Result(std::make_unique<UnixListener>(context, std::move(bound), place.path, UnixListener::Maker::us,
                                                 std::move(onAccept)));
}

std::unique_ptr<Listener> Listener::adopt(boost::asio::io_context& context, Descriptor listening, OnAccept onAccept) {
    auto path = pathOf(listening.get());
    return std::make_unique<UnixListener>(context, std::move(listening), std::move(path),
                                          UnixListener::Maker::supervisor, std::move(onAccept));
}

std::optional<std::uint32_t> findGroup(std::string_view name) {
    std::uint32_t number = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size() && !name.empty()) return number;
    std::FILE* file = std::fopen("/etc/group", "re");
    if (!file) return std::nullopt;
    std::optional<std::uint32_t> found;
    while (const group* entry = ::fgetgrent(file)) {
        if (name == entry->gr_name) {
            found = entry->gr_gid;
            break;
        }
    }
    std::fclose(file);
    return found;
}

bool maySetGroup(std::uint32_t wanted) {
    if (::geteuid() == 0 || ::getegid() == wanted) return true;
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    return std::find(groups.begin(), groups.begin() + std::max(count, 0), wanted) !=
           groups.begin() + std::max(count, 0);
}

std::uint32_t ownUser() {
    return ::geteuid();
}

}  // namespace entitle
