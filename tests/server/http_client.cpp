#include "tests/server/http_client.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <boost/json/parse.hpp>
#include <netinet/in.h>

#include "server/http/problem.h"

namespace entitle::testing {

std::string Received::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
}

std::string Received::code() const {
    if (header("content-type") != problemType) return {};
    return std::string(boost::json::parse(body).at("code").as_string());
}

Client::Client(std::uint16_t port, const char* from) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) throw std::runtime_error("no socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (from != nullptr) {
        ::inet_pton(AF_INET, from, &address.sin_addr);
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error(std::string("cannot bind to ") + from);
    }
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd_);
        throw std::runtime_error("nobody listens");
    }
}

Client::~Client() {
    ::close(fd_);
}

bool Client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool Client::fill(std::chrono::steady_clock::time_point until) {
    if (ended_) return false;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd event{fd_, POLLIN, 0};
    if (::poll(&event, 1, static_cast<int>(std::max<long long>(left, 0))) <= 0) return false;
    char bytes[16 * 1024];
    const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) {
        ended_ = true;
        return false;
    }
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
}

Received Client::receive(bool head, std::chrono::milliseconds atMost) {
    const auto until = std::chrono::steady_clock::now() + atMost;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
        if (!fill(until)) return {};
    Received out;
    out.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    if (!out.head.starts_with("HTTP/1.")) return {};
    for (auto at = out.head.find("\r\n") + 2; at < out.head.size();) {
        const auto line = out.head.substr(at, out.head.find("\r\n", at) - at);
        at += line.size() + 2;
        const auto colon = line.find(": ");
        auto name = line.substr(0, colon);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        out.headers.emplace(std::move(name), line.substr(colon + 2));
    }
    const auto length = head || out.header("content-length").empty() ? 0 : std::stoul(out.header("content-length"));
    while (buffer_.size() < length)
        if (!fill(until)) return {};
    out.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    out.status = std::stoi(out.head.substr(9, 3));
    return out;
}

bool Client::closedWithin(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (fill(until)) continue;
    return ended_;
}

bool Client::silentFor(std::chrono::milliseconds time) {
    return !fill(std::chrono::steady_clock::now() + time) && !ended_;
}

void Client::halfClose() {
    ::shutdown(fd_, SHUT_WR);
}

void Client::reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd_);
    fd_ = -1;
    ended_ = true;
}

std::string get(std::string_view path, std::string_view headers) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: here\r\n" + std::string(headers) + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view headers, std::string_view type) {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: here\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" +
           std::string(body);
}

bool eventually(const std::function<bool()>& so) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!so()) {
        if (std::chrono::steady_clock::now() > until) return false;
        ::poll(nullptr, 0, 2);
    }
    return true;
}

}  // namespace entitle::testing
