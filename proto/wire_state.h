// What moves messages over one stream: reads ahead, admits, sends. message_stream.cpp's own; nobody else's.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <kj/debug.h>

#include "proto/inbound.h"
#include "proto/message_stream.h"
#include "proto/outbound.h"

namespace entitle {

// The two forms in which a message is handed on.
using ForRpc = kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>;
using ForStream = kj::Maybe<capnp::MessageReaderAndFds>;
template <class Form>
Form handOn(kj::Own<InboundMessage> message);
template <>
inline ForRpc handOn<ForRpc>(kj::Own<InboundMessage> message) {
    return kj::Own<capnp::IncomingRpcMessage>(kj::mv(message));
}
template <>
inline ForStream handOn<ForStream>(kj::Own<InboundMessage> message) {
    return capnp::MessageReaderAndFds{kj::mv(message), nullptr};
}

kj::Exception endedBy(CloseReason);

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

    WireState(KjLoop&, std::unique_ptr<ByteStream>, const WireLimits&, std::shared_ptr<Budget>, MessageStream::OnEnd,
              std::vector<QuickMethod>);

    template <class Form>
    kj::Promise<Form> read(const capnp::ReaderOptions& options);
    void write(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments);
    void finishWriting();
    void close(CloseReason);
    void abandon();

    void readCompleted(boost::system::error_code, std::size_t);
    void writeCompleted(boost::system::error_code, std::size_t);
    void beforeSleep() noexcept override;

    std::size_t backlog() const { return out_.size(); }
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

    OutboundBuffer out_;
    bool writeUnderWay_ = false;  // the system reads from its front
    bool writeBroken_ = false;
    bool shutdownWanted_ = false;

    OperationMemory readMemory_;
    std::uint32_t references_ = 0;
};

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

}  // namespace entitle
