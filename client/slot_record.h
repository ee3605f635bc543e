// What a Slots handle and the client's thread share about one acquisition.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "client/client.h"

namespace entitle {
inline namespace v0 {

class SlotRecord {
  public:
    using State = Slots::State;

    SlotRecord(std::weak_ptr<ClientCore> core, std::int64_t process, std::string quota, std::uint32_t count,
               std::string label)
        : core(std::move(core)), process(process), quota(std::move(quota)), count(count), label(std::move(label)) {}

    // Constant from the start, so readable without the lock, also in a forked child.
    const std::weak_ptr<ClientCore> core;
    const std::int64_t process;
    const std::string quota;
    const std::uint32_t count;
    const std::string label;

    struct View {
        State state;
        std::string reason;
        std::uint64_t id;
    };
    View view() const {
        const std::lock_guard lock(mutex_);
        return {state_, reason_, id_};
    }
    State state() const {
        const std::lock_guard lock(mutex_);
        return state_;
    }
    std::vector<std::uint8_t> secret() const {
        const std::lock_guard lock(mutex_);
        return secret_;
    }

    // Each returns false, and changes nothing, once the handle has given the slots back.
    bool hold(std::uint64_t id, std::vector<std::uint8_t> secret) {
        const std::lock_guard lock(mutex_);
        if (state_ == State::released) return false;
        state_ = State::held;
        reason_.clear();
        id_ = id;
        secret_ = std::move(secret);
        return true;
    }
    bool become(State state, std::string reason) {
        const std::lock_guard lock(mutex_);
        if (state_ == State::released) return false;
        state_ = state;
        reason_ = std::move(reason);
        return true;
    }

    // The handle gives them back; returns the state before.
    State release() {
        const std::lock_guard lock(mutex_);
        return std::exchange(state_, State::released);
    }

  private:
    mutable std::mutex mutex_;
    State state_ = State::reconnecting;
    std::string reason_;
    std::uint64_t id_ = 0;
    std::vector<std::uint8_t> secret_;  // in memory only: whoever has it and our uid takes the slot
};

}  // namespace v0
}  // namespace entitle
