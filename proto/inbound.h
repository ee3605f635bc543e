// Bytes as they arrive, cut into messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <capnp/message.h>
#include <capnp/rpc.h>
#include <kj/memory.h>

#include "proto/budget.h"
#include "proto/framing.h"
#include "proto/limits.h"

namespace entitle {

// Read-ahead for one connection. While nothing arrives it keeps `idleBytes`; it doubles when a read fills it, so that
// what a peer announces costs us nothing and what it sends costs at most twice its size.
class InboundBuffer {
  public:
    static constexpr std::size_t idleBytes = 512;

    InboundBuffer(const WireLimits&, std::shared_ptr<Budget>);

    // Where the next bytes may be put; valid until the next call of anything here but next(). Empty: the budget does
    // not reach. Grows, and gives back what a burst needed.
    std::span<std::byte> space();
    void commit(std::size_t bytes);  // that many of them have been put there

    // The first frame, whole or not. Constant time.
    Frame next() const;
    bool hasWhole() const {
        const Frame frame = next();
        return frame.state == Frame::State::known && frame.bytes <= size();
    }
    const std::byte* data() const { return bytes_.get() + begin_; }
    std::size_t size() const { return end_ - begin_; }
    void consume(std::size_t bytes);  // from the front

  private:
    bool resize(std::size_t capacity);

    const WireLimits& limits_;
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t lastRead_ = 0;
    bool filled_ = false;  // the last read left no space: more is waiting
    Charge charge_;        // of the capacity beyond idleBytes
};

// A whole frame, read where it lies: `bytes` must not move meanwhile.
class FrameReader final : public capnp::MessageReader {
  public:
    FrameReader(const std::byte* bytes, const Frame& frame, capnp::ReaderOptions options)
        : capnp::MessageReader(options), bytes_(bytes), frame_(frame) {}
    ~FrameReader() noexcept(false) {}
    kj::ArrayPtr<const capnp::word> getSegment(capnp::uint id) override;

  private:
    const std::byte* const bytes_;
    const Frame& frame_;
};

// A message in memory of its own: the reader, its words, and what the RPC system wants to see, in one allocation.
class InboundMessage final : public capnp::MessageReader, public capnp::IncomingRpcMessage {
  public:
    // `frame` is known and wholly there. Null: the budget, to which it is charged until it is dropped, does not reach.
    static kj::Own<InboundMessage> make(std::span<const std::byte> bytes, const Frame& frame, capnp::ReaderOptions,
                                        const std::shared_ptr<Budget>&);

    kj::ArrayPtr<const capnp::word> getSegment(capnp::uint id) override;
    capnp::AnyPointer::Reader getBody() override { return getRoot<capnp::AnyPointer>(); }
    std::size_t sizeInWords() override { return (bytes_ - headerBytes_) / wordBytes; }

  private:
    class Disposer;

    InboundMessage(std::span<const std::byte> bytes, const Frame&, capnp::ReaderOptions,
                   const std::shared_ptr<Budget>&);
    ~InboundMessage() noexcept(false) {}
    const std::byte* frame() const { return reinterpret_cast<const std::byte*>(this) + sizeof(InboundMessage); }

    const std::uint32_t segments_;
    const std::uint32_t headerBytes_;
    const std::uint32_t bytes_;
    Charge charge_;
};

// What a peer has asked and not finished: the Bootstrap and Call messages whose Finish has not come. Neither flow limit
// nor backlog bounds these: an answer is kept until its Finish.
class OpenQuestions {
  public:
    enum class Kind : std::uint8_t {
        other,
        opens,
        reopens,  // with the id of an open question, which breaks a rule
        finishes,
        abort,
        malformed,
    };
    // Counts one message of the peer's.
    Kind count(capnp::MessageReader&);
    // One of ours was sent. An answer may say that no Finish is needed, and then ends its question: the peer sends
    // none, and takes the id again. libcapnp's answers say so from 1.1 on.
    void answered(capnp::MessageReader&);
    std::size_t size() const { return ids_.size(); }

  private:
    void end(std::uint32_t id);
    std::vector<std::uint32_t> ids_;  // ascending. Peers reuse the lowest free id, so that it stays short
};

}  // namespace entitle
