// The RPC system's way to its one peer: what capnp::TwoPartyVatNetwork is, without its queue of promises.
#pragma once

#include <capnp/message.h>
#include <capnp/rpc-twoparty.h>
#include <capnp/rpc.h>

#include "proto/message_stream.h"

namespace entitle {

// For one RpcSystem over one message stream, which never makes a writer wait: a message goes into the stream when it is
// sent, and is built in memory of its own size. TwoPartyVatNetwork chains half a dozen promises per message and takes
// 8 KiB when it is given no hint. The stream is told to end() when the RPC system gives the connection up.
class WireNetwork final : public capnp::TwoPartyVatNetworkBase, private capnp::TwoPartyVatNetworkBase::Connection {
  public:
    WireNetwork(MessageStream&, capnp::rpc::twoparty::Side ours, capnp::ReaderOptions);

    using Peer = capnp::TwoPartyVatNetworkBase::Connection;
    kj::Maybe<kj::Own<Peer>> connect(capnp::rpc::twoparty::VatId::Reader) override;
    kj::Promise<kj::Own<Peer>> accept() override;

    capnp::rpc::twoparty::VatId::Reader peer() { return getPeerVatId(); }

  private:
    class Outgoing;

    capnp::rpc::twoparty::VatId::Reader getPeerVatId() override;
    kj::Own<capnp::OutgoingRpcMessage> newOutgoingMessage(capnp::uint firstSegmentWords) override;
    kj::Promise<kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>> receiveIncomingMessage() override;
    kj::Promise<void> shutdown() override;

    MessageStream& stream_;
    const capnp::rpc::twoparty::Side ours_;
    const capnp::ReaderOptions options_;
    bool accepted_ = false;
    capnp::word peerSpace_[4] = {};
    capnp::MallocMessageBuilder peer_;
};

}  // namespace entitle
