#include "tests/daemon/recording_relay.h"

#include <array>
#include <cstring>
#include <stdexcept>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace entitle::testing {
namespace {

sockaddr_un addressOf(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("the path is too long: " + path);
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

}  // namespace

RecordingRelay::RecordingRelay(const std::string& at, std::string server)
    : server_(std::move(server)),
      listening_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
    const auto address = addressOf(at);
    if (::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listening_.get(), 8) != 0)
        throw std::runtime_error("the relay cannot listen at " + at);
    thread_ = std::thread([this] { run(); });
}

RecordingRelay::~RecordingRelay() {
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    thread_.join();
}

std::string RecordingRelay::heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
}

// One connection after the other, as a TPM takes them.
void RecordingRelay::run() {
    for (;;) {
        std::array<pollfd, 2> ready{{{listening_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
        if (::poll(ready.data(), ready.size(), -1) < 0 || ready[1].revents != 0) return;
        const Descriptor client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const Descriptor server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto address = addressOf(server_);
        if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
            carry(client.get(), server.get());
    }
}

void RecordingRelay::carry(int client, int server) {
    for (;;) {
        std::array<pollfd, 3> ready{{{client, POLLIN, 0}, {server, POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
        if (::poll(ready.data(), ready.size(), -1) < 0 || ready[2].revents != 0) return;
        if (ready[0].revents != 0 && !pass(client, server)) return;
        if (ready[1].revents != 0 && !pass(server, client)) return;
    }
}

bool RecordingRelay::pass(int from, int to) {
    std::array<char, 4096> bytes{};
    const auto size = ::read(from, bytes.data(), bytes.size());
    if (size <= 0) return false;
    {
        const std::lock_guard lock(mutex_);
        heard_.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return ::send(to, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
}

}  // namespace entitle::testing
