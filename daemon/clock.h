// Reads the clocks. The only place in the daemon that does.
#pragma once

#include <optional>
#include <string>

#include "license/time.h"

namespace entitle {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual Now now() = 0;
};

// CLOCK_REALTIME, CLOCK_BOOTTIME, the kernel's boot id, and whether the kernel says its clock is synchronised.
class SystemClock final : public Clock {
  public:
    // `credentialsDirectory`: systemd's, where a sandbox hides /proc/sys and the unit passes "boot_id"; may be empty.
    explicit SystemClock(const std::string& credentialsDirectory = {});
    Now now() override;

  private:
    std::string bootId_;
};

// One timer for a moment of the wall clock. It counts suspended time and also becomes readable when somebody sets the
// clock, so a deadline is never slept through. Wait for descriptor() to be readable, then drain().
class WallTimer {
  public:
    WallTimer();  // throws std::system_error
    ~WallTimer();
    WallTimer(const WallTimer&) = delete;
    WallTimer& operator=(const WallTimer&) = delete;
    int descriptor() const { return descriptor_; }
    // nullopt: only changes of the clock. A moment in the past fires at once.
    void arm(std::optional<Instant>);
    enum class Fired { nothing, deadline, clockSet };
    Fired drain();

  private:
    int descriptor_ = -1;
};

}  // namespace entitle
