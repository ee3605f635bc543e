// A machine's clocks beside the true time, and the guard that looks at them.
#pragma once

#include <string>

#include "license/clock_guard.h"

namespace entitle::test {

inline Instant utc(const char* text) {
    return fromRfc3339(text).value();
}

struct MachineClock {
    explicit MachineClock(Instant start) : truth(start) {}

    Instant truth;
    Seconds error{};  // of the wall clock
    std::chrono::nanoseconds boottime = std::chrono::minutes{1};
    int boot = 1;
    bool hasBootId = true;
    bool synced = false;
    ClockRules rules;
    ClockTrust trust;

    Now now() const { return {truth + error, boottime, hasBootId ? "boot-" + std::to_string(boot) : "", synced}; }
    void set(Instant wall) { error = wall - truth; }

    void pass(Seconds span) {
        truth += span;
        boottime += span;
    }
    void off(Seconds span) {
        truth += span;
        boottime = std::chrono::nanoseconds{0};
        synced = false;
        ++boot;
    }
    ClockJudgement look() {
        auto look = judge(trust, now(), rules);
        trust = look.trust;
        return look.judgement;
    }
    bool take(ClockContact made) {
        trust = made.trust;
        return made.counted;
    }
    bool contactAt(Instant serverTime) { return take(entitle::contact(trust, now(), serverTime, sentAt(now()))); }
    bool contact() { return contactAt(truth); }
    bool contact(const ClockSent& sent) { return take(entitle::contact(trust, now(), truth, sent)); }
    bool import(Instant signedAt) { return take(imported(trust, now(), signedAt)); }
};

}  // namespace entitle::test
