#include "server/http/server.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/http/connection.h"

namespace entitle {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// After a failed accept (no descriptor left, usually) the next attempt waits, instead of turning in circles.
constexpr std::chrono::milliseconds acceptPause{100};

Allowed<tcp::endpoint> parseEndpoint(const std::string& text) {
    const auto colon = text.rfind(':');
    const HttpRefusal wrong{"\"" + text + "\" is no address to listen on: write 127.0.0.1:8000 or [::1]:8000"};
    if (colon == std::string::npos) return wrong;
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, bad] = std::from_chars(text.data() + colon + 1, end, port);
    if (error || bad != std::errc() || rest != end || bracketed != address.is_v6()) return wrong;
    return tcp::endpoint(address, port);
}

std::string whatNow(const error_code& error) {
    if (error == asio::error::address_in_use)
        return ". Another program listens there (ss -ltnp shows which): stop it, or name another address";
    if (error == asio::error::access_denied) return ". Ports below 1024 are the system's: name another one";
    if (error == boost::system::errc::address_not_available) return ". This machine has no such address, or not yet";
    return "";
}

IpAddress addressOf(const asio::ip::address& address) {
    const auto text = address.is_v6() ? asio::ip::address_v6(address.to_v6().to_bytes()).to_string()  // no scope
                                      : address.to_string();
    return IpAddress::parse(text).value_or(IpAddress{});
}

class Server final : public HttpServer {
  public:
    Server(HttpOptions options, std::vector<Route> routes, HttpHooks hooks, HttpClock clock, HttpMetrics& metrics)
        : options_(std::move(options)),
          hooks_(std::move(hooks)),
          clock_(std::move(clock)),
          metrics_(metrics),
          certificate_(options_.tls),
          dispatch_(options_, std::move(routes), hooks_, clock_),
          around_{options_,
                  hooks_,
                  clock_,
                  metrics_,
                  dispatch_,
                  draining_,
                  [this](Connection& connection) { forget(connection); }},
          io_(std::make_unique<asio::io_context>(options_.networkThreads)) {}

    ~Server() override {
        draining_ = true;
        io_->stop();
        for (auto& thread : threads_) thread.join();
        {
            // Nobody runs them any more; whoever wakes them later finds nothing to wake.
            const std::scoped_lock lock(mutex_);
            for (auto* connection : open_) connection->sever();
        }
        dispatch_.stop();
        acceptors_.clear();
        io_.reset();  // with it every connection
    }

    Allowed<void> listen() {
        if (auto fine = checkListen(options_); !fine) return fine.error();
        for (const auto& text : options_.listen) {
            const auto at = parseEndpoint(text).value();
            auto acceptor = std::make_shared<tcp::acceptor>(*io_);
            error_code error;
            acceptor->open(at.protocol(), error);
            if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
            if (!error && at.address().is_v6()) acceptor->set_option(asio::ip::v6_only(true), error);
            if (!error) acceptor->bind(at, error);
            if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
            if (error) return HttpRefusal{"cannot listen on " + text + ": " + error.message() + whatNow(error)};
            acceptors_.push_back(std::move(acceptor));
        }
        for (const auto& acceptor : acceptors_) asio::co_spawn(*io_, accept(acceptor), fellOver());
        for (int i = 0; i < options_.networkThreads; ++i) threads_.emplace_back([this] { serve(); });
        return {};
    }

    std::vector<std::uint16_t> ports() const override {
        std::vector<std::uint16_t> out;
        for (const auto& acceptor : acceptors_) {
            error_code ignored;
            out.push_back(acceptor->local_endpoint(ignored).port());
        }
        return out;
    }

    void useCertificate(std::shared_ptr<const TlsCertificate> certificate) override {
        const std::scoped_lock lock(mutex_);
        certificate_ = std::move(certificate);
    }

    bool drain(std::chrono::milliseconds atMost) override {
        draining_ = true;
        for (const auto& acceptor : acceptors_) {
            asio::post(acceptor->get_executor(), [acceptor] {
                error_code ignored;
                acceptor->close(ignored);
            });
        }
        std::unique_lock lock(mutex_);
        for (auto* connection : open_) connection->drain();
        const bool all = changed_.wait_for(lock, atMost, [&] { return open_.empty(); });
        for (auto* connection : open_) connection->close();
        return all;
    }

    bool draining() const override { return draining_; }

    std::size_t connections() const override {
        const std::scoped_lock lock(mutex_);
        return open_.size();
    }

  private:
    void serve() {
        for (;;) {
            try {
                io_->run();
                return;
            } catch (const std::exception& fault) {
                if (hooks_.complain) hooks_.complain(std::string("the network thread caught ") + fault.what());
            }
        }
    }

    std::function<void(std::exception_ptr)> fellOver() {
        return [this](std::exception_ptr fault) {
            if (!fault || !hooks_.complain) return;
            try {
                std::rethrow_exception(fault);
            } catch (const std::exception& error) {
                hooks_.complain(std::string("the listener ended by ") + error.what());
            }
        };
    }

    asio::awaitable<void> accept(std::shared_ptr<tcp::acceptor> acceptor) {
        asio::steady_timer pause(*io_);
        bool failing = false;
        while (!draining_) {
            // One network thread needs no strands.
            const asio::any_io_executor executor = options_.networkThreads == 1
                                                       ? asio::any_io_executor(io_->get_executor())
                                                       : asio::any_io_executor(asio::make_strand(*io_));
            tcp::socket socket(executor);
            error_code error;
            std::string words;
            try {
                const auto done = co_await acceptor->async_accept(socket, asio::as_tuple(asio::use_awaitable));
                error = std::get<0>(done);
                if (!error) admit(std::move(socket));
                words = error.message();
            } catch (const std::exception& fault) {
                error = asio::error::no_descriptors;
                words = fault.what();
            }
            if (!acceptor->is_open()) co_return;
            if (error && error != asio::error::connection_aborted) {
                if (!std::exchange(failing, true) && hooks_.complain)
                    hooks_.complain("connections cannot be accepted: " + words);
                pause.expires_after(acceptPause);
                co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
            } else {
                failing = false;
            }
        }
    }

    void admit(tcp::socket socket) {
        error_code error;
        const auto remote = socket.remote_endpoint(error);
        if (error) return;
        const auto peer = addressOf(remote.address());
        std::shared_ptr<const TlsCertificate> certificate;
        {
            const std::scoped_lock lock(mutex_);
            if (open_.size() >= options_.connections) return metrics_.connectionRefused("full");
            auto& count = perAddress_[peer.party()];
            if (count >= options_.connectionsPerAddress && !options_.proxies.contains(peer))
                return metrics_.connectionRefused("address-limit");
            ++count;
            certificate = certificate_;
        }
        socket.set_option(tcp::no_delay(true), error);
        socket.set_option(asio::socket_base::keep_alive(true), error);
        std::shared_ptr<Connection> connection;
        try {
            auto transport =
                certificate ? tlsTransport(std::move(socket), *certificate) : plainTransport(std::move(socket));
            connection = std::make_shared<Connection>(around_, std::move(transport), peer);
        } catch (...) {
            uncount(peer);
            throw;
        }
        {
            const std::scoped_lock lock(mutex_);
            open_.insert(connection.get());
        }
        metrics_.connectionOpened();
        connection->start();
    }

    void uncount(const IpAddress& peer) {
        const std::scoped_lock lock(mutex_);
        const auto found = perAddress_.find(peer.party());
        if (found != perAddress_.end() && --found->second == 0) perAddress_.erase(found);
    }

    void forget(Connection& connection) {
        uncount(connection.peer());
        metrics_.connectionClosed();
        const std::scoped_lock lock(mutex_);
        open_.erase(&connection);
        if (open_.empty()) changed_.notify_all();
    }

    const HttpOptions options_;
    const HttpHooks hooks_;
    const HttpClock clock_;
    HttpMetrics& metrics_;
    std::atomic<bool> draining_{false};
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::unordered_set<Connection*> open_;  // a pointer stands here until its connection's destructor has run
    std::map<IpAddress, std::size_t> perAddress_;
    std::shared_ptr<const TlsCertificate> certificate_;
    Dispatch dispatch_;
    Surroundings around_;
    std::unique_ptr<asio::io_context> io_;
    std::vector<std::shared_ptr<tcp::acceptor>> acceptors_;
    std::vector<std::thread> threads_;
};

}  // namespace

Allowed<void> checkListen(const HttpOptions& options) {
    for (const auto& text : options.listen) {
        const auto endpoint = parseEndpoint(text);
        if (!endpoint) return endpoint.error();
        if (!options.tls && !options.behindProxy && !endpoint->address().is_loopback())
            return HttpRefusal{"plain HTTP on " + text +
                               " would show license keys and passwords to the network: set a certificate, listen on "
                               "127.0.0.1, or say by behind_proxy that a proxy terminates TLS"};
    }
    return {};
}

Allowed<std::unique_ptr<HttpServer>> HttpServer::start(HttpOptions options, std::vector<Route> routes, HttpHooks hooks,
                                                       HttpClock clock, HttpMetrics& metrics) {
    auto server =
        std::make_unique<Server>(std::move(options), std::move(routes), std::move(hooks), std::move(clock), metrics);
    if (const auto fine = server->listen(); !fine) return fine.error();
    return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace entitle
