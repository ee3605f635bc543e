// One client's connection: its requests, one after the other, each within its limits of time and size.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "server/http/dispatch.h"
#include "server/http/transport.h"

namespace entitle {

class Connection;

// What all connections share; outlives them.
struct Surroundings {
    const HttpOptions& options;
    const HttpHooks& hooks;
    const HttpClock& clock;
    HttpMetrics& metrics;
    Dispatch& dispatch;
    std::atomic<bool>& draining;
    std::function<void(Connection&)> ended;  // from its destructor, on any thread
};

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(Surroundings&, std::unique_ptr<Transport>, const IpAddress& peer);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start();  // lives until the client goes, a limit ends it, or the server does
    void drain();  // any thread: ends what idles or waits
    void close();  // any thread: ends whatever it does
    void sever();  // while no thread runs the connection: foreign threads will not touch it any more

    const IpAddress& peer() const { return peer_; }

  private:
    struct Parsed;  // a request and what its framing says
    enum class Ended { woken, timeout, gone, draining };
    enum class Read { request, end, refused };

    boost::asio::awaitable<void> run();
    boost::asio::awaitable<bool> serveOne(bool last);  // false: the connection is over
    boost::asio::awaitable<Read> readHead(Parsed&);
    boost::asio::awaitable<Read> readBody(Parsed&);
    boost::asio::awaitable<Answered> answered(Admitted, std::shared_ptr<const HttpRequest>);
    boost::asio::awaitable<std::optional<HttpResponse>> waited(Admitted, Waiting);
    boost::asio::awaitable<Ended> newsOrEnd(Waiting&);
    boost::asio::awaitable<void> watchClient();
    boost::asio::awaitable<bool> send(HttpResponse&, const std::string& requestId, bool head, bool keepAlive,
                                      int version);
    boost::asio::awaitable<void> linger();
    boost::asio::awaitable<boost::system::error_code> readMore(std::size_t atMost);

    void examine(Parsed&);
    void within(std::chrono::milliseconds);  // whatever comes next, up to the next call
    void withoutLimit();
    void arm();
    void end(Ended);

    Surroundings& around_;
    std::unique_ptr<Transport> transport_;
    const IpAddress peer_;
    boost::beast::flat_buffer buffer_;
    boost::asio::steady_timer deadline_;
    boost::asio::steady_timer signal_;                          // woken by cancelling it
    std::optional<boost::asio::steady_timer::time_point> due_;  // none: what goes on has no limit
    bool armed_ = false;                                        // deadline_ runs, and ends when due_ is or earlier
    std::uint64_t deadlines_ = 0;                               // a timer that fired late belongs to an earlier one
    bool expired_ = false;
    bool idle_ = false;
    bool watching_ = false;
    char peeked_ = 0;
    std::optional<Wake> wake_;
    std::optional<Ended> ended_;
};

}  // namespace entitle
