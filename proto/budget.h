// Bytes that peers make us hold, counted against a ceiling.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace entitle {

// A ceiling on bytes, with an optional wider budget behind it: connection → user → daemon. Shared, because a message
// may outlive the connection it came over. For one thread. What is charged: unsent answers, partly read messages beyond
// the idle buffer, and messages handed on but not yet released.
class Budget {
  public:
    explicit Budget(std::size_t ceiling, std::shared_ptr<Budget> wider = nullptr)
        : ceiling_(ceiling), wider_(std::move(wider)) {}
    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;

    // false: this or a wider ceiling would be passed, and nothing has been charged.
    [[nodiscard]] bool charge(std::size_t bytes) {
        if (bytes > ceiling_ - used_ || (wider_ && !wider_->charge(bytes))) return false;
        used_ += bytes;
        return true;
    }
    void release(std::size_t bytes) noexcept {
        used_ -= bytes;
        if (wider_) wider_->release(bytes);
    }
    std::size_t used() const { return used_; }
    std::size_t ceiling() const { return ceiling_; }

  private:
    std::size_t ceiling_;
    std::size_t used_ = 0;
    std::shared_ptr<Budget> wider_;
};

}  // namespace entitle
