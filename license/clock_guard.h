// What time is it, when the machine's clock may be wrong, dead or turned back? Judged from what nobody at the machine
// can turn back: times that the authority signed, and the uptime since. Pure: clocks are read elsewhere.
//
//   lower     = newest signed time + uptime since, over all boots (suspend counts)
//   watermark = highest wall clock that was believable: following a time server, or steady for 6 hours
//   base      = max(lower, watermark)
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "license/time.h"

namespace entitle {

// Numbers are stored and sent: never reused, never renumbered.
enum class ClockFlag : std::uint8_t {
    none = 0,
    rollback = 1,  // more than clockTolerance behind base
    unset = 2,  // before this program was built, or a year before the newest signed time: a dead battery, no accusation
    snapshot = 3,  // boottime ran backwards within one boot: the machine was put back. Until the next contact
};
std::string_view toString(ClockFlag);  // "none", "rollback", "unset", "snapshot"

// A wrong zone (up to 14 h) or a clock that is off by half a day in either direction stays below it.
inline constexpr Seconds clockTolerance = std::chrono::hours{26};
inline constexpr Seconds clockUnsetBefore = std::chrono::days{365};  // before the newest signed time
inline constexpr Seconds clockSteadyAfter = std::chrono::hours{6};
inline constexpr Seconds clockSteadyWithin = std::chrono::minutes{1};  // of the boottime's pace: drift, not a setting
inline constexpr Seconds clockAnswerWithin = std::chrono::minutes{5};
inline constexpr Seconds defaultClockBudget = std::chrono::hours{72};  // without a document

// What is remembered of the clocks, over restarts and boots. Everything in it is persisted (license/clock_claims.h).
struct ClockTrust {
    std::optional<Instant> signedAt;    // the newest time the authority signed: an answer's, or a file's iat
    Instant anchor{};                   // the lower bound when `uptime` was 0; without signedAt nothing
    std::chrono::nanoseconds uptime{};  // since then, as far as it was looked at
    bool anchoredHere = false;          // the anchor is a contact of this boot: lower is the time, not only its bound
    std::chrono::nanoseconds suspected{};  // uptime under a flag since the last contact: what the budget has lost

    // The last look. A boot id that is empty, or no id at all, is kept as empty.
    std::string bootId;
    std::chrono::nanoseconds boottime{};
    ClockFlag flag = ClockFlag::none;
    bool rewound = false;  // boottime ran backwards since the last contact

    std::optional<Instant> watermark;
    struct Steady {
        Instant wall{};
        std::chrono::nanoseconds boottime{};
        bool operator==(const Steady&) const = default;
    };
    std::optional<Steady> steady;  // since when, in this boot, the wall clock has kept pace with boottime

    bool operator==(const ClockTrust&) const = default;
};

struct ClockRules {
    Instant builtAt{};                    // of this program; Instant{} if not known
    Seconds budget = defaultClockBudget;  // the document's offline_s
};

struct ClockJudgement {
    ClockFlag flag = ClockFlag::none;
    Instant believed{};            // for people: max(lower, watermark, and the wall clock unless it is flagged)
    std::optional<Instant> lower;  // nullopt before the first signed time

    // What documents are held against: `believed`; under a flag the lower bound alone, because a watermark from a clock
    // that was once set wrongly raises suspicion and ends nothing. The budget bounds what that gives away.
    Instant forDocuments{};
    Seconds budgetLeft{};    // of uptime under a flag, until the next contact
    bool trustsWall = true;  // forDocuments follows the wall clock
    bool renew = false;      // a flag has just gone up, or a boot begun under one: ask the authority now

    // Suspect for longer than the document allows: no right holds until contact, or until the clock is right again.
    bool spent() const { return flag != ClockFlag::none && budgetLeft <= Seconds{0}; }
    bool operator==(const ClockJudgement&) const = default;
};

// Looks at the clocks. The more often the better: uptime that no look saw before a boot ended is not counted.
struct ClockLook {
    ClockTrust trust;
    ClockJudgement judgement;
};
ClockLook judge(const ClockTrust&, const Now&, const ClockRules&);

// When a request was sent. Where a platform has no boot id, only a process's own memory may hold one.
struct ClockSent {
    std::string bootId;
    std::chrono::nanoseconds boottime{};
    bool operator==(const ClockSent&) const = default;
};
inline ClockSent sentAt(const Now& now) {
    return {now.bootId, now.boottime};
}

// A signed answer arrived. It counts as contact (a full budget, no flag from the past, no watermark) if its request was
// sent in this boot at most clockAnswerWithin ago; a later one may have been held back, and only raises the lower
// bound.
struct ClockContact {
    ClockTrust trust;
    bool counted = false;
};
ClockContact contact(const ClockTrust&, const Now&, Instant serverTime, const ClockSent&);

// A verified file that was signed at that time was imported. It counts as contact if it is newer than all before.
ClockContact imported(const ClockTrust&, const Now&, Instant signedAt);

// The earliest wall clock at which forDocuments can reach the moment, if no clock is set until then: what a timer of
// the wall clock is armed with. nullopt: time alone does not bring it. A flag's budget ends at now.wall + budgetLeft.
std::optional<Instant> wallWhen(const ClockJudgement&, const Now&, Instant moment);

}  // namespace entitle
