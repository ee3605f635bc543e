// Messages on their way out, as bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <capnp/common.h>
#include <kj/array.h>

#include "proto/budget.h"

namespace entitle {

// The backlog of one connection. Messages are copied in, so that many leave in one send; the bytes of front() stay
// where they are until they are consumed, for the system may be reading from them. Charged to the budget.
class OutboundBuffer {
  public:
    explicit OutboundBuffer(std::shared_ptr<Budget> budget) : charge_(std::move(budget)) {}

    // One message with its frame. false: the budget does not reach, and nothing was copied.
    [[nodiscard]] bool append(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments);
    std::size_t size() const { return written_.size() + sending_.size() - sent_; }

    // What is to be sent next; empty only when size() is 0.
    std::span<const std::byte> front() {
        if (sent_ == sending_.size()) {
            sending_.clear();
            sent_ = 0;
            std::swap(sending_, written_);
        }
        return {sending_.data() + sent_, sending_.size() - sent_};
    }
    void consume(std::size_t bytes) { sent_ += bytes; }  // of front()

    // After a round of sends: what has left is charged no more; an empty buffer gives back what a burst needed.
    void settle(bool systemReads);
    // Nothing of it will be sent. What the system still reads from stays, and is charged, until it is done with it.
    void drop(bool systemReads);

  private:
    std::vector<std::byte> written_;  // waiting for the next send
    std::vector<std::byte> sending_;
    std::size_t sent_ = 0;  // of sending_
    Charge charge_;
};

}  // namespace entitle
