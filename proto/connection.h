// One Cap'n Proto RPC connection, of the daemon or of a client.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <capnp/capability.h>

#include "proto/budget.h"
#include "proto/kj_on_asio.h"
#include "proto/limits.h"
#include "proto/message_stream.h"

namespace entitle {

// Owns a stream, a TwoPartyVatNetwork and an RpcSystem. It lives until its owner destroys it, which closes the stream
// and drops every capability the peer holds of us.
//
// onClosed is called once, when the peer is gone, broke a limit or the protocol, or the stream failed; not when the
// owner destroys the connection first. Nothing of the connection is on the stack then: destroy it right there. By then
// the peer's capabilities of ours are dropped, and calls under way to the peer have failed as DISCONNECTED.
//
//   connection = std::make_unique<Connection>(loop, std::move(socket), WireLimits{}, Connection::Serving{bootstrap},
//                                             [&](CloseReason why) { connections.erase(id); });
class Connection {
  public:
    using OnClosed = std::function<void(CloseReason)>;
    // The capability a peer gets when it asks for the bootstrap interface.
    struct Serving {
        capnp::Capability::Client bootstrap;
        std::shared_ptr<Budget> budget = nullptr;  // what the peer makes us hold; null: counted nowhere
        std::vector<QuickMethod> quick = {};       // of the bootstrap's methods; see proto/shortcut.h
    };

    // A daemon's end. `stream`: a connected Asio stream of loop.context().
    template <class Stream>
    Connection(KjLoop& loop, Stream stream, const WireLimits& limits, Serving serving, OnClosed onClosed)
        : Connection(loop, byteStream(std::move(stream)), limits, std::move(serving), std::move(onClosed)) {}
    // A client's end.
    template <class Stream>
    Connection(KjLoop& loop, Stream stream, const WireLimits& limits, OnClosed onClosed)
        : Connection(loop, byteStream(std::move(stream)), limits, std::move(onClosed)) {}

    Connection(KjLoop&, std::unique_ptr<ByteStream>, const WireLimits&, Serving, OnClosed);
    Connection(KjLoop&, std::unique_ptr<ByteStream>, const WireLimits&, OnClosed);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // A client's end: the daemon's bootstrap interface. Calls may be made on it at once.
    template <class Interface>
    typename Interface::Client bootstrap() {
        return remoteBootstrap().template castAs<Interface>();
    }

    // Ends it as if the peer had broken a limit: onClosed follows, posted.
    void close(CloseReason = CloseReason::local);

    std::size_t backlog() const;        // bytes written and not sent
    std::size_t openQuestions() const;  // of the peer
    bool sawMessage() const;

  private:
    struct Parts;  // stream, network, RPC system, in the order they must die
    capnp::Capability::Client remoteBootstrap();

    std::shared_ptr<Parts> parts_;
};

}  // namespace entitle
