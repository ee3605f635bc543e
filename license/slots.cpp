#include "license/slots.h"

#include <algorithm>
#include <limits>

#include "license/catalogue.h"
#include "license/license.h"

namespace entitle {
namespace {

constexpr std::chrono::nanoseconds withoutEnd = std::chrono::nanoseconds::max();

// Would `more` fit under `limit` beside what is in use? A limit below zero that is not `unlimited` admits nothing.
bool fits(std::uint64_t inUse, std::uint64_t more, std::int64_t limit) {
    if (limit == unlimited) return true;
    if (limit < 0) return false;
    const auto most = static_cast<std::uint64_t>(limit);
    return more <= most && inUse <= most - more;
}

// The next character of `text` as a code point, taken off its front; nullopt for anything that is not strict UTF-8
// (RFC 3629: shortest form, no surrogates, at most U+10FFFF).
std::optional<char32_t> takeCodePoint(std::string_view& text) {
    const auto byteAt = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byteAt(0);
    std::size_t length = 1;
    char32_t point = lead;
    char32_t least = 0;
    if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4, point = lead & 0x07, least = 0x10000;
    } else if (lead >= 0xe0 && lead < 0xf0) {
        length = 3, point = lead & 0x0f, least = 0x800;
    } else if (lead >= 0xc0 && lead < 0xe0) {
        length = 2, point = lead & 0x1f, least = 0x80;
    } else if (lead >= 0x80) {
        return std::nullopt;
    }
    if (text.size() < length) return std::nullopt;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byteAt(i) & 0xc0) != 0x80) return std::nullopt;
        point = point << 6 | (byteAt(i) & 0x3f);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return std::nullopt;
    text.remove_prefix(length);
    return point;
}

bool isPrintable(char32_t point) {
    const auto within = [point](char32_t first, char32_t last) { return point >= first && point <= last; };
    const bool control = point < 0x20 || within(0x7f, 0x9f);
    const bool separatesLines = within(0x2028, 0x2029);
    const bool turnsText =
        within(0x200e, 0x200f) || within(0x202a, 0x202e) || within(0x2066, 0x2069) || point == 0x061c;
    const bool nobody = point == 0xfeff || within(0xfdd0, 0xfdef) || (point & 0xfffe) == 0xfffe;
    return !control && !separatesLines && !turnsText && !nobody;
}

}  // namespace

bool isSlotLabel(std::string_view label) {
    if (label.size() > maxSlotLabel) return false;
    while (!label.empty()) {
        const auto point = takeCodePoint(label);
        if (!point || !isPrintable(*point)) return false;
    }
    return true;
}

SlotLedger::Acquired SlotLedger::acquire(std::string_view quota, std::uint32_t count, std::string_view label,
                                         const Holder& holder, const SlotSecretHash& secretHash, const Limits& limits,
                                         const Now& now) {
    const auto refused = [](AcquireRefusal why) { return Acquired{std::nullopt, why}; };
    if (!isName(quota)) return refused(AcquireRefusal::unknownQuota);
    if (count == 0 || count > maxSlotCount) return refused(AcquireRefusal::badCount);
    if (!isSlotLabel(label)) return refused(AcquireRefusal::badLabel);
    if (slots_.size() >= limits.slots || lastId_ == std::numeric_limits<SlotId>::max())
        return refused(AcquireRefusal::ledgerFull);
    if (bySecret_.count(secretHash) != 0) return refused(AcquireRefusal::doubledSecret);
    const auto units = units_.find(quota);
    if (!fits(units == units_.end() ? 0 : units->second.inUse, count, limits.quota))
        return refused(AcquireRefusal::quotaExceeded);
    if (limits.perUid && !fits(inUseBy(quota, holder.uid), count, *limits.perUid))
        return refused(AcquireRefusal::uidShareExceeded);

    Slot slot;
    slot.id = lastId_ + 1;
    slot.quota = quota;
    slot.count = count;
    slot.label = label;
    slot.holder = holder;
    slot.secretHash = secretHash;
    slot.since = now.wall;
    insert(std::move(slot));
    return {lastId_, {}};
}

SlotLedger::Reclaimed SlotLedger::reclaim(const SlotSecretHash& secretHash, const Holder& holder, const Now& now) {
    const auto known = bySecret_.find(secretHash);
    if (known == bySecret_.end()) return {std::nullopt, 0, ReclaimRefusal::unknownSecret};
    Slot& slot = slots_.find(known->second)->second;
    if (slot.holder.uid != holder.uid) return {std::nullopt, 0, ReclaimRefusal::otherUser};
    if (slot.reclaimUntil && now.boottime >= *slot.reclaimUntil)
        return {std::nullopt, 0, ReclaimRefusal::unknownSecret};
    setAwaiting(slot, std::nullopt);
    slot.holder = holder;
    ++slot.generation;
    return {slot.id, slot.generation, {}};
}

bool SlotLedger::release(SlotId id) {
    const auto found = slots_.find(id);
    if (found == slots_.end()) return false;
    erase(found);
    return true;
}

bool SlotLedger::releaseIfGeneration(SlotId id, std::uint64_t generation) {
    const auto found = slots_.find(id);
    if (found == slots_.end() || found->second.generation != generation) return false;
    erase(found);
    return true;
}

void SlotLedger::restore(std::vector<Slot> slots) {
    for (Slot& slot : slots) {
        // Even a record we drop has used its id.
        if (slot.id != std::numeric_limits<SlotId>::max()) reserveIdsUpTo(slot.id);
        const bool sound = slot.id != 0 && slot.id != std::numeric_limits<SlotId>::max() && isName(slot.quota) &&
                           slot.count > 0 && slot.count <= maxSlotCount && isSlotLabel(slot.label);
        if (!sound || slots_.count(slot.id) != 0 || bySecret_.count(slot.secretHash) != 0) continue;
        slot.reclaimUntil = withoutEnd;
        insert(std::move(slot));
    }
}

void SlotLedger::openReclaimWindow(std::chrono::nanoseconds untilBoottime) {
    std::vector<SlotId> ids;
    ids.reserve(awaiting_.size());
    for (const auto& [until, id] : awaiting_) ids.push_back(id);
    for (const SlotId id : ids) setAwaiting(slots_.find(id)->second, untilBoottime);
}

std::vector<SlotId> SlotLedger::expireReclaims(const Now& now) {
    std::vector<SlotId> freed;
    while (!awaiting_.empty() && awaiting_.begin()->first <= now.boottime) {
        freed.push_back(awaiting_.begin()->second);
        erase(slots_.find(freed.back()));
    }
    return freed;
}

std::optional<std::chrono::nanoseconds> SlotLedger::nextReclaimEnd() const {
    if (awaiting_.empty() || awaiting_.begin()->first == withoutEnd) return std::nullopt;
    return awaiting_.begin()->first;
}

std::vector<SlotId> SlotLedger::shrinkTo(std::string_view quota, std::int64_t limit) {
    std::vector<SlotId> freed;
    // From the youngest, and no further than needed: erasing the last slot of a quota ends its units too.
    for (auto last = slots_.end(); last != slots_.begin();) {
        const auto units = units_.find(quota);
        if (units == units_.end() || fits(units->second.inUse, 0, limit)) break;
        const auto slot = std::prev(last);
        if (slot->second.quota != quota) {
            last = slot;
            continue;
        }
        freed.push_back(slot->first);
        erase(slot);  // `last` stays valid: only the erased iterator is not
    }
    return freed;
}

const Slot* SlotLedger::find(SlotId id) const {
    const auto found = slots_.find(id);
    return found == slots_.end() ? nullptr : &found->second;
}

QuotaUse SlotLedger::use(std::string_view quota, std::int64_t limit) const {
    const auto units = units_.find(quota);
    if (units == units_.end()) return {limit, 0, 0};
    return {limit, units->second.inUse, units->second.awaiting};
}

std::uint64_t SlotLedger::inUseBy(std::string_view quota, std::uint32_t uid) const {
    const auto units = units_.find(quota);
    if (units == units_.end()) return 0;
    const auto share = units->second.byUid.find(uid);
    return share == units->second.byUid.end() ? 0 : share->second;
}

std::vector<Slot> SlotLedger::page(SlotId after, std::size_t most, std::optional<std::uint32_t> uid) const {
    std::vector<Slot> page;
    page.reserve(std::min(most, slots_.size()));
    if (uid) {
        for (auto at = byUid_.upper_bound({*uid, after}); at != byUid_.end() && at->first == *uid && page.size() < most;
             ++at)
            page.push_back(slots_.find(at->second)->second);
    } else {
        for (auto at = slots_.upper_bound(after); at != slots_.end() && page.size() < most; ++at)
            page.push_back(at->second);
    }
    return page;
}

void SlotLedger::reserveIdsUpTo(SlotId id) {
    lastId_ = std::max(lastId_, id);
}

// All or nothing: an index that finds no memory leaves no trace of the slot.
void SlotLedger::insert(Slot added) {
    const SlotId id = added.id;
    reserveIdsUpTo(id);
    const auto place = slots_.emplace(id, std::move(added)).first;
    const Slot& slot = place->second;
    try {
        bySecret_.emplace(slot.secretHash, id);
        byUid_.emplace(slot.holder.uid, id);
        if (slot.reclaimUntil) awaiting_.emplace(*slot.reclaimUntil, id);
        Units& units = units_[slot.quota];
        units.byUid[slot.holder.uid] += slot.count;  // the last that may throw
        units.inUse += slot.count;
        if (slot.reclaimUntil) units.awaiting += slot.count;
    } catch (...) {
        bySecret_.erase(slot.secretHash);
        byUid_.erase({slot.holder.uid, id});
        if (slot.reclaimUntil) awaiting_.erase({*slot.reclaimUntil, id});
        if (const auto units = units_.find(slot.quota); units != units_.end() && units->second.inUse == 0)
            units_.erase(units);
        slots_.erase(place);
        throw;
    }
}

void SlotLedger::erase(SlotMap::iterator found) {
    Slot& slot = found->second;
    setAwaiting(slot, std::nullopt);
    bySecret_.erase(slot.secretHash);
    byUid_.erase({slot.holder.uid, slot.id});
    const auto units = units_.find(slot.quota);
    const auto share = units->second.byUid.find(slot.holder.uid);
    share->second -= slot.count;
    if (share->second == 0) units->second.byUid.erase(share);
    units->second.inUse -= slot.count;
    if (units->second.inUse == 0) units_.erase(units);
    slots_.erase(found);
}

void SlotLedger::setAwaiting(Slot& slot, std::optional<std::chrono::nanoseconds> until) {
    Units& units = units_.find(slot.quota)->second;
    if (slot.reclaimUntil) {
        awaiting_.erase({*slot.reclaimUntil, slot.id});
        units.awaiting -= slot.count;
    }
    slot.reclaimUntil = until;
    if (until) {
        awaiting_.emplace(*until, slot.id);
        units.awaiting += slot.count;
    }
}

std::string_view toString(AcquireRefusal refusal) {
    switch (refusal) {
        case AcquireRefusal::quotaExceeded:
            return "quota-exceeded";
        case AcquireRefusal::uidShareExceeded:
            return "user-share-exceeded";
        case AcquireRefusal::badCount:
            return "bad-count";
        case AcquireRefusal::badLabel:
            return "bad-label";
        case AcquireRefusal::unknownQuota:
            return "unknown-quota";
        case AcquireRefusal::ledgerFull:
            return "ledger-full";
        case AcquireRefusal::doubledSecret:
            return "doubled-secret";
    }
    return "unknown";
}

std::string_view explain(AcquireRefusal refusal) {
    switch (refusal) {
        case AcquireRefusal::quotaExceeded:
            return "The quota does not allow so many more. Release some, or upgrade.";
        case AcquireRefusal::uidShareExceeded:
            return "Your user's share of the quota is used up. Release some, or ask the administrator for a larger "
                   "share.";
        case AcquireRefusal::badCount:
            return "A slot takes 1 to 10000 units. Ask for a number in this range.";
        case AcquireRefusal::badLabel:
            return "A label is at most 64 bytes of printable UTF-8. Choose another.";
        case AcquireRefusal::unknownQuota:
            return "There is no such quota. The one known is \"bots\".";
        case AcquireRefusal::ledgerFull:
            return "This machine holds as many slots as the daemon can keep. Take several units with one slot instead.";
        case AcquireRefusal::doubledSecret:
            return "The reclaim secret is in use already. Try again.";
    }
    return "The answer is not known to this version.";
}

std::string_view toString(ReclaimRefusal refusal) {
    switch (refusal) {
        case ReclaimRefusal::unknownSecret:
            return "unknown-secret";
        case ReclaimRefusal::otherUser:
            return "other-user";
    }
    return "unknown";
}

std::string_view explain(ReclaimRefusal refusal) {
    switch (refusal) {
        case ReclaimRefusal::unknownSecret:
            return "No slot has this secret: it was released or its time ran out. Acquire a new one.";
        case ReclaimRefusal::otherUser:
            return "The slot belongs to another user. Reclaim it as the user that acquired it.";
    }
    return "The answer is not known to this version.";
}

}  // namespace entitle
