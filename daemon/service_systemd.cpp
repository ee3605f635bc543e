// systemd's notification protocol, as sd_notify(3) documents it for programs that do not link libsystemd: that library
// would bring four others, half a millisecond of start-up and most of a megabyte for one datagram.
#include "daemon/service.h"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <time.h>

namespace entitle {
namespace {

std::string takeEnvironment(const char* name) {
    const char* value = std::getenv(name);
    std::string taken = value ? value : "";
    ::unsetenv(name);
    return taken;
}

std::optional<std::uint64_t> number(const std::string& text) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

// Newlines separate assignments: a text must not smuggle one in.
std::string oneLine(std::string_view text) {
    std::string line(text);
    for (char& c : line) {
        if (c == '\n' || c == '\0') c = ' ';
    }
    return line;
}

}  // namespace

Service::Service() : address_(takeEnvironment("NOTIFY_SOCKET")) {
    auto interval = number(takeEnvironment("WATCHDOG_USEC"));
    auto pidText = takeEnvironment("WATCHDOG_PID");
    bool ours = pidText.empty() || number(pidText) == static_cast<std::uint64_t>(::getpid());
    // At least a millisecond, at most a day: anything else is not what a supervisor sets.
    if (interval && ours && *interval >= 2000 && *interval <= 172'800'000'000) {
        aliveEvery_ = std::chrono::microseconds(static_cast<std::int64_t>(*interval / 2));
    }
}

void Service::ready(std::string_view text) {
    send("READY=1\nSTATUS=" + oneLine(text));
}

void Service::status(std::string_view text) {
    send("STATUS=" + oneLine(text));
}

void Service::reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    auto microseconds =
        static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
    send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void Service::stopping() {
    send("STOPPING=1");
}

void Service::alive() {
    send("WATCHDOG=1");
}

void Service::send(std::string_view message) const {
    sockaddr_un address{};
    // A path, or '@' for the abstract namespace; anything else (vsock:) is not for a service on this machine.
    if (address_.size() < 2 || address_.size() >= sizeof address.sun_path) return;
    if (address_[0] != '/' && address_[0] != '@') return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, address_.data(), address_.size());
    if (address_[0] == '@') address.sun_path[0] = '\0';
    int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    // Never waits: a supervisor that does not read must not stop us.
    while (::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&address), length) < 0 &&
           errno == EINTR) {
    }
    ::close(fd);
}

}  // namespace entitle
