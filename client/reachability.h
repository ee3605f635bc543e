// Whether the daemon can be asked, as the threads of the program see it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "client/client.h"

namespace entitle {

struct Reach {
    enum class Phase {
        starting,  // the first attempt to connect has not ended
        ready,
        away,
    };
    Phase phase = Phase::starting;
    Unavailable why = Unavailable::none;
    std::string detail;
    std::uint64_t connection = 0;  // counts the times it became ready; 0: never
    bool unresponsive = false;     // connected, but it did not answer lately
};

// Written by the client's thread (and markUnresponsive by any), read by all.
class Reachability {
  public:
    using Clock = std::chrono::steady_clock;

    Reach now() const;
    Reach waitUntilTried(Clock::time_point deadline) const;  // until the first attempt has ended
    // Until the daemon can be asked over a connection other than `broken`.
    Reach waitUntilReady(Clock::time_point deadline, std::uint64_t broken) const;

    void setReady();
    bool setAway(Unavailable, std::string detail);  // false: it was away for that reason already

    // A question went unanswered. Until an answer arrives, or `retryAt`, others are not made to wait as well.
    void markUnresponsive(Clock::time_point retryAt);
    void heardFrom();

  private:
    Reach snapshot() const;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    Reach reach_;
    Clock::time_point retryAt_ = Clock::time_point::min();
};

}  // namespace entitle
