// The HTTP server: listeners, connections, pools and limits around one table of routes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/access_log.h"
#include "server/http/limits.h"
#include "server/http/metrics.h"
#include "server/http/networks.h"
#include "server/http/refusal.h"
#include "server/http/router.h"
#include "server/http/tls.h"

namespace entitle {

// Read where time is needed, nowhere else. `steady` is for durations only.
struct HttpClock {
    std::function<Instant()> now;
    std::function<std::chrono::nanoseconds()> steady;
};

struct HttpOptions {
    std::vector<std::string> listen{"127.0.0.1:8000"};  // "address:port", "[::1]:8000"; port 0: any free one
    std::shared_ptr<const TlsCertificate> tls;          // none: plain HTTP
    bool behindProxy = false;                           // plain HTTP may listen beyond loopback
    Networks proxies;                                   // whose X-Forwarded-For is believed
    int networkThreads = 1;

    std::chrono::milliseconds handshakeTime{10'000};  // TLS
    std::chrono::milliseconds idleTime{75'000};       // between two requests
    std::chrono::milliseconds headTime{10'000};       // for the whole head of a request, from its first byte
    std::chrono::milliseconds bodyTime{20'000};       // for the whole body
    std::chrono::milliseconds writeTime{20'000};      // for the whole response
    std::size_t headBytes = 16 * 1024;
    std::uint32_t requestsPerConnection = 10'000;
    std::size_t connections = 30'000;
    std::size_t connectionsPerAddress = 256;  // proxies are exempt

    int databaseWorkers = 4;
    std::size_t databaseQueue = 1'024;
    int passwordWorkers = 1;
    std::size_t passwordQueue = 16;

    RateLimits rates;
};

// May it listen where it is told to? What `start` refuses without trying.
Allowed<void> checkListen(const HttpOptions&);

// What the server asks of those who know the domain. All but makeWorker may be empty.
struct HttpHooks {
    // For each thread of the pools, on that thread, before its first work. What it throws, `start` throws.
    std::function<std::shared_ptr<Worker>()> makeWorker;
    // Whom a bearer token stands for, on a worker; `access` is what its route asks for, which is judged afterwards.
    // None: 401. Empty: every token is refused.
    std::function<std::optional<Caller>(Worker&, std::string_view token, Access access, Instant now)> authenticate;
    // What to answer when a handler threw; nothing: 500.
    std::function<std::optional<HttpResponse>(const std::exception&)> fault;
    // A line per request, on a network thread.
    std::function<void(const AccessRecord&)> log;
    // A fault's words, for the log only.
    std::function<void(const std::string&)> complain;
};

class HttpServer {
  public:
    // Listens and serves from here on. Refused with words when an address cannot be listened on.
    // `metrics` must outlive it.
    static Allowed<std::unique_ptr<HttpServer>> start(HttpOptions, std::vector<Route>, HttpHooks, HttpClock,
                                                      HttpMetrics&);
    // Ends at once: connections are closed, handlers at work are waited for.
    virtual ~HttpServer() = default;

    virtual std::vector<std::uint16_t> ports() const = 0;  // in the order of `listen`

    // Connections made from now on get this certificate. Only for a server started with one.
    virtual void useCertificate(std::shared_ptr<const TlsCertificate>) = 0;

    // Stops accepting, closes idle connections, tells waiting ones to come again, finishes requests at work; returns
    // when all are done or after `atMost`. True: all were done.
    virtual bool drain(std::chrono::milliseconds atMost) = 0;
    virtual bool draining() const = 0;
    virtual std::size_t connections() const = 0;
};

}  // namespace entitle
