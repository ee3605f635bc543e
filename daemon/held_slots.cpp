#include "daemon/held_slots.h"

#include <algorithm>

#include <sodium.h>

namespace entitle {
namespace {

SlotSecretHash hashOf(const SlotSecret& secret) {
    SlotSecretHash hash;
    crypto_generichash(hash.data(), hash.size(), secret.data(), secret.size(), nullptr, 0);
    return hash;
}

}  // namespace

HeldSlots::HeldSlots(SlotFile::Opened opened) : file_(std::move(opened.file)), dropped_(opened.dropped) {
    std::vector<SlotId> found;
    for (const Slot& slot : opened.slots) found.push_back(slot.id);
    ledger_.restore(std::move(opened.slots));
    for (SlotId id : found) {
        if (ledger_.find(id)) continue;
        file_->erase(id);  // nothing that we would have written
        ++dropped_;
    }
    // Ids of slots freed before the restart must not come back either: an old capability could name them.
    ledger_.reserveIdsUpTo(file_->lastId());
}

boost::system::result<Held, AcquireRefusal> HeldSlots::acquire(std::string_view quota, std::uint32_t count,
                                                               std::string_view label, const Holder& holder,
                                                               const SlotLedger::Limits& limits, const Now& now) {
    Held held;
    randombytes_buf(held.secret.data(), held.secret.size());
    auto acquired = ledger_.acquire(quota, count, label, holder, hashOf(held.secret), limits, now);
    if (!acquired.id) return acquired.refusal;
    const Slot& slot = *ledger_.find(*acquired.id);
    bool written = false;
    try {
        written = file_->put(slot);
    } catch (...) {
        ledger_.release(slot.id);
        throw;
    }
    if (!written) {
        // It would be lost with the daemon: better refused now than counted twice later.
        ledger_.release(slot.id);
        return AcquireRefusal::ledgerFull;
    }
    held.id = slot.id;
    held.generation = slot.generation;
    return held;
}

boost::system::result<Held, ReclaimRefusal> HeldSlots::reclaim(const SlotSecret& secret, const Holder& holder,
                                                               const Now& now) {
    auto reclaimed = ledger_.reclaim(hashOf(secret), holder, now);
    if (!reclaimed.id) return reclaimed.refusal;
    // Without room for it the old record stays, which the same secret opens as well.
    (void)file_->put(*ledger_.find(*reclaimed.id));
    return Held{*reclaimed.id, reclaimed.generation, secret};
}

bool HeldSlots::release(SlotId id) {
    if (!ledger_.release(id)) return false;
    file_->erase(id);
    return true;
}

bool HeldSlots::release(SlotId id, std::uint64_t generation) {
    if (!ledger_.releaseIfGeneration(id, generation)) return false;
    file_->erase(id);
    return true;
}

std::size_t HeldSlots::shrinkTo(std::string_view quota, std::int64_t limit) {
    auto freed = ledger_.shrinkTo(quota, limit);
    for (SlotId id : freed) file_->erase(id);
    return freed.size();
}

void HeldSlots::openReclaimWindow(std::chrono::nanoseconds untilBoottime) {
    ledger_.openReclaimWindow(untilBoottime);
}

std::size_t HeldSlots::expireReclaims(const Now& now) {
    auto freed = ledger_.expireReclaims(now);
    for (SlotId id : freed) file_->erase(id);
    return freed.size();
}

const Slot* HeldSlots::find(SlotId id, std::uint64_t generation) const {
    const Slot* slot = ledger_.find(id);
    return slot && slot->generation == generation ? slot : nullptr;
}

SlotPage HeldSlots::page(SlotId after, std::size_t most, std::optional<std::uint32_t> uid) const {
    most = most == 0 ? 100 : std::min<std::size_t>(most, 200);
    SlotPage page;
    page.slots = ledger_.page(after, most + 1, uid);
    if (page.slots.size() > most) {
        page.slots.resize(most);
        page.next = page.slots.back().id;
    }
    return page;
}

}  // namespace entitle
