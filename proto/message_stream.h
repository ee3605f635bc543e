// Cap'n Proto messages over an Asio stream: guarded, counted, with as few system calls as will do.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>
#include <capnp/rpc.h>
#include <capnp/serialize-async.h>

#include "proto/budget.h"
#include "proto/kj_on_asio.h"
#include "proto/limits.h"
#include "proto/operation_memory.h"
#include "proto/shortcut.h"

namespace entitle {

class WireState;  // buffers, counts and the stream: shared by the message stream and the handlers under way

// What the wire asks of a stream. One read and one write may be under way at a time; their completions keep the state,
// and with it the buffers, alive until the system is done with them, cancelled or not.
class ByteStream {
  public:
    virtual ~ByteStream() = default;
    virtual void readSome(std::span<std::byte>, boost::intrusive_ptr<WireState>) = 0;
    virtual void writeSome(std::span<const std::byte>, boost::intrusive_ptr<WireState>) = 0;
    // Sends what can be sent at once, never sleeps. would_block: nothing can.
    virtual std::size_t tryWrite(std::span<const std::byte>, boost::system::error_code&) = 0;
    virtual void shutdownSend() noexcept = 0;
    virtual void close() noexcept = 0;
};

void intrusive_ptr_add_ref(WireState*) noexcept;
void intrusive_ptr_release(WireState*) noexcept;
void readCompleted(WireState&, boost::system::error_code, std::size_t);
void writeCompleted(WireState&, boost::system::error_code, std::size_t);
OperationMemory& readMemory(WireState&) noexcept;

struct ReadHandler {
    using allocator_type = OperationAllocator<void>;
    allocator_type get_allocator() const noexcept { return allocator_type(readMemory(*state)); }
    void operator()(boost::system::error_code error, std::size_t size) const { readCompleted(*state, error, size); }
    boost::intrusive_ptr<WireState> state;
};

template <class Stream>
concept SendsWithoutWaiting = requires(Stream stream, boost::system::error_code error) {
    stream.non_blocking(true, error);
    stream.native_non_blocking(true, error);
};
template <class Stream>
concept ClosesOneWay = requires(Stream stream, boost::system::error_code error) {
    stream.shutdown(boost::asio::socket_base::shutdown_send, error);
};

// Any stream of Asio's as a ByteStream: a Unix socket, or a pipe that knows neither non-blocking sends nor half a
// close.
template <class Stream>
class AsioByteStream final : public ByteStream {
  public:
    explicit AsioByteStream(Stream stream) : stream_(std::move(stream)) {
        boost::system::error_code ignored;
        if constexpr (SendsWithoutWaiting<Stream>) stream_.non_blocking(true, ignored);
    }
    void readSome(std::span<std::byte> space, boost::intrusive_ptr<WireState> state) override {
        stream_.async_read_some(boost::asio::buffer(space.data(), space.size()), ReadHandler{std::move(state)});
    }
    void writeSome(std::span<const std::byte> bytes, boost::intrusive_ptr<WireState> state) override {
        stream_.async_write_some(boost::asio::buffer(bytes.data(), bytes.size()),
                                 [state = std::move(state)](boost::system::error_code error, std::size_t size) {
                                     writeCompleted(*state, error, size);
                                 });
    }
    std::size_t tryWrite(std::span<const std::byte> bytes, boost::system::error_code& error) override {
        if constexpr (SendsWithoutWaiting<Stream>) {
            return stream_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
        } else {
            error = boost::asio::error::would_block;
            return 0;
        }
    }
    void shutdownSend() noexcept override {
        boost::system::error_code ignored;
        if constexpr (ClosesOneWay<Stream>) stream_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
    }
    void close() noexcept override {
        boost::system::error_code ignored;
        stream_.close(ignored);
    }

  private:
    Stream stream_;
};

template <class Stream>
std::unique_ptr<ByteStream> byteStream(Stream stream) {
    return std::make_unique<AsioByteStream<Stream>>(std::move(stream));
}

// Messages over a ByteStream, for one RPC system.
//
// Incoming: a header is checked against the limits before libcapnp or the allocator sees it; memory grows only as bytes
// arrive; one read serves as many messages as it brought; Bootstrap and Call minus Finish are counted. Above the
// backlog limit no message is handed on and nothing is read, until the peer has read its answers. Outgoing: messages
// are copied into the backlog and leave in one send per turn of the loop. A write never fails here, and its promise is
// always ready: a broken stream is reported once, to `onEnd`. No file descriptors.
//
// WireNetwork uses receive() and send(). As a capnp::MessageStream it serves any other network as well.
class MessageStream final : public capnp::MessageStream {
  public:
    // Called once, inside a turn of the loop or a handler; after it reads end and writes are dropped. It must not
    // destroy the stream: post that.
    using OnEnd = std::function<void(CloseReason)>;

    // Calls of `quick` methods are answered here, provided that the RPC system's bootstrap capability has them.
    MessageStream(KjLoop&, std::unique_ptr<ByteStream>, const WireLimits&, std::shared_ptr<Budget>, OnEnd,
                  std::vector<QuickMethod> quick = {});
    ~MessageStream() noexcept(false);

    // The next message; null at the end of the stream. One at a time.
    kj::Promise<kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>> receive(const capnp::ReaderOptions&);
    void send(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments);

    kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
        kj::ArrayPtr<kj::AutoCloseFd> fdSpace, capnp::ReaderOptions = capnp::ReaderOptions(),
        kj::ArrayPtr<capnp::word> scratch = nullptr) override;
    // Cap'n Proto 0.9.2 sends by this …
    kj::Promise<void> writeMessage(kj::ArrayPtr<const int> fds,
                                   kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
    // … and 1.x by this.
    kj::Promise<void> writeMessages(
        kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
    kj::Maybe<int> getSendBufferSize() override;
    kj::Promise<void> end() override;
    using capnp::MessageStream::tryReadMessage;
    using capnp::MessageStream::writeMessage;
    using capnp::MessageStream::writeMessages;

    // Sends what can be sent at once and closes. Messages not read yet are dropped.
    void close(CloseReason);

    std::size_t backlog() const;        // bytes written and not sent
    std::size_t openQuestions() const;  // of the peer
    bool sawMessage() const;            // one whole message has arrived

  private:
    boost::intrusive_ptr<WireState> state_;
};

}  // namespace entitle
