#include "proto/inbound.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <capnp/rpc.capnp.h>
#include <kj/exception.h>

namespace entitle {
namespace {

// The reader and its words in one allocation.
class StoredMessage final : public capnp::MessageReader {
  public:
    static StoredMessage* make(std::span<const std::byte> bytes, const Frame& frame, capnp::ReaderOptions options,
                               const std::shared_ptr<Budget>& budget) {
        void* memory = ::operator new(sizeof(StoredMessage) + bytes.size());
        try {
            return new (memory) StoredMessage(bytes, frame, options, budget);
        } catch (...) {
            ::operator delete(memory);
            throw;
        }
    }

    kj::ArrayPtr<const capnp::word> getSegment(capnp::uint id) override {
        if (id >= segments_) return nullptr;
        const std::byte* at = frame() + headerBytes_;
        for (capnp::uint i = 0; i < id; ++i) at += std::size_t{segmentWords(frame(), i)} * wordBytes;
        return kj::arrayPtr(reinterpret_cast<const capnp::word*>(at), segmentWords(frame(), id));
    }

    bool charge(std::size_t bytes) { return charge_.resize(bytes); }

    class Disposer final : public kj::Disposer {
      protected:
        void disposeImpl(void* pointer) const override {
            static_cast<StoredMessage*>(pointer)->~StoredMessage();
            ::operator delete(pointer);
        }
    };

  private:
    StoredMessage(std::span<const std::byte> bytes, const Frame& frame, capnp::ReaderOptions options,
                  const std::shared_ptr<Budget>& budget)
        : capnp::MessageReader(options), segments_(frame.segments), headerBytes_(frame.headerBytes), charge_(budget) {
        std::memcpy(reinterpret_cast<std::byte*>(this) + sizeof(StoredMessage), bytes.data(), bytes.size());
    }
    const std::byte* frame() const { return reinterpret_cast<const std::byte*>(this) + sizeof(StoredMessage); }

    std::uint32_t segments_;
    std::uint32_t headerBytes_;
    Charge charge_;
};
static_assert(sizeof(StoredMessage) % wordBytes == 0 && alignof(StoredMessage) >= wordBytes, "words are aligned");

const StoredMessage::Disposer storedMessageDisposer;

}  // namespace

InboundBuffer::InboundBuffer(const WireLimits& limits, std::shared_ptr<Budget> budget)
    : limits_(limits), charge_(std::move(budget)) {}

std::span<std::byte> InboundBuffer::space() {
    // The largest buffer that is ever of use: a whole message and its header.
    const std::size_t most =
        std::size_t{limits_.maxMessageWords} * wordBytes + (limits_.maxSegments / 2 + 1) * wordBytes;
    std::size_t wanted = capacity_;
    if (filled_ || size() == capacity_) {
        wanted = std::min(std::max(capacity_ * 2, idleBytes), most);
    } else if (size() == 0 && lastRead_ <= idleBytes && capacity_ > idleBytes) {
        wanted = idleBytes;
    }
    filled_ = false;
    if (wanted != capacity_ && !resize(wanted)) return {};
    if (begin_ > 0) {
        std::memmove(bytes_.get(), data(), size());
        end_ -= begin_;
        begin_ = 0;
    }
    return {bytes_.get() + end_, capacity_ - end_};
}

void InboundBuffer::commit(std::size_t bytes) {
    end_ += bytes;
    lastRead_ = bytes;
    filled_ = end_ == capacity_;
}

Frame InboundBuffer::next() const {
    return inspectFrame({data(), size()}, limits_);
}

void InboundBuffer::consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
}

bool InboundBuffer::resize(std::size_t capacity) {
    if (!charge_.resize(capacity > idleBytes ? capacity - idleBytes : 0)) return false;
    std::unique_ptr<std::byte[]> larger(new std::byte[capacity]);
    std::memcpy(larger.get(), data(), size());
    end_ -= begin_;
    begin_ = 0;
    bytes_ = std::move(larger);
    capacity_ = capacity;
    return true;
}

kj::Own<capnp::MessageReader> storeMessage(std::span<const std::byte> bytes, const Frame& frame,
                                           capnp::ReaderOptions options, const std::shared_ptr<Budget>& budget) {
    StoredMessage* message = StoredMessage::make(bytes.first(frame.bytes), frame, options, budget);
    kj::Own<StoredMessage> owned(message, storedMessageDisposer);
    if (!message->charge(sizeof(StoredMessage) + frame.bytes)) return {};
    return owned;
}

OpenQuestions::Kind OpenQuestions::count(capnp::MessageReader& message) {
    // By libcapnp's own reader, not by looking at fixed offsets: it also finds a root behind a far pointer.
    try {
        const auto root = message.getRoot<capnp::rpc::Message>();
        std::uint32_t id = 0;
        switch (root.which()) {
            case capnp::rpc::Message::BOOTSTRAP:
                id = root.getBootstrap().getQuestionId();
                break;
            case capnp::rpc::Message::CALL:
                id = root.getCall().getQuestionId();
                break;
            case capnp::rpc::Message::FINISH: {
                id = root.getFinish().getQuestionId();
                const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
                // Only a question that is open can be finished: a Finish sent twice must not hide another question.
                if (at != ids_.end() && *at == id) ids_.erase(at);
                return Kind::finishes;
            }
            case capnp::rpc::Message::ABORT:
                return Kind::abort;
            default:
                return Kind::other;
        }
        const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
        // An id in use is a broken rule that libcapnp reports to the peer.
        if (at == ids_.end() || *at != id) ids_.insert(at, id);
        return Kind::opens;
    } catch (const kj::Exception&) {
        return Kind::malformed;
    }
}

}  // namespace entitle
