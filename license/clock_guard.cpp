#include "license/clock_guard.h"

#include <algorithm>
#include <limits>

namespace entitle {
namespace {

using std::chrono::nanoseconds;

// Longer or other than the printable ASCII of every known platform: no boot id at all, so that it can always be stored.
constexpr std::size_t maxBootId = 64;

std::string bootIdOf(const std::string& id) {
    const auto printable = [](char c) { return c > ' ' && c <= '~'; };
    return id.size() <= maxBootId && std::all_of(id.begin(), id.end(), printable) ? id : std::string();
}

nanoseconds boottimeOf(const nanoseconds boottime) {
    return std::max(boottime, nanoseconds{0});
}

// Neither is negative.
nanoseconds sum(nanoseconds a, nanoseconds b) {
    return a > nanoseconds::max() - b ? nanoseconds::max() : a + b;
}

Seconds wholeSeconds(nanoseconds span) {
    return std::chrono::duration_cast<Seconds>(span);
}

// a - b, held at the ends of the range.
Seconds difference(Instant a, Instant b) {
    const std::int64_t x = a.time_since_epoch().count();
    const std::int64_t y = b.time_since_epoch().count();
    if (y < 0 && x > std::numeric_limits<std::int64_t>::max() + y) return Seconds::max();
    if (y > 0 && x < std::numeric_limits<std::int64_t>::min() + y) return Seconds::min();
    return Seconds{x - y};
}

std::optional<Instant> later(std::optional<Instant> a, std::optional<Instant> b) {
    if (!a || !b) return a ? a : b;
    return std::max(*a, *b);
}

std::optional<Instant> lowerBound(const ClockTrust& trust) {
    if (!trust.signedAt) return std::nullopt;
    return plus(trust.anchor, wholeSeconds(trust.uptime));
}

struct Passed {
    nanoseconds uptime{};  // at least: since the last look
    bool newBoot = false;
};

// Takes the time since the last look into account.
Passed advance(ClockTrust& trust, const Now& now) {
    const std::string id = bootIdOf(now.bootId);
    const nanoseconds boottime = boottimeOf(now.boottime);
    // An id that came or went (another sandbox, an upgrade) tells nothing; then a boottime that went on is taken for
    // the same boot, which counts less, and one that did not for another, which accuses nobody.
    const bool known = !id.empty() && !trust.bootId.empty();
    Passed passed;
    if (known ? id != trust.bootId : boottime < trust.boottime) {
        passed = {boottime, true};
    } else if (boottime >= trust.boottime) {
        passed = {boottime - trust.boottime, false};
    } else {
        trust.rewound = true;
    }
    if (passed.newBoot || boottime < trust.boottime) {
        trust.anchoredHere = false;
        trust.steady.reset();
    }
    if (id.empty()) trust.anchoredHere = false;  // the next boot could not be told from this one
    trust.uptime = sum(trust.uptime, passed.uptime);
    if (trust.flag != ClockFlag::none) trust.suspected = sum(trust.suspected, passed.uptime);
    trust.bootId = id;
    trust.boottime = boottime;
    return passed;
}

ClockFlag flagOf(const ClockTrust& trust, Instant wall, const ClockRules& rules) {
    if (wall < plus(rules.builtAt, -clockTolerance)) return ClockFlag::unset;
    if (trust.signedAt && wall < plus(*trust.signedAt, -clockUnsetBefore)) return ClockFlag::unset;
    const auto base = later(lowerBound(trust), trust.watermark);
    if (base && wall < plus(*base, -clockTolerance)) return ClockFlag::rollback;
    return trust.rewound ? ClockFlag::snapshot : ClockFlag::none;
}

// Since a contact of this boot nothing but uptime can have passed: a wall clock far ahead of that was set wrongly.
bool farAhead(const ClockTrust& trust, Instant wall) {
    return trust.anchoredHere && wall > plus(*lowerBound(trust), clockTolerance);
}

// Follows the pace of a wall clock that is believed, and raises the watermark once it has earned that.
void follow(ClockTrust& trust, Instant wall, bool synced) {
    const nanoseconds boottime = trust.boottime;
    if (trust.steady) {
        const Seconds byWall = difference(wall, trust.steady->wall);
        const Seconds byBoottime = wholeSeconds(boottime - trust.steady->boottime);
        if (byWall > byBoottime + clockSteadyWithin || byWall < byBoottime - clockSteadyWithin) trust.steady.reset();
    }
    if (!trust.steady) trust.steady = ClockTrust::Steady{wall, boottime};
    if (synced || boottime - trust.steady->boottime >= clockSteadyAfter) trust.watermark = later(trust.watermark, wall);
}

// A signed time is a time that has been. Never lowers the bound.
void raise(ClockTrust& trust, Instant signedAt) {
    const auto lower = lowerBound(trust);
    trust.signedAt = later(trust.signedAt, signedAt);
    if (lower && *lower >= signedAt) return;
    trust.anchor = signedAt;
    trust.uptime = nanoseconds{0};
    trust.anchoredHere = false;
}

// The flag of the last look stays: it was up, and a clock that is still wrong is no news that asks for one more
// renewal.
void heal(ClockTrust& trust) {
    trust.suspected = nanoseconds{0};
    trust.rewound = false;
    trust.watermark.reset();
    trust.steady.reset();
}

bool sentJustNow(const ClockTrust& trust, const ClockSent& sent) {
    const nanoseconds at = boottimeOf(sent.boottime);
    return bootIdOf(sent.bootId) == trust.bootId && at <= trust.boottime && trust.boottime - at <= clockAnswerWithin;
}

}  // namespace

ClockLook judge(const ClockTrust& before, const Now& now, const ClockRules& rules) {
    ClockLook look{before, {}};
    ClockTrust& trust = look.trust;
    ClockJudgement& judgement = look.judgement;
    const Passed passed = advance(trust, now);

    judgement.flag = trust.flag = flagOf(trust, now.wall, rules);
    const bool flagged = trust.flag != ClockFlag::none;
    // Flagged from its first moment on, as far as anybody can tell.
    if (flagged && passed.newBoot && before.flag == ClockFlag::none)
        trust.suspected = sum(trust.suspected, passed.uptime);
    judgement.renew = flagged && (passed.newBoot || trust.flag != before.flag);

    judgement.trustsWall = !flagged && !farAhead(trust, now.wall);
    if (judgement.trustsWall)
        follow(trust, now.wall, now.synced);
    else
        trust.steady.reset();

    judgement.lower = lowerBound(trust);
    // No program runs before it was built.
    const Instant least = std::max(rules.builtAt, judgement.lower.value_or(Instant::min()));
    judgement.believed = std::max(least, trust.watermark.value_or(Instant::min()));
    if (judgement.trustsWall) judgement.believed = std::max(judgement.believed, now.wall);
    const Seconds left = std::max(rules.budget, Seconds{0}) - wholeSeconds(trust.suspected);
    judgement.budgetLeft = std::max(left, Seconds{0});
    judgement.forDocuments = flagged ? least : judgement.believed;
    return look;
}

ClockContact contact(const ClockTrust& before, const Now& now, Instant serverTime, const ClockSent& sent) {
    ClockContact result{before, false};
    ClockTrust& trust = result.trust;
    advance(trust, now);
    raise(trust, serverTime);
    if (!sentJustNow(trust, sent)) return result;
    heal(trust);
    trust.anchoredHere = !trust.bootId.empty();
    result.counted = true;
    return result;
}

ClockContact imported(const ClockTrust& before, const Now& now, Instant signedAt) {
    ClockContact result{before, !before.signedAt || signedAt > *before.signedAt};
    advance(result.trust, now);
    raise(result.trust, signedAt);
    if (result.counted) heal(result.trust);
    return result;
}

std::optional<Instant> wallWhen(const ClockJudgement& judgement, const Now& now, Instant moment) {
    if (moment <= judgement.forDocuments) return now.wall;
    std::optional<Instant> when;
    if (judgement.trustsWall) when = moment;
    if (judgement.lower) {
        const Instant byUptime = plus(now.wall, difference(moment, *judgement.lower));
        when = when ? std::min(*when, byUptime) : byUptime;
    }
    return when;
}

std::string_view toString(ClockFlag flag) {
    switch (flag) {
        case ClockFlag::none:
            return "none";
        case ClockFlag::rollback:
            return "rollback";
        case ClockFlag::unset:
            return "unset";
        case ClockFlag::snapshot:
            return "snapshot";
    }
    return "unknown";
}

}  // namespace entitle
