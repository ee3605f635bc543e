#include "proto/wire_network.h"

#include <cstring>

#include <kj/debug.h>

namespace entitle {

using capnp::rpc::twoparty::Side;

// Calls and answers of the daemon fit into its own space; larger ones get what they say they need, or grow.
class WireNetwork::Outgoing final : public capnp::OutgoingRpcMessage {
  public:
    Outgoing(WireNetwork& network, capnp::uint firstSegmentWords)
        : network_(network),
          large_(firstSegmentWords > ownWords ? zeroes(firstSegmentWords) : nullptr),
          message_(large_.size() == 0 ? kj::arrayPtr(own_, ownWords) : large_.asPtr()) {}

    capnp::AnyPointer::Builder getBody() override { return message_.getRoot<capnp::AnyPointer>(); }

    // At once: the stream copies it, and errors reach us by reading.
    void send() override {
        const auto segments = message_.getSegmentsForOutput();
        std::size_t words = 0;
        for (const auto& segment : segments) words += segment.size();
        KJ_REQUIRE(words < network_.options_.traversalLimitInWords, words,
                   "the message is larger than the peer accepts, so it is not sent") {
            return;
        }
        network_.stream_.send(segments);
    }

    std::size_t sizeInWords() override { return message_.sizeInWords(); }

  private:
    static constexpr capnp::uint ownWords = 48;
    static kj::Array<capnp::word> zeroes(capnp::uint words) {
        auto space = kj::heapArray<capnp::word>(words);
        std::memset(space.begin(), 0, space.asBytes().size());
        return space;
    }

    WireNetwork& network_;
    capnp::word own_[ownWords] = {};
    kj::Array<capnp::word> large_;
    capnp::MallocMessageBuilder message_;
};

WireNetwork::WireNetwork(MessageStream& stream, Side ours, capnp::ReaderOptions options)
    : stream_(stream), ours_(ours), options_(options), peer_(kj::arrayPtr(peerSpace_, 4)) {
    peer_.initRoot<capnp::rpc::twoparty::VatId>().setSide(ours == Side::CLIENT ? Side::SERVER : Side::CLIENT);
}

kj::Maybe<kj::Own<WireNetwork::Peer>> WireNetwork::connect(capnp::rpc::twoparty::VatId::Reader whom) {
    if (whom.getSide() == ours_) return nullptr;
    return kj::Own<Peer>(this, kj::NullDisposer::instance);
}

kj::Promise<kj::Own<WireNetwork::Peer>> WireNetwork::accept() {
    if (ours_ == Side::CLIENT || accepted_) return kj::NEVER_DONE;
    accepted_ = true;
    return kj::Own<Peer>(this, kj::NullDisposer::instance);
}

capnp::rpc::twoparty::VatId::Reader WireNetwork::getPeerVatId() {
    return peer_.getRoot<capnp::rpc::twoparty::VatId>();
}

kj::Own<capnp::OutgoingRpcMessage> WireNetwork::newOutgoingMessage(capnp::uint firstSegmentWords) {
    return kj::heap<Outgoing>(*this, firstSegmentWords);
}

kj::Promise<kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>> WireNetwork::receiveIncomingMessage() {
    return stream_.receive(options_);
}

kj::Promise<void> WireNetwork::shutdown() {
    return stream_.end();
}

}  // namespace entitle
