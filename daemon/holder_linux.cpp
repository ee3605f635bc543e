#include "daemon/holder.h"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

// Linux 6.5; the number is the same on every architecture but two.
#if !defined(SO_PEERPIDFD) && !defined(__sparc__) && !defined(__hppa__)
#define SO_PEERPIDFD 77
#endif

namespace entitle {
namespace {

PeerProcess::Found reasonOf(int error) {
    if (error == ESRCH || error == EINVAL) return PeerProcess::Found::ended;
    if (error == EMFILE || error == ENFILE) return PeerProcess::Found::noRoom;
    return PeerProcess::Found::unknown;
}

bool hasEnded(int process) {
    pollfd asked{process, POLLIN, 0};
    return ::poll(&asked, 1, 0) == 1;
}

class PidfdWatch final : public ProcessWatch {
  public:
    PidfdWatch(boost::asio::io_context& context, Descriptor process, std::function<void()> ended)
        : shared_(std::make_shared<Shared>(context, std::move(ended))) {
        shared_->descriptor.assign(process.get());  // throws before it takes over
        (void)process.release();
        wait(shared_);
    }
    ~PidfdWatch() override {
        shared_->ended = nullptr;
        boost::system::error_code ignored;
        shared_->descriptor.close(ignored);
    }

  private:
    // The handler may outlive the watch in the context's queue.
    struct Shared {
        Shared(boost::asio::io_context& context, std::function<void()> f) : descriptor(context), ended(std::move(f)) {}
        boost::asio::posix::stream_descriptor descriptor;
        std::function<void()> ended;
    };
    static void wait(const std::shared_ptr<Shared>& shared) {
        shared->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                      [shared](const boost::system::error_code& error) {
                                          if (error || !shared->ended) return;
                                          // Asio may call for an event of a descriptor that was closed meanwhile and
                                          // whose place in its tables ours took: a living holder would lose its slots.
                                          if (!hasEnded(shared->descriptor.native_handle())) return wait(shared);
                                          auto ended = std::exchange(shared->ended, nullptr);
                                          ended();
                                      });
    }

    std::shared_ptr<Shared> shared_;
};

}  // namespace

PeerProcess openPeerProcess(int connectedSocket, std::int32_t pid) {
#ifdef SO_PEERPIDFD
    int handle = -1;
    socklen_t length = sizeof handle;
    if (::getsockopt(connectedSocket, SOL_SOCKET, SO_PEERPIDFD, &handle, &length) == 0 && handle >= 0) {
        return {Descriptor(handle), PeerProcess::Found::running};
    }
    if (errno != ENOPROTOOPT && errno != EOPNOTSUPP) return {Descriptor(), reasonOf(errno)};
#else
    (void)connectedSocket;
#endif
    // An older kernel: by number, right after the connection was made. 0: a process of another namespace.
    if (pid <= 0) return {};
    // By number: glibc 2.36 declares the function without C linkage.
    int opened = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (opened >= 0) return {Descriptor(opened), PeerProcess::Found::running};
    return {Descriptor(), reasonOf(errno)};
}

std::unique_ptr<ProcessWatch> watchProcess(boost::asio::io_context& context, Descriptor process,
                                           std::function<void()> ended) {
    return std::make_unique<PidfdWatch>(context, std::move(process), std::move(ended));
}

}  // namespace entitle
