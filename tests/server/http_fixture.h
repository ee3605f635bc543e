// A real HTTP server on loopback inside this process, and a client that can say anything, also what no client should.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/problem.h"
#include "server/http/server.h"

namespace entitle {

// This program's worker: it has nothing to own.
struct Worker {
    int number = 0;
};

namespace testing {

inline constexpr Instant noon{Seconds{1795348800}};  // 2026-11-22T12:00:00Z

class HttpFixture {
  public:
    HttpFixture();
    ~HttpFixture() { server.reset(); }  // it logs here until its end
    // Port 0 on 127.0.0.1; throws when the server refuses.
    HttpServer& start(std::vector<Route>);
    std::uint16_t port() const { return server->ports().at(0); }
    std::vector<AccessRecord> records() const;
    std::vector<std::string> complaints() const;

    HttpOptions options;
    HttpHooks hooks;
    HttpClock clock;
    HttpMetrics metrics;
    std::unique_ptr<HttpServer> server;

  private:
    mutable std::mutex mutex_;
    std::vector<AccessRecord> records_;
    std::vector<std::string> complaints_;
    std::atomic<int> workers_{0};
};

// A route that answers `body`.
Route says(std::string method, std::string pattern, std::string body);

struct Received {
    int status = 0;  // 0: the connection ended, or the deadline passed, before a whole response
    std::string head;
    std::multimap<std::string, std::string> headers;  // names in lower case
    std::string body;
    std::string header(const std::string& name) const;
    std::string code() const;  // of a problem; empty if it is none
};

class Client {
  public:
    explicit Client(std::uint16_t port, const char* from = nullptr);  // `from`: another address of 127.0.0.0/8
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool send(std::string_view bytes);  // false: the server has closed
    // One response. `head`: of a HEAD request.
    Received receive(bool head = false, std::chrono::milliseconds atMost = std::chrono::seconds(10));
    Received ask(std::string_view bytes) { return send(bytes) ? receive() : Received{}; }
    // True: the server closed the connection within the time, whatever it sent before.
    bool closedWithin(std::chrono::milliseconds);
    bool silentFor(std::chrono::milliseconds);  // nothing arrives, nothing closes
    void halfClose();
    void reset();  // RST, not FIN
    int fd() const { return fd_; }

  private:
    bool fill(std::chrono::steady_clock::time_point until);
    int fd_ = -1;
    std::string buffer_;
    bool ended_ = false;
};

std::string get(std::string_view path, std::string_view headers = "");  // "GET … HTTP/1.1", with a Host
std::string post(std::string_view path, std::string_view body, std::string_view headers = "",
                 std::string_view type = "application/json");

// Polls until it is so. False: not within ten seconds.
bool eventually(const std::function<bool()>&);

}  // namespace testing
}  // namespace entitle
