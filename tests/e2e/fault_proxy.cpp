#include "tests/e2e/fault_proxy.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "tests/e2e/process.h"

namespace entitle::e2e {
namespace asio = boost::asio;
namespace {

using asio::ip::tcp;
using Kind = FaultProxy::Deed::Kind;

// The whole of the first message in `bytes`; nothing as long as it is not there.
std::optional<std::size_t> sizeOfMessage(std::string_view bytes) {
    const auto head = bytes.find("\r\n\r\n");
    if (head == std::string_view::npos) return std::nullopt;
    std::string lower(bytes.substr(0, head));
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    std::size_t body = 0;
    if (const auto at = lower.find("\r\ncontent-length: "); at != std::string::npos)
        body = std::stoull(lower.substr(at + 18));
    const auto size = head + 4 + body;
    return bytes.size() >= size ? std::optional(size) : std::nullopt;
}

// One message off the front of what was read and what is read now; empty: the connection ended before.
asio::awaitable<std::string> readMessage(tcp::socket& socket, std::string& read) {
    std::array<char, 16'384> chunk{};
    boost::system::error_code error;
    for (;;) {
        if (const auto size = sizeOfMessage(read)) {
            auto message = read.substr(0, *size);
            read.erase(0, *size);
            co_return message;
        }
        const auto got =
            co_await socket.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return std::string();
        read.append(chunk.data(), got);
    }
}

asio::awaitable<bool> send(tcp::socket& socket, std::string text) {
    boost::system::error_code error;
    co_await asio::async_write(socket, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
}

asio::awaitable<void> pump(std::shared_ptr<void> /*keeps both*/, tcp::socket& from, tcp::socket& to) {
    std::array<char, 16'384> chunk{};
    boost::system::error_code error;
    for (;;) {
        const auto got =
            co_await from.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
        if (error || !co_await send(to, std::string(chunk.data(), got))) break;
    }
    to.shutdown(tcp::socket::shutdown_send, error);
}

}  // namespace

struct FaultProxy::Connection {
    explicit Connection(asio::io_context& context) : client(context), authority(context) {}
    tcp::socket client, authority;
    std::string fromClient, fromAuthority;
    void close() {
        // Shut down, not only closed: a program started meanwhile may have inherited the descriptor.
        boost::system::error_code ignored;
        for (auto* socket : {&client, &authority}) {
            socket->shutdown(tcp::socket::shutdown_both, ignored);
            socket->close(ignored);
        }
    }
};

FaultProxy::FaultProxy(std::uint16_t authority)
    : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      released_(context_, asio::steady_timer::time_point::max()),
      authority_(authority) {
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
}

FaultProxy::~FaultProxy() {
    context_.stop();
    thread_.join();
}

void FaultProxy::plan(Plan next) {
    const std::lock_guard lock(mutex_);
    plan_ = std::move(next);
}

void FaultProxy::plan(const std::string& path, Deed deed) {
    plan([path, deed = std::move(deed)](const std::string& of, const std::string&) {
        return of == path ? deed : Deed();
    });
}

void FaultProxy::release() {
    {
        const std::lock_guard lock(mutex_);
        plan_ = {};
        ++releases_;
    }
    asio::post(context_, [this] { released_.cancel(); });
}

void FaultProxy::redirect(std::uint16_t authority) {
    const std::lock_guard lock(mutex_);
    authority_ = authority;
}

void FaultProxy::breakConnections() {
    asio::post(context_, [this] {
        for (const auto& each : connections_)
            if (const auto connection = each.lock()) connection->close();
        connections_.clear();
    });
}

std::vector<FaultProxy::Exchange> FaultProxy::exchanges(std::string_view path) const {
    const std::lock_guard lock(mutex_);
    std::vector<Exchange> found;
    for (const auto& each : exchanges_)
        if (each.path == path) found.push_back(each);
    return found;
}

std::string FaultProxy::told() const {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const auto& each : exchanges_)
        out += each.path +
               (each.answer.empty() ? ", no answer" : ", " + each.answer.substr(0, each.answer.find('\r'))) +
               (each.done ? "\n" : ", under way\n");
    return out;
}

std::size_t FaultProxy::tunnels() const {
    const std::lock_guard lock(mutex_);
    return tunnels_;
}

bool FaultProxy::wait(std::string_view path, std::size_t count,
                      const std::function<bool(const Exchange&)>& counts) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] {
        return static_cast<std::size_t>(std::count_if(exchanges_.begin(), exchanges_.end(), [&](const Exchange& each) {
                   return each.path == path && counts(each);
               })) >= count;
    });
}

bool FaultProxy::waitArrived(std::string_view path, std::size_t count) const {
    return wait(path, count, [](const Exchange&) { return true; });
}

bool FaultProxy::waitDone(std::string_view path, std::size_t count) const {
    return wait(path, count, [](const Exchange& each) { return each.done; });
}

bool FaultProxy::waitAnswered(std::string_view path, std::size_t count) const {
    return wait(path, count, [](const Exchange& each) { return !each.answer.empty(); });
}

std::size_t FaultProxy::begin(Exchange exchange) {
    const std::lock_guard lock(mutex_);
    exchanges_.push_back(std::move(exchange));
    changed_.notify_all();
    return exchanges_.size() - 1;
}

void FaultProxy::change(std::size_t exchange, const std::function<void(Exchange&)>& how) {
    const std::lock_guard lock(mutex_);
    how(exchanges_[exchange]);
    changed_.notify_all();
}

asio::awaitable<void> FaultProxy::accept() {
    for (;;) {
        auto connection = std::make_shared<Connection>(context_);
        boost::system::error_code error;
        co_await acceptor_.async_accept(connection->client, asio::redirect_error(asio::use_awaitable, error));
        if (error) continue;
        std::erase_if(connections_, [](const auto& each) { return each.expired(); });
        connections_.push_back(connection);
        asio::co_spawn(context_, serve(std::move(connection)), asio::detached);
    }
}

asio::awaitable<void> FaultProxy::held(std::uint64_t until) {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (releases_ >= until) co_return;
        }
        boost::system::error_code cancelled;
        co_await released_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
}

asio::awaitable<void> FaultProxy::tunnel(std::shared_ptr<Connection> connection, const std::string& request) {
    {
        const std::lock_guard lock(mutex_);
        ++tunnels_;
    }
    // "CONNECT host:port HTTP/1.1": whatever the name, it is on this machine.
    const auto name = request.substr(8, request.find(' ', 8) - 8);
    const auto port = static_cast<std::uint16_t>(std::stoi(name.substr(name.rfind(':') + 1)));
    boost::system::error_code error;
    co_await connection->authority.async_connect({asio::ip::address_v4::loopback(), port},
                                                 asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    if (!co_await send(connection->client, "HTTP/1.1 200 Connection established\r\n\r\n")) co_return;
    asio::co_spawn(context_, pump(connection, connection->authority, connection->client), asio::detached);
    co_await pump(connection, connection->client, connection->authority);
}

asio::awaitable<void> FaultProxy::serve(std::shared_ptr<Connection> connection) {
    auto& client = connection->client;
    auto& authority = connection->authority;
    boost::system::error_code error;
    for (;;) {
        auto request = co_await readMessage(client, connection->fromClient);
        if (request.empty()) break;
        if (request.starts_with("CONNECT ")) co_return co_await tunnel(connection, request);
        const auto space = request.find(' ');
        const auto path = request.substr(space + 1, request.find(' ', space + 1) - space - 1);
        Deed deed;
        std::uint64_t release = 0;
        std::uint16_t port = 0;
        {
            const std::lock_guard lock(mutex_);
            if (plan_) deed = plan_(path, request);
            release = releases_ + 1;
            port = authority_;
        }
        const auto number = begin({path, request, "", false});
        const auto done = [&] { change(number, [](Exchange& each) { each.done = true; }); };
        if (deed.kind == Kind::holdRequest) co_await held(release);
        std::string answer = deed.text;
        if (deed.kind != Kind::say) {
            if (!authority.is_open()) {
                co_await authority.async_connect({asio::ip::address_v4::loopback(), port},
                                                 asio::redirect_error(asio::use_awaitable, error));
                if (error) {
                    done();
                    break;
                }
            }
            if (deed.kind == Kind::cutRequest) {
                (void)co_await send(authority, request.substr(0, deed.bytes));
                connection->close();
                done();
                co_return;
            }
            if (!co_await send(authority, request)) break;
            answer = co_await readMessage(authority, connection->fromAuthority);
            if (answer.empty()) {
                done();
                break;
            }
            change(number, [&](Exchange& each) { each.answer = answer; });
            if (deed.kind == Kind::sayInstead) answer = deed.text;
        }
        if (deed.kind == Kind::holdAnswer) co_await held(release);
        if (deed.kind == Kind::cutAnswer) {
            (void)co_await send(client, answer.substr(0, deed.bytes));
            connection->close();
            done();
            co_return;
        }
        const auto piece = deed.kind == Kind::pieces ? std::max<std::size_t>(deed.bytes, 1) : answer.size();
        bool good = true;
        if (deed.kind == Kind::pieces) client.set_option(tcp::no_delay(true), error);
        for (std::size_t at = 0; good && at < answer.size(); at += piece)
            good = co_await send(client, answer.substr(at, piece));
        done();
        const bool ends = deed.kind == Kind::say || deed.kind == Kind::sayInstead;
        if (!good || ends) break;
    }
    connection->close();
}

}  // namespace entitle::e2e
