#include "daemon/handed_file.h"

#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

#include "daemon/process.h"

namespace entitle {
namespace {

constexpr int patience = 10;  // seconds, for a pipe to end

AdminRefusal refused(const char* code, const char* message) {
    return {code, message};
}

// Without waiting where the kernel can do so: another reader may have taken what poll() saw.
ssize_t readPipe(int descriptor, char* into, std::size_t size) {
    iovec place{into, size};
    const auto got = ::preadv2(descriptor, &place, 1, -1, RWF_NOWAIT);
    return got < 0 && errno == EOPNOTSUPP ? ::read(descriptor, into, size) : got;
}

HandedFiles::Result contentOf(int descriptor, std::size_t limit) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return refused("unreadable", "The file handed over cannot be examined.");
    const bool pipe = S_ISFIFO(status.st_mode);
    if (!pipe && !S_ISREG(status.st_mode))
        return refused("unreadable", "Hand over a regular file or a pipe, and nothing else.");
    const int mode = ::fcntl(descriptor, F_GETFL);
    if (mode < 0 || (mode & O_ACCMODE) == O_WRONLY || (mode & O_PATH) != 0)
        return refused("unreadable", "The file was handed over without the right to read it.");

    const Descriptor clock(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    const itimerspec end{{}, {patience, 0}};
    if (!clock || ::timerfd_settime(clock.get(), 0, &end, nullptr) != 0)
        return refused("unreadable", "The daemon has no descriptors left.");

    std::string content(limit + 1, '\0');
    std::size_t size = 0;
    while (size <= limit) {
        pollfd wait[2] = {{descriptor, POLLIN, 0}, {clock.get(), POLLIN, 0}};
        if (::poll(wait, 2, -1) < 0 && errno != EINTR) return refused("unreadable", "The file cannot be waited for.");
        if (wait[1].revents != 0) return refused("timed-out", "The pipe did not end within ten seconds.");
        if (wait[0].revents == 0) continue;
        const auto got =
            pipe ? readPipe(descriptor, content.data() + size, content.size() - size)
                 : ::pread(descriptor, content.data() + size, content.size() - size, static_cast<off_t>(size));
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return refused("unreadable", "The file cannot be read.");
        if (got == 0) {
            content.resize(size);
            return {boost::system::in_place_value, std::move(content)};
        }
        size += static_cast<std::size_t>(got);
    }
    return refused("too-large", "The file is larger than any license file.");
}

}  // namespace

// Between the loop and the thread; whoever goes first leaves it to the other.
struct HandedFiles::Shared {
    std::mutex mutex;
    boost::asio::io_context* context;  // null: the loop is gone
    unsigned threads = 0;              // that read
};

class HandedFiles::Reading : public std::enable_shared_from_this<Reading> {
  public:
    Reading(boost::asio::io_context& context, std::function<void(Result)> done)
        : done_(std::move(done)), timer_(context) {}

    // For what holds the thread up where it cannot watch the time itself.
    void limitWait(std::chrono::milliseconds most) {
        timer_.expires_after(most);
        timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
            const auto alive = self.lock();
            if (!error && alive) alive->end(refused("timed-out", "The file could not be read within ten seconds."));
        });
    }
    void end(Result result) {
        timer_.cancel();
        if (const auto done = std::exchange(done_, nullptr)) done(std::move(result));
    }

  private:
    std::function<void(Result)> done_;
    boost::asio::steady_timer timer_;
};

HandedFiles::Reader HandedFiles::usualReader() {
    return {contentOf, std::chrono::seconds(patience + 2)};
}

HandedFiles::HandedFiles(boost::asio::io_context& context, Reader reader)
    : context_(context), reader_(std::move(reader)), shared_(std::make_shared<Shared>()) {
    shared_->context = &context;
}

HandedFiles::~HandedFiles() {
    const std::lock_guard lock(shared_->mutex);
    shared_->context = nullptr;
}

std::shared_ptr<HandedFiles::Reading> HandedFiles::read(Descriptor file, std::size_t limit,
                                                        std::function<void(Result)> done) {
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->threads >= mostThreads) return nullptr;
        ++shared_->threads;
    }
    auto reading = std::make_shared<Reading>(context_, std::move(done));
    const auto work = [shared = shared_, weak = std::weak_ptr<Reading>(reading), content = reader_.content,
                       limit](Descriptor descriptor) {
        Result result = content(descriptor.get(), limit);
        const std::lock_guard lock(shared->mutex);
        --shared->threads;
        if (!shared->context) return;
        boost::asio::post(*shared->context, [weak, result = std::move(result)]() mutable {
            if (const auto alive = weak.lock()) alive->end(std::move(result));
        });
    };
    try {
        // Nobody can wait for it: what it reads may never answer. It owns all it uses, and ends with the process.
        withoutSignals([&] { std::thread(work, std::move(file)).detach(); });
    } catch (...) {
        const std::lock_guard lock(shared_->mutex);
        --shared_->threads;
        throw;
    }
    reading->limitWait(reader_.patience);
    return reading;
}

}  // namespace entitle
