#include "proto/inbound.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <capnp/rpc.capnp.h>
#include <kj/exception.h>

namespace entitle {

namespace {

kj::ArrayPtr<const capnp::word> segmentOf(const std::byte* frame, std::uint32_t segments, std::uint32_t headerBytes,
                                          capnp::uint id) {
    if (id >= segments) return nullptr;
    const std::byte* at = frame + headerBytes;
    for (capnp::uint i = 0; i < id; ++i) at += std::size_t{segmentWords(frame, i)} * wordBytes;
    return kj::arrayPtr(reinterpret_cast<const capnp::word*>(at), segmentWords(frame, id));
}

}  // namespace

static_assert(sizeof(InboundMessage) % wordBytes == 0 && alignof(InboundMessage) >= wordBytes, "words are aligned");

class InboundMessage::Disposer final : public kj::Disposer {
  public:
    static const Disposer instance;

  protected:
    void disposeImpl(void* pointer) const override {
        static_cast<InboundMessage*>(pointer)->~InboundMessage();
        ::operator delete(pointer);
    }
};
const InboundMessage::Disposer InboundMessage::Disposer::instance;

InboundMessage::InboundMessage(std::span<const std::byte> bytes, const Frame& frame, capnp::ReaderOptions options,
                               const std::shared_ptr<Budget>& budget)
    : capnp::MessageReader(options),
      segments_(frame.segments),
      headerBytes_(frame.headerBytes),
      bytes_(frame.bytes),
      charge_(budget) {
    std::memcpy(reinterpret_cast<std::byte*>(this) + sizeof(InboundMessage), bytes.data(), bytes.size());
}

kj::Own<InboundMessage> InboundMessage::make(std::span<const std::byte> bytes, const Frame& frame,
                                             capnp::ReaderOptions options, const std::shared_ptr<Budget>& budget) {
    void* memory = ::operator new(sizeof(InboundMessage) + frame.bytes);
    auto* message = new (memory) InboundMessage(bytes.first(frame.bytes), frame, options, budget);
    kj::Own<InboundMessage> owned(message, Disposer::instance);
    if (!message->charge_.resize(sizeof(InboundMessage) + frame.bytes)) return {};
    return owned;
}

kj::ArrayPtr<const capnp::word> InboundMessage::getSegment(capnp::uint id) {
    return segmentOf(frame(), segments_, headerBytes_, id);
}

kj::ArrayPtr<const capnp::word> FrameReader::getSegment(capnp::uint id) {
    return segmentOf(bytes_, frame_.segments, frame_.headerBytes, id);
}

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
    if (size() != 0) std::memcpy(larger.get(), data(), size());
    end_ -= begin_;
    begin_ = 0;
    bytes_ = std::move(larger);
    capacity_ = capacity;
    return true;
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
            case capnp::rpc::Message::FINISH:
                end(root.getFinish().getQuestionId());
                return Kind::finishes;
            case capnp::rpc::Message::ABORT:
                return Kind::abort;
            default:
                return Kind::other;
        }
        const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
        if (at != ids_.end() && *at == id) return Kind::reopens;
        ids_.insert(at, id);
        return Kind::opens;
    } catch (const kj::Exception&) {
        return Kind::malformed;
    }
}

void OpenQuestions::answered(capnp::MessageReader& message) {
    const auto root = message.getRoot<capnp::rpc::Message>();
    if (!root.isReturn()) return;
    // Return.noFinishNeeded, the bit behind releaseParamCaps: older schemas have no name for it.
    // Source: https://github.com/capnproto/capnproto/blob/v1.1.0/c%2B%2B/src/capnp/rpc.capnp
    constexpr std::size_t flags = 4;
    constexpr unsigned noFinishNeeded = 1u << 1;
    const auto answer = root.getReturn();
    const capnp::Data::Reader data = capnp::AnyStruct::Reader(answer).getDataSection();
    if (data.size() > flags && (data[flags] & noFinishNeeded) != 0) end(answer.getAnswerId());
}

// Only a question that is open can be ended: a Finish sent twice must not hide another question.
void OpenQuestions::end(std::uint32_t id) {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
    if (at != ids_.end() && *at == id) ids_.erase(at);
}

}  // namespace entitle
