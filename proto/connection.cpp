#include "proto/connection.h"

#include <optional>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <capnp/rpc.h>

#include "proto/wire_network.h"

namespace entitle {

struct Connection::Parts : std::enable_shared_from_this<Connection::Parts> {
    Parts(KjLoop& loop, OnClosed onClosed) : loop(loop), onClosed(std::move(onClosed)) {}
    ~Parts() { dismantle(CloseReason::local); }

    void start(std::unique_ptr<ByteStream> bytes, const WireLimits& limits, capnp::rpc::twoparty::Side side,
               std::optional<Serving> serving);
    void closeSoon(CloseReason);
    void dismantle(CloseReason);

    KjLoop& loop;
    OnClosed onClosed;
    // Destroyed from the last to the first: the RPC system uses the network, and the network the stream.
    std::optional<MessageStream> stream;
    std::optional<WireNetwork> network;
    std::optional<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc;
    std::optional<boost::asio::steady_timer> silence;
    bool closing = false;
};

void Connection::Parts::start(std::unique_ptr<ByteStream> bytes, const WireLimits& limits,
                              capnp::rpc::twoparty::Side side, std::optional<Serving> serving) {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = limits.traversalWords;
    options.nestingLimit = limits.nesting;
    stream.emplace(
        loop, std::move(bytes), limits, serving ? serving->budget : nullptr,
        [this](CloseReason reason) { closeSoon(reason); },
        serving ? std::move(serving->quick) : std::vector<QuickMethod>());
    network.emplace(*stream, side, options);
    if (serving) {
        rpc.emplace(capnp::makeRpcServer(*network, kj::mv(serving->bootstrap)));
    } else {
        rpc.emplace(capnp::makeRpcClient(*network));
    }
    rpc->setFlowLimit(limits.flowWords);

    if (limits.firstMessage.count() == 0) return;
    silence.emplace(loop.context(), limits.firstMessage);
    silence->async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (error || !self || !self->stream) return;
        if (!self->stream->sawMessage()) self->closeSoon(CloseReason::silent);
        self->silence.reset();
    });
}

// Posted, because the stream says so from inside the RPC system: what is on the stack must not be destroyed under it.
// By the time the handler runs, the RPC system has sent the peer its reason.
void Connection::Parts::closeSoon(CloseReason reason) {
    if (closing) return;
    closing = true;
    boost::asio::post(loop.context(), [weak = weak_from_this(), reason] {
        const auto self = weak.lock();
        if (!self) return;
        self->loop.enter([&] {
            self->dismantle(reason);
            if (self->onClosed) std::exchange(self->onClosed, nullptr)(reason);
        });
    });
}

void Connection::Parts::dismantle(CloseReason reason) {
    silence.reset();
    rpc.reset();
    if (stream) stream->close(reason);
    network.reset();
    stream.reset();
}

Connection::Connection(KjLoop& loop, std::unique_ptr<ByteStream> stream, const WireLimits& limits, Serving serving,
                       OnClosed onClosed)
    : parts_(std::make_shared<Parts>(loop, std::move(onClosed))) {
    loop.enter(
        [&] { parts_->start(std::move(stream), limits, capnp::rpc::twoparty::Side::SERVER, std::move(serving)); });
}

Connection::Connection(KjLoop& loop, std::unique_ptr<ByteStream> stream, const WireLimits& limits, OnClosed onClosed)
    : parts_(std::make_shared<Parts>(loop, std::move(onClosed))) {
    loop.enter([&] { parts_->start(std::move(stream), limits, capnp::rpc::twoparty::Side::CLIENT, std::nullopt); });
}

Connection::~Connection() {
    parts_->onClosed = nullptr;
    parts_->loop.enter([this] { parts_->dismantle(CloseReason::local); });
}

capnp::Capability::Client Connection::remoteBootstrap() {
    if (!parts_->rpc) return KJ_EXCEPTION(DISCONNECTED, "the connection is closed");
    return parts_->rpc->bootstrap(parts_->network->peer());
}

void Connection::close(CloseReason reason) {
    parts_->closeSoon(reason);
}

std::size_t Connection::backlog() const {
    return parts_->stream ? parts_->stream->backlog() : 0;
}
std::size_t Connection::openQuestions() const {
    return parts_->stream ? parts_->stream->openQuestions() : 0;
}
bool Connection::sawMessage() const {
    return parts_->stream && parts_->stream->sawMessage();
}

}  // namespace entitle
