#include "proto/message_stream.h"

#include "proto/wire_state.h"

namespace entitle {

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
