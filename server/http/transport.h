// A connection as bytes: plain TCP, or TLS over it. Private to server/http/*.cpp, as all that includes Asio.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/http/tls.h"

namespace entitle {

struct Transferred {
    boost::system::error_code error;
    std::size_t bytes = 0;
};

// One read and one write at a time; both on the socket's executor. Cancelling the socket ends them.
class Transport {
  public:
    explicit Transport(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
    virtual ~Transport() = default;

    virtual boost::asio::awaitable<boost::system::error_code> handshake() = 0;
    virtual boost::asio::awaitable<Transferred> read(
        boost::asio::mutable_buffer) = 0;  // some; 0 with an error at the end
    virtual boost::asio::awaitable<boost::system::error_code> write(std::string_view) = 0;  // all of it
    virtual boost::asio::awaitable<void> shutdown() = 0;  // nothing more will be written

    boost::asio::ip::tcp::socket& socket() { return socket_; }

  protected:
    boost::asio::ip::tcp::socket socket_;
};

std::unique_ptr<Transport> plainTransport(boost::asio::ip::tcp::socket);
std::unique_ptr<Transport> tlsTransport(boost::asio::ip::tcp::socket, const TlsCertificate&);

}  // namespace entitle
