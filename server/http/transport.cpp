#include "server/http/transport.h"

#include <tuple>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace entitle {

namespace asio = boost::asio;

namespace {

class Plain final : public Transport {
  public:
    using Transport::Transport;

    asio::awaitable<boost::system::error_code> handshake() override { co_return boost::system::error_code(); }
    asio::awaitable<Transferred> read(asio::mutable_buffer into) override {
        const auto done = co_await socket_.async_read_some(into, asio::as_tuple(asio::use_awaitable));
        co_return Transferred{std::get<0>(done), std::get<1>(done)};
    }
    asio::awaitable<boost::system::error_code> write(std::string_view bytes) override {
        const auto done = co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                                                     asio::as_tuple(asio::use_awaitable));
        co_return std::get<0>(done);
    }
    asio::awaitable<void> shutdown() override {
        boost::system::error_code ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
        co_return;
    }
};

}  // namespace

std::unique_ptr<Transport> plainTransport(asio::ip::tcp::socket socket) {
    return std::make_unique<Plain>(std::move(socket));
}

}  // namespace entitle
