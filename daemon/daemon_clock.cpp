// The part of Daemon that asks what time it is. The judgement itself is license/clock_guard.h.
#include <boost/json.hpp>

#include "daemon/daemon.h"

namespace entitle {
namespace {

// Uptime that no save has seen is lost with a power cut, and a save wakes the disk.
constexpr std::chrono::hours keepClockEvery{1};

}  // namespace

ClockRules Daemon::clockRules() const {
    const auto& license = record_.state.current;
    return {settings_.builtAt, license ? license->offline : defaultClockBudget};
}

Now Daemon::look() {
    read_ = seams_.clock.now();
    auto look = judge(record_.clock, read_, clockRules());
    record_.clock = std::move(look.trust);
    clock_ = look.judgement;
    clockWantsContact_ = clockWantsContact_ || clock_.renew;
    Now judged = read_;
    judged.wall = clock_.forDocuments;
    // What was in force stays so: a document whose beginning lies after its issue was valid when it was installed.
    if (clock_.flag != ClockFlag::none && record_.state.current)
        judged.wall = std::max(judged.wall, record_.state.current->notBefore);
    return judged;
}

Now Daemon::afterSignedTime(Instant signedAt) {
    read_ = seams_.clock.now();
    record_.clock = imported(record_.clock, read_, signedAt).trust;
    return look();
}

Now Daemon::afterContact(Instant serverTime, const ClockSent& sent) {
    read_ = seams_.clock.now();
    record_.clock = contact(record_.clock, read_, serverTime, sent).trust;
    return look();
}

void Daemon::settleClock(const Now& now) {
    if (clock_.flag != toldFlag_) {
        if (clock_.flag == ClockFlag::none) {
            tell(Occurrence::clockTrusted, "the clock is no longer suspect");
        } else {
            tell(Occurrence::clockSuspect,
                 "the clock is suspect (" + std::string(toString(clock_.flag)) + "): it says " + toRfc3339(read_.wall) +
                     ", but it is " + toRfc3339(clock_.believed) + " at least",
                 {{"ENTITLED_CLOCK", std::string(toString(clock_.flag))}});
        }
        toldFlag_ = clock_.flag;
        note("clock",
             boost::json::serialize(
                 boost::json::object{{"flag", toString(clock_.flag)}, {"says", toRfc3339(read_.wall)}}),
             now);
        announce();
    }
    if (clock_.spent() != record_.state.clockSpent) happen(ClockJudged{clock_.spent()}, now);
    if (clockWantsContact_ && online()) {
        clockWantsContact_ = false;
        if (record_.state.current) happen(RefreshRequested{freshNonce(), RetryPolicy::background}, now);
    }
    if (!record_.state.current || saveAgainAt_) return;  // no document hangs on it, or it is written again anyway
    const bool due = record_.clock.bootId != keptClock_.bootId || record_.clock.flag != keptClock_.flag ||
                     record_.clock.boottime < keptClock_.boottime ||
                     record_.clock.boottime - keptClock_.boottime >= keepClockEvery;
    if (!due) return;
    if (auto saved = seams_.store.save(record_); saved)
        keptClock_ = record_.clock;
    else
        saveLater(saved.error(), now);
}

std::optional<Instant> Daemon::nextClockLook() const {
    if (!record_.state.current) return std::nullopt;
    Seconds wait = std::chrono::ceil<Seconds>(keptClock_.boottime + keepClockEvery - read_.boottime);
    // Not kept yet in this boot, or a look that is due: settleClock comes at the next wake, not in a loop.
    if (wait <= Seconds{0} || wait > keepClockEvery) wait = keepClockEvery;
    if (clock_.flag != ClockFlag::none && !clock_.spent()) wait = std::min(wait, clock_.budgetLeft);
    return plus(read_.wall, wait);
}

}  // namespace entitle
