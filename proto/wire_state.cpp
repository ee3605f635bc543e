#include "proto/wire_state.h"

#include <string_view>

#include <boost/asio/error.hpp>
#include <capnp/common.h>

namespace entitle {

// OpenQuestions::answered(): whether the libcapnp that answers for us has answers of that kind.
constexpr bool answersMayEndQuestions = CAPNP_VERSION >= 1000000;

kj::Exception endedBy(CloseReason reason) {
    const std::string_view why = toString(reason);
    return kj::Exception(kj::Exception::Type::FAILED, "proto/wire_state.cpp", __LINE__,
                         kj::heapString(why.data(), why.size()));
}

WireState::WireState(KjLoop& loop, std::unique_ptr<ByteStream> stream, const WireLimits& limits,
                     std::shared_ptr<Budget> budget, MessageStream::OnEnd onEnd, std::vector<QuickMethod> quick)
    : loop_(loop),
      stream_(std::move(stream)),
      limits_(limits),
      budget_(std::move(budget)),
      onEnd_(std::move(onEnd)),
      in_(limits_, budget_),
      out_(budget_) {
    if (!quick.empty()) shortcut_.emplace(std::move(quick));
    loop_.callBeforeSleep(*this);  // for the first read
}

// ---- Incoming

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
    const bool watched = shortcut_ && shortcut_->watching();
    if (answersMayEndQuestions || watched) {
        capnp::SegmentArrayMessageReader message(segments);
        if (answersMayEndQuestions) open_.answered(message);
        if (watched) shortcut_->sent(message);
    }
    if (!out_.append(segments)) {
        out_.drop(writeUnderWay_);
        writeBroken_ = true;
        end(CloseReason::overBudget);
        deliver();
        return;
    }
    loop_.callBeforeSleep(*this);
}

void WireState::send() {
    while (!writeUnderWay_ && stream_ && backlog() != 0) {
        boost::system::error_code error;
        out_.consume(stream_->tryWrite(out_.front(), error));
        if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) {
            writeUnderWay_ = true;
            stream_->writeSome(out_.front(), boost::intrusive_ptr<WireState>(this));
        } else if (error && error != boost::asio::error::interrupted) {
            // The peer does not take answers any more, but it may have sent something before it went: read on.
            writeBroken_ = true;
            out_.drop(writeUnderWay_);
        }
    }
    out_.settle(writeUnderWay_);
    if (backlog() != 0 || writeUnderWay_) return;
    if (shutdownWanted_ && stream_) {
        shutdownWanted_ = false;
        stream_->shutdownSend();
    }
}

void WireState::writeCompleted(boost::system::error_code error, std::size_t size) {
    writeUnderWay_ = false;
    out_.consume(size);
    if (!stream_) return;
    loop_.enter([&] {
        if (error && error != boost::asio::error::operation_aborted) {
            writeBroken_ = true;
            out_.drop(writeUnderWay_);
        }
        send();
        deliver();  // the gate may have opened
        loop_.callBeforeSleep(*this);
    });
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
    out_.drop(writeUnderWay_);
    deliver();
}

void WireState::abandon() {
    close(CloseReason::local);
    KJ_IREQUIRE(waiting_ == nullptr);
    shortcut_.reset();  // its methods use what our owner owns; we may live on until the system is done with us
}

}  // namespace entitle
