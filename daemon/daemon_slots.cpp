// The part of Daemon that gives slots, takes them back, and ends those above a limit that fell.
#include <algorithm>

#include <boost/json.hpp>

#include "daemon/daemon.h"
#include "daemon/log.h"

namespace entitle {
namespace {

// Held slots above a limit that fell without a deadline of its own may finish this long: the default of wind_down_s.
constexpr Seconds defaultWindDown = std::chrono::hours{24};
constexpr std::size_t maxEchoedName = 48;  // of what a caller sent

Verdict refused(AcquireRefusal why) {
    bool malformed = why == AcquireRefusal::badCount || why == AcquireRefusal::badLabel;
    return {false, malformed ? Reason::badName : Reason::quotaExceeded, std::string(explain(why)), std::nullopt};
}

std::string json(boost::json::object object) {
    return boost::json::serialize(object);
}

}  // namespace

QuotaAnswer Daemon::quota(std::string_view name, std::uint32_t uid) const {
    QuotaAnswer answer;
    answer.name = name.substr(0, maxEchoedName);
    answer.use = slots_.ledger().use(name, knowsQuota(name) ? rights_.entitlements.maxBots : 0);
    answer.yours = slots_.ledger().inUseBy(name, uid);
    answer.verdict = checkQuota(rights_.entitlements, catalogue_, name, answer.use.inUse, 1);
    if (answer.verdict.allowed && settings_.slots.perUser &&
        answer.yours >= static_cast<std::uint64_t>(*settings_.slots.perUser)) {
        answer.verdict = refused(AcquireRefusal::uidShareExceeded);
    }
    return answer;
}

bool Daemon::knowsQuota(std::string_view name) const {
    return std::find(catalogue_.quotas.begin(), catalogue_.quotas.end(), name) != catalogue_.quotas.end();
}

boost::system::result<Held, Verdict> Daemon::acquire(std::string_view quota, std::uint32_t count,
                                                     std::string_view label, const Holder& holder) {
    Now now = look();
    auto denied = [&](Verdict verdict, std::string_view reason) {
        ++counters_.acquireDenied;
        seams_.audit.countDenial(holder.uid, reason, now);
        arm(now);
        return verdict;
    };
    if (!knowsQuota(quota))
        return denied(checkQuota(rights_.entitlements, catalogue_, quota, 0, count), "unknown-quota");
    auto held = slots_.acquire(quota, count, label, holder,
                               {rights_.entitlements.maxBots, settings_.slots.perUser, settings_.slots.entries}, now);
    if (held) {
        ++counters_.acquired;
        tellFigures();
        return *held;
    }
    if (held.error() != AcquireRefusal::quotaExceeded) return denied(refused(held.error()), toString(held.error()));
    auto use = slots_.ledger().use(quota, rights_.entitlements.maxBots);
    Verdict verdict = checkQuota(rights_.entitlements, catalogue_, quota, use.inUse, count);
    if (use.awaiting > 0) {
        verdict.message += " " + std::to_string(use.awaiting) +
                           " of them are kept for programs that have not come back since the daemon's restart.";
    }
    return denied(std::move(verdict), toString(verdict.reason));
}

boost::system::result<Held, ReclaimRefusal> Daemon::reclaim(const SlotSecret& secret, const Holder& holder) {
    Now now = look();
    auto held = slots_.reclaim(secret, holder, now);
    if (held) {
        ++counters_.reclaimed;
        return held;
    }
    ++counters_.reclaimDenied;
    seams_.audit.countDenial(holder.uid, toString(held.error()), now);
    arm(now);
    return held;
}

void Daemon::release(SlotId id, std::uint64_t generation) {
    if (retired_ || !slots_.release(id, generation)) return;
    ++counters_.released;
    tellFigures();
}

SlotPage Daemon::slots(SlotId after, std::size_t most, std::optional<std::uint32_t> uid) const {
    return slots_.page(after, most, uid);
}

bool Daemon::releaseSlot(SlotId id, std::uint32_t byUid) {
    const Slot* slot = slots_.find(id);
    if (!slot) return false;
    auto detail = json({{"slot", id}, {"count", slot->count}, {"holder", slot->holder.uid}, {"by", byUid}});
    slots_.release(id);
    ++counters_.released;
    note("slot-released", detail, look());
    announce();  // its holder should look again
    return true;
}

// Slots above the limit: as long as the lifecycle holds them they stay; above a limit that only this machine's
// configuration lowered, for the license's wind-down.
void Daemon::settleSlots(const Now& now) {
    auto fits = [&](std::int64_t limit) {
        return limit == unlimited || slots_.ledger().use("bots", limit).inUse <= static_cast<std::uint64_t>(limit);
    };
    Hold hold = holdOf(record_.state, now);
    bool held = hold.kept || (hold.until && now.wall < *hold.until);
    if (!fits(rights_.licensedBots) && !held) endSlotsAbove(rights_.licensedBots, now);
    if (fits(rights_.entitlements.maxBots) || !fits(rights_.licensedBots)) {
        shrinkAt_.reset();
        return;
    }
    if (!shrinkAt_)
        shrinkAt_ = plus(now.wall, record_.state.current ? record_.state.current->windDown : defaultWindDown);
    if (now.wall < *shrinkAt_) return;
    shrinkAt_.reset();
    endSlotsAbove(rights_.entitlements.maxBots, now);
}

void Daemon::endSlotsAbove(std::int64_t limit, const Now& now) {
    auto ended = slots_.shrinkTo("bots", limit);
    log().warn("{} slots above the limit of {} were ended", ended, limit);
    note("slots-ended", json({{"slots", ended}, {"limit", limit}}), now);
    announce();
}

}  // namespace entitle
