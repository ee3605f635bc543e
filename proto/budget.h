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
        if (used_ > ceiling_ || bytes > ceiling_ - used_ || (wider_ && !wider_->charge(bytes))) return false;
        used_ += bytes;
        return true;
    }
    void release(std::size_t bytes) noexcept {
        used_ -= bytes;
        if (wider_) wider_->release(bytes);
    }
    // A lower one than what is used takes nothing away: nothing more is charged until enough has been released.
    void setCeiling(std::size_t ceiling) { ceiling_ = ceiling; }
    std::size_t used() const { return used_; }
    std::size_t ceiling() const { return ceiling_; }

  private:
    std::size_t ceiling_;
    std::size_t used_ = 0;
    std::shared_ptr<Budget> wider_;
};

// What one holder has charged, given back when it goes.
class Charge {
  public:
    explicit Charge(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {}
    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;
    ~Charge() { static_cast<void>(resize(0)); }

    // false: the budget does not reach, and the charge is as before. Shrinking always succeeds.
    [[nodiscard]] bool resize(std::size_t bytes) {
        if (!budget_ || bytes == held_) return true;
        if (bytes > held_ && !budget_->charge(bytes - held_)) return false;
        if (bytes < held_) budget_->release(held_ - bytes);
        held_ = bytes;
        return true;
    }

  private:
    std::shared_ptr<Budget> budget_;
    std::size_t held_ = 0;
};

}  // namespace entitle
