#include "proto/message_stream.h"

#include <cstring>
#include <optional>
#include <vector>

#include <boost/asio/error.hpp>
#include <kj/debug.h>

#include "proto/inbound.h"

namespace entitle {
namespace {

// What an empty backlog may keep for the next answer. Beyond it, memory is given back.
constexpr std::size_t idleBacklog = 512;

// The two forms in which a message is handed on.
using ForRpc = kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>;
using ForStream = kj::Maybe<capnp::MessageReaderAndFds>;
template <class Form>
Form handOn(kj::Own<InboundMessage> message);
template <>
ForRpc handOn<ForRpc>(kj::Own<InboundMessage> message) {
    return kj::Own<capnp::IncomingRpcMessage>(kj::mv(message));
}
template <>
ForStream handOn<ForStream>(kj::Own<InboundMessage> message) {
    return capnp::MessageReaderAndFds{kj::mv(message), nullptr};
}

kj::Exception endedBy(CloseReason reason) {
    const std::string_view why = toString(reason);
    return kj::Exception(kj::Exception::Type::FAILED, "proto/message_stream.cpp", __LINE__,
                         kj::heapString(why.data(), why.size()));
}

}  // namespace

// Everything that has to outlive the message stream while the system may still complete an operation. Handlers hold it;
// it holds nothing of KJ but a pointer to the promise that waits, which clears it when it goes.
class WireState final : public KjLoop::BeforeSleep {
  public:
    // Nothing to hand on for now; a message; or the end.
    struct Next {
        kj::Own<InboundMessage> message;
        bool ended = false;
    };

    // The one promise that may be outstanding.
    class Waiting {
      public:
        virtual void done(Next) = 0;

      protected:
        explicit Waiting(WireState& state) : state_(&state) {
            KJ_REQUIRE(state.waiting_ == nullptr, "two reads at a time");
            state.waiting_ = this;
        }
        ~Waiting() { detach(); }
        WireState* detach() {
            if (state_ != nullptr) state_->waiting_ = nullptr;
            return std::exchange(state_, nullptr);
        }

      private:
        WireState* state_;
    };
    template <class Form>
    class WaitingFor final : public Waiting {
      public:
        WaitingFor(kj::PromiseFulfiller<Form>& fulfiller, WireState& state) : Waiting(state), fulfiller_(fulfiller) {}
        void done(Next next) override {
            const WireState& state = *detach();
            if (next.message.get() != nullptr) {
                fulfiller_.fulfill(handOn<Form>(kj::mv(next.message)));
            } else if (state.endedOrderly()) {
                fulfiller_.fulfill(Form(nullptr));
            } else {
                fulfiller_.reject(endedBy(*state.ended_));
            }
        }

      private:
        kj::PromiseFulfiller<Form>& fulfiller_;
    };

    WireState(KjLoop& loop, std::unique_ptr<ByteStream> stream, const WireLimits& limits,
              std::shared_ptr<Budget> budget, MessageStream::OnEnd onEnd, std::vector<QuickMethod> quick)
        : loop_(loop),
          stream_(std::move(stream)),
          limits_(limits),
          budget_(std::move(budget)),
          onEnd_(std::move(onEnd)),
          in_(limits_, budget_),
          backlogCharge_(budget_) {
        if (!quick.empty()) shortcut_.emplace(std::move(quick));
        loop_.callBeforeSleep(*this);  // for the first read
    }

    template <class Form>
    kj::Promise<Form> read(const capnp::ReaderOptions& options);
    void write(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments);
    void finishWriting();
    void close(CloseReason);
    void abandon();

    void readCompleted(boost::system::error_code, std::size_t);
    void writeCompleted(boost::system::error_code, std::size_t);
    void beforeSleep() noexcept override;

    std::size_t backlog() const { return out_.size() + sending_.size() - sent_; }
    std::size_t openQuestions() const { return open_.size(); }
    bool sawMessage() const { return sawMessage_; }
    OperationMemory& readMemory() noexcept { return readMemory_; }

    void addRef() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) delete this;
    }

  private:
    Next next(const capnp::ReaderOptions&);
    bool admit(const Frame&, const capnp::ReaderOptions&);
    void deliver();
    void end(CloseReason);
    bool endedOrderly() const { return *ended_ == CloseReason::peerClosed || *ended_ == CloseReason::local; }
    void send();
    void startRead();
    void dropBacklog();
    bool gateOpen() const { return !limits_.gateReads || backlog() <= limits_.backlogBytes; }

    KjLoop& loop_;
    std::unique_ptr<ByteStream> stream_;  // null: closed
    const WireLimits limits_;
    const std::shared_ptr<Budget> budget_;
    MessageStream::OnEnd onEnd_;

    InboundBuffer in_;
    OpenQuestions open_;
    std::optional<Shortcut> shortcut_;
    capnp::ReaderOptions options_;
    Waiting* waiting_ = nullptr;
    std::optional<CloseReason> ended_;
    bool readUnderWay_ = false;
    bool endOfFile_ = false;
    bool sawMessage_ = false;
    bool peerAborted_ = false;

    std::vector<std::byte> out_;      // written, waiting for the next send
    std::vector<std::byte> sending_;  // its bytes from sent_ on belong to the system while writeUnderWay_
    std::size_t sent_ = 0;
    Charge backlogCharge_;
    bool writeUnderWay_ = false;
    bool writeBroken_ = false;
    bool shutdownWanted_ = false;

    OperationMemory readMemory_;
    std::uint32_t references_ = 0;
};

void intrusive_ptr_add_ref(WireState* state) noexcept {
    state->addRef();
}
void intrusive_ptr_release(WireState* state) noexcept {
    state->release();
}
void readCompleted(WireState& state, boost::system::error_code error, std::size_t size) {
    state.readCompleted(error, size);
}
void writeCompleted(WireState& state, boost::system::error_code error, std::size_t size) {
    state.writeCompleted(error, size);
}

OperationMemory& readMemory(WireState& state) noexcept {
    return state.readMemory();
}

// ---- Incoming

template <class Form>
kj::Promise<Form> WireState::read(const capnp::ReaderOptions& options) {
    options_ = options;
    Next found = next(options);
    if (found.message.get() != nullptr) return handOn<Form>(kj::mv(found.message));
    if (!found.ended) {
        loop_.callBeforeSleep(*this);
        return kj::newAdaptedPromise<Form, WaitingFor<Form>>(*this);
    }
    if (endedOrderly()) return Form(nullptr);
    return endedBy(*ended_);
}

WireState::Next WireState::next(const capnp::ReaderOptions& options) {
    Next result;
    while (!ended_ && gateOpen() && result.message.get() == nullptr) {
        const Frame frame = in_.next();
        if (frame.state == Frame::State::bad) {
            end(CloseReason::badFrame);
        } else if (frame.state == Frame::State::known && frame.bytes <= in_.size()) {
            if (admit(frame, options)) {
                result.message = InboundMessage::make({in_.data(), in_.size()}, frame, options, budget_);
                if (result.message.get() == nullptr) end(CloseReason::overBudget);
            }
            in_.consume(frame.bytes);
        } else {
            if (endOfFile_) end(in_.size() == 0 ? CloseReason::peerClosed : CloseReason::badFrame);
            break;
        }
    }
    result.ended = ended_.has_value();
    return result;
}

// Counts the first message, and answers it if it can be answered here. Whether the RPC system is to see it.
bool WireState::admit(const Frame& frame, const capnp::ReaderOptions& options) {
    sawMessage_ = true;
    FrameReader message(in_.data(), frame, options);
    const OpenQuestions::Kind kind = open_.count(message);
    if (kind == OpenQuestions::Kind::malformed || kind == OpenQuestions::Kind::reopens) end(CloseReason::badMessage);
    if (kind == OpenQuestions::Kind::abort) peerAborted_ = true;
    if (open_.size() > limits_.maxOpenQuestions) end(CloseReason::tooManyQuestions);
    if (ended_ || !shortcut_) return !ended_;

    capnp::word space[64] = {};  // enough for a verdict and its sentence
    capnp::MallocMessageBuilder answer(kj::arrayPtr(space, 64));
    switch (shortcut_->receive(message, answer)) {
        case Shortcut::Outcome::passed:
            return true;
        case Shortcut::Outcome::answered:
            write(answer.getSegmentsForOutput());
            return false;
        case Shortcut::Outcome::finished:
            return false;
        case Shortcut::Outcome::broken:
            break;
    }
    end(CloseReason::badMessage);
    return false;
}

void WireState::deliver() {
    if (waiting_ == nullptr) return;
    Next found = next(options_);
    // next() may have ended the stream, whose owner may have dropped the promise.
    if (waiting_ != nullptr && (found.ended || found.message.get() != nullptr)) waiting_->done(kj::mv(found));
}

void WireState::readCompleted(boost::system::error_code error, std::size_t size) {
    readUnderWay_ = false;
    if (!stream_) return;
    loop_.enter([&] {
        in_.commit(size);
        if (error == boost::asio::error::operation_aborted) return;
        // Whatever the system calls it, nothing more will come. What has come is handed on first.
        if (error) endOfFile_ = true;
        deliver();
        loop_.callBeforeSleep(*this);
    });
}

void WireState::startRead() {
    if (readUnderWay_ || endOfFile_ || ended_ || !stream_) return;
    // A message that nobody has asked for yet, or that the gate holds back: the rest stays with the peer.
    if (!gateOpen() || in_.hasWhole()) return;
    const std::span<std::byte> space = in_.space();
    if (space.empty()) {
        end(CloseReason::overBudget);
        deliver();
        return;
    }
    readUnderWay_ = true;
    stream_->readSome(space, boost::intrusive_ptr<WireState>(this));
}

// ---- Outgoing

void WireState::write(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
    if (writeBroken_ || !stream_) return;
    if (shortcut_ && shortcut_->watching()) {
        capnp::SegmentArrayMessageReader message(segments);
        shortcut_->sent(message);
    }
    const auto append = [this](const void* data, std::size_t size) {
        const auto* bytes = static_cast<const std::byte*>(data);
        out_.insert(out_.end(), bytes, bytes + size);
    };
    std::size_t bytes = (segments.size() / 2 + 1) * wordBytes;
    for (const auto& segment : segments) bytes += segment.size() * wordBytes;
    if (!backlogCharge_.resize(backlog() + bytes)) {
        dropBacklog();
        writeBroken_ = true;
        end(CloseReason::overBudget);
        deliver();
        return;
    }
    out_.reserve(out_.size() + bytes);
    const auto appendNumber = [&](std::size_t number) {
        const std::uint32_t value = static_cast<std::uint32_t>(number);
        std::byte little[4];
        for (unsigned i = 0; i < 4; ++i) little[i] = static_cast<std::byte>(value >> (8 * i));
        append(little, sizeof little);
    };
    appendNumber(segments.size() - 1);
    for (const auto& segment : segments) appendNumber(segment.size());
    if (segments.size() % 2 == 0) appendNumber(0);
    for (const auto& segment : segments) append(segment.begin(), segment.size() * wordBytes);
    loop_.callBeforeSleep(*this);
}

void WireState::send() {
    while (!writeUnderWay_ && stream_ && backlog() != 0) {
        if (sent_ == sending_.size()) {
            sending_.clear();
            sent_ = 0;
            std::swap(sending_, out_);
        }
        boost::system::error_code error;
        const std::span<const std::byte> rest(sending_.data() + sent_, sending_.size() - sent_);
        sent_ += stream_->tryWrite(rest, error);
        if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) {
            writeUnderWay_ = true;
            stream_->writeSome({sending_.data() + sent_, sending_.size() - sent_},
                               boost::intrusive_ptr<WireState>(this));
        } else if (error && error != boost::asio::error::interrupted) {
            // The peer does not take answers any more, but it may have sent something before it went: read on.
            writeBroken_ = true;
            dropBacklog();
        }
    }
    static_cast<void>(backlogCharge_.resize(backlog()));
    if (backlog() != 0 || writeUnderWay_) return;
    sending_.clear();
    sent_ = 0;
    if (sending_.capacity() > idleBacklog) std::vector<std::byte>().swap(sending_);
    if (out_.capacity() > idleBacklog) std::vector<std::byte>().swap(out_);
    if (shutdownWanted_ && stream_) {
        shutdownWanted_ = false;
        stream_->shutdownSend();
    }
}

void WireState::writeCompleted(boost::system::error_code error, std::size_t size) {
    writeUnderWay_ = false;
    sent_ += size;
    if (!stream_) return;
    loop_.enter([&] {
        if (error && error != boost::asio::error::operation_aborted) {
            writeBroken_ = true;
            dropBacklog();
        }
        send();
        deliver();  // the gate may have opened
        loop_.callBeforeSleep(*this);
    });
}

void WireState::dropBacklog() {
    out_.clear();
    // What the system still writes from stays, and is counted, until it is done with it.
    if (!writeUnderWay_) {
        sending_.clear();
        sent_ = 0;
    }
    static_cast<void>(backlogCharge_.resize(backlog()));
}

void WireState::finishWriting() {
    shutdownWanted_ = true;
    // The RPC system ends its own side only when it gives up: on a message it cannot accept, or on the peer's abort.
    if (!ended_) end(peerAborted_ ? CloseReason::peerClosed : CloseReason::badMessage);
    loop_.callBeforeSleep(*this);
}

// ---- Both

void WireState::beforeSleep() noexcept {
    send();
    deliver();  // after a write error, or when the backlog fell below the gate
    // After the send: the peer's next message is then as likely as it can be to be there.
    startRead();
}

void WireState::end(CloseReason reason) {
    if (ended_) return;
    ended_ = reason;
    if (onEnd_) std::exchange(onEnd_, nullptr)(reason);
}

void WireState::close(CloseReason reason) {
    if (!stream_) return;
    onEnd_ = nullptr;
    if (!ended_) ended_ = reason;
    if (!writeUnderWay_ && backlog() != 0) send();
    withdraw();
    stream_->close();
    stream_.reset();
    dropBacklog();
    deliver();
}

void WireState::abandon() {
    close(CloseReason::local);
    KJ_IREQUIRE(waiting_ == nullptr);
    shortcut_.reset();  // its methods use what our owner owns; we may live on until the system is done with us
}

MessageStream::MessageStream(KjLoop& loop, std::unique_ptr<ByteStream> stream, const WireLimits& limits,
                             std::shared_ptr<Budget> budget, OnEnd onEnd, std::vector<QuickMethod> quick)
    : state_(new WireState(loop, std::move(stream), limits, std::move(budget), std::move(onEnd), std::move(quick))) {}

MessageStream::~MessageStream() noexcept(false) {
    state_->abandon();
}

kj::Promise<ForRpc> MessageStream::receive(const capnp::ReaderOptions& options) {
    return state_->read<ForRpc>(options);
}

void MessageStream::send(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
    state_->write(segments);
}

kj::Promise<ForStream> MessageStream::tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd>, capnp::ReaderOptions options,
                                                     kj::ArrayPtr<capnp::word>) {
    return state_->read<ForStream>(options);
}

kj::Promise<void> MessageStream::writeMessage(kj::ArrayPtr<const int>,
                                              kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
    state_->write(segments);
    return kj::READY_NOW;
}

kj::Promise<void> MessageStream::writeMessages(
    kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) {
    for (const auto& segments : messages) state_->write(segments);
    return kj::READY_NOW;
}

kj::Maybe<int> MessageStream::getSendBufferSize() {
    return nullptr;
}

kj::Promise<void> MessageStream::end() {
    state_->finishWriting();
    return kj::READY_NOW;
}

void MessageStream::close(CloseReason reason) {
    state_->close(reason);
}
std::size_t MessageStream::backlog() const {
    return state_->backlog();
}
std::size_t MessageStream::openQuestions() const {
    return state_->openQuestions();
}
bool MessageStream::sawMessage() const {
    return state_->sawMessage();
}

}  // namespace entitle
