// Stands between the daemon and its authority and does to one exchange what networks, portals and proxies do. It
// understands HTTP/1.1 so far that it knows where a request and an answer end; CONNECT is tunnelled unseen.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace entitle::e2e {

class FaultProxy {
  public:
    struct Deed {
        enum class Kind {
            pass,
            cutRequest,   // `bytes` of it reach the authority, then both connections end
            cutAnswer,    // the authority has answered; `bytes` of that arrive
            pieces,       // the answer arrives, in pieces of `bytes`
            say,          // `text` arrives in place of the authority's answer, which is not asked
            sayInstead,   // the same, but the authority has answered
            holdRequest,  // nothing is forwarded until release()
            holdAnswer,   // the authority has answered; nothing arrives until release()
        } kind = Kind::pass;
        std::size_t bytes = 0;
        std::string text;
    };
    // One request and what came of it, whole HTTP texts. No answer: the authority was not asked, or did not answer.
    struct Exchange {
        std::string path, request, answer;
        bool done = false;  // the deed was done
    };
    // Called with the path and the whole request, on the proxy's thread.
    using Plan = std::function<Deed(const std::string& path, const std::string& request)>;

    explicit FaultProxy(std::uint16_t authority);
    ~FaultProxy();
    FaultProxy(const FaultProxy&) = delete;
    FaultProxy& operator=(const FaultProxy&) = delete;

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
    void plan(Plan);                           // for requests from now on; empty: all pass
    void plan(const std::string& path, Deed);  // for those to one path
    void release();                            // what is held goes on, and what would be held passes
    void redirect(std::uint16_t authority);    // from the next connection on
    void breakConnections();                   // all of them, as a network that goes away

    std::vector<Exchange> exchanges(std::string_view path) const;
    std::string told() const;  // all of them, for a test that failed
    std::size_t tunnels() const;
    // Waits until `count` requests to `path` have come, or been dealt with. false: not in time.
    bool waitArrived(std::string_view path, std::size_t count) const;
    bool waitDone(std::string_view path, std::size_t count) const;
    bool waitAnswered(std::string_view path, std::size_t count) const;  // by the authority

  private:
    using tcp = boost::asio::ip::tcp;
    struct Connection;
    boost::asio::awaitable<void> accept();
    boost::asio::awaitable<void> serve(std::shared_ptr<Connection>);
    boost::asio::awaitable<void> tunnel(std::shared_ptr<Connection>, const std::string& request);
    boost::asio::awaitable<void> held(std::uint64_t until);
    bool wait(std::string_view path, std::size_t count, const std::function<bool(const Exchange&)>& counts) const;
    std::size_t begin(Exchange);
    void change(std::size_t exchange, const std::function<void(Exchange&)>&);

    boost::asio::io_context context_;
    tcp::acceptor acceptor_;
    boost::asio::steady_timer released_;
    std::vector<std::weak_ptr<Connection>> connections_;  // of the proxy's thread alone

    mutable std::mutex mutex_;  // for what follows
    mutable std::condition_variable changed_;
    std::uint16_t authority_;
    Plan plan_;
    std::uint64_t releases_ = 0;
    std::vector<Exchange> exchanges_;
    std::size_t tunnels_ = 0;
    std::thread thread_;
};

}  // namespace entitle::e2e
