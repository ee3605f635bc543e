#include "tests/bench/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>

#include "tests/bench/measure.h"

namespace entitle::bench {

namespace {

std::runtime_error failed(const std::string& what) {
    return std::runtime_error(what + ": " + std::generic_category().message(errno));
}

// A whole response at the beginning of `in`: its bytes, 0 while some are missing. `body` is where its body begins.
std::size_t responseIn(const std::string& in, std::size_t& body) {
    const auto end = in.find("\r\n\r\n");
    if (end == std::string::npos) return 0;
    body = end + 4;
    const char* length = ::strcasestr(in.c_str(), "\r\ncontent-length:");
    if (length == nullptr || length > in.c_str() + end) throw std::runtime_error("a response without a length");
    const auto whole = body + std::strtoul(length + 17, nullptr, 10);
    return in.size() < whole ? 0 : whole;
}

double at(std::vector<float>& sorted, double part) {
    if (sorted.empty()) return 0;
    return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(part * static_cast<double>(sorted.size())))];
}

}  // namespace

int connectFrom(const std::string& source, std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw failed("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, source.c_str(), &address.sin_addr);
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw failed("bind");
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw failed("connect");
    return fd;
}

void sendAll(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) throw failed("send");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

Load::Load(std::uint16_t port, std::size_t connections) : each_(connections) {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (poll_ < 0) throw failed("epoll");
    for (std::size_t i = 0; i < connections; ++i) {
        each_[i].fd = connectFrom("127.0.0.1", port);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        ::epoll_ctl(poll_, EPOLL_CTL_ADD, each_[i].fd, &event);
    }
}

Load::~Load() {
    for (const auto& connection : each_)
        if (connection.fd >= 0) ::close(connection.fd);
    ::close(poll_);
}

bool Load::ask(std::size_t i, const Next& next) {
    const auto bytes = next(i);
    if (bytes.empty()) return false;
    each_[i].sentAt = nowNanos();
    sendAll(each_[i].fd, bytes);
    return true;
}

Loaded Load::run(std::chrono::milliseconds time, const Next& next, const Take& take) {
    const auto begun = nowNanos();
    const auto end = begun + std::chrono::nanoseconds(time).count();
    std::size_t open = 0;
    for (std::size_t i = 0; i < each_.size(); ++i) open += ask(i, next) ? 1 : 0;
    std::vector<float> took;
    Loaded out;
    std::int64_t last = begun;
    while (open > 0) {
        epoll_event events[64];
        const int count = ::epoll_wait(poll_, events, 64, 60'000);
        if (count == 0) throw std::runtime_error("no answer for a minute");
        for (int e = 0; e < count; ++e) {
            const auto i = static_cast<std::size_t>(events[e].data.u64);
            auto& connection = each_[i];
            char bytes[16'384];
            const auto got = ::recv(connection.fd, bytes, sizeof bytes, MSG_DONTWAIT);
            if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            if (got <= 0) throw failed("a connection ended");
            connection.in.append(bytes, static_cast<std::size_t>(got));
            std::size_t body = 0;
            const auto whole = responseIn(connection.in, body);
            if (whole == 0) continue;
            const auto now = nowNanos();
            const int status = std::atoi(connection.in.c_str() + 9);
            take(i, status, std::string_view(connection.in).substr(body, whole - body));
            connection.in.erase(0, whole);
            if (now <= end) {
                took.push_back(static_cast<float>(static_cast<double>(now - connection.sentAt) / 1e6));
                last = now;
                if (ask(i, next)) continue;
            }
            --open;
        }
    }
    out.answered = took.size();
    out.seconds = static_cast<double>(last - begun) / 1e9;
    std::sort(took.begin(), took.end());
    out.p50 = at(took, 0.5);
    out.p99 = at(took, 0.99);
    return out;
}

std::string Asker::ask(const std::string& request, int expected) {
    std::string body;
    int status = 0;
    bool asked = false;
    load_.run(
        std::chrono::minutes(1),
        [&](std::size_t) { return std::exchange(asked, true) ? std::string_view() : std::string_view(request); },
        [&](std::size_t, int is, std::string_view text) {
            status = is;
            body = text;
        });
    if (status != expected) throw std::runtime_error("HTTP " + std::to_string(status) + ": " + body);
    return body;
}

std::string request(std::string_view method, std::string_view path, std::string_view contentType, std::string_view body,
                    std::string_view bearer) {
    std::string out;
    out.reserve(256 + body.size());
    out.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: bench\r\nUser-Agent: entitle-bench\r\n");
    if (!bearer.empty()) out.append("Authorization: Bearer ").append(bearer).append("\r\n");
    if (!contentType.empty()) out.append("Content-Type: ").append(contentType).append("\r\n");
    if (!contentType.empty() || !body.empty())
        out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    return out.append("\r\n").append(body);
}

}  // namespace entitle::bench
