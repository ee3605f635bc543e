// A real HTTP server on loopback inside this process.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/http/problem.h"
#include "server/http/server.h"
#include "tests/server/http_client.h"

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

}  // namespace testing
}  // namespace entitle
