// The ledger against a model that keeps a plain list and nothing else.
#include <algorithm>
#include <chrono>
#include <iterator>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "license/license.h"
#include "license/slots.h"

namespace entitle {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

SlotSecretHash secret(std::uint32_t n) {
    SlotSecretHash hash{};
    hash[0] = static_cast<std::uint8_t>(n);
    return hash;
}

Now boot(nanoseconds boottime) {
    Now now;
    now.boottime = boottime;
    return now;
}

// -----------------------------------------------------------------
class Model {
  public:
    std::vector<Slot> slots;
    SlotId lastId = 0;

    std::uint64_t units(std::string_view quota, std::optional<std::uint32_t> uid, bool awaitingOnly = false) const {
        std::uint64_t sum = 0;
        for (const Slot& s : slots)
            if (s.quota == quota && (!uid || s.holder.uid == *uid) && (!awaitingOnly || s.reclaimUntil)) sum += s.count;
        return sum;
    }
    Slot* bySecret(const SlotSecretHash& hash) {
        for (Slot& s : slots)
            if (s.secretHash == hash) return &s;
        return nullptr;
    }
    Slot* byId(SlotId id) {
        for (Slot& s : slots)
            if (s.id == id) return &s;
        return nullptr;
    }
    void remove(SlotId id) {
        slots.erase(std::remove_if(slots.begin(), slots.end(), [&](const Slot& s) { return s.id == id; }), slots.end());
    }
};

void compare(const SlotLedger& ledger, const Model& model) {
    RC_ASSERT(ledger.page(0, 1'000, std::nullopt) == model.slots);
    RC_ASSERT(ledger.size() == model.slots.size());
    RC_ASSERT(ledger.lastId() == model.lastId);
    std::optional<nanoseconds> end;
    for (const Slot& s : model.slots) {
        RC_ASSERT(*ledger.find(s.id) == s);
        if (s.reclaimUntil && *s.reclaimUntil != nanoseconds::max())
            end = std::min(end.value_or(*s.reclaimUntil), *s.reclaimUntil);
    }
    RC_ASSERT(ledger.nextReclaimEnd() == end);
    for (const char* quota : {"bots", "cats", "dogs"}) {
        RC_ASSERT(ledger.use(quota, 5).inUse == model.units(quota, std::nullopt));
        RC_ASSERT(ledger.use(quota, 5).awaiting == model.units(quota, std::nullopt, true));
        for (std::uint32_t uid = 0; uid < 4; ++uid) RC_ASSERT(ledger.inUseBy(quota, uid) == model.units(quota, uid));
    }
    for (std::uint32_t uid = 0; uid < 4; ++uid) {
        std::vector<Slot> own;
        std::copy_if(model.slots.begin(), model.slots.end(), std::back_inserter(own),
                     [&](const Slot& s) { return s.holder.uid == uid; });
        RC_ASSERT(ledger.page(0, 1'000, uid) == own);
    }
}

void acquireBoth(SlotLedger& ledger, Model& model) {
    const std::string quota = *rc::gen::element<std::string>("bots", "bots", "cats");
    const auto count = *rc::gen::inRange<std::uint32_t>(0, 6);
    const Holder holder{*rc::gen::inRange<std::uint32_t>(0, 3), *rc::gen::inRange(1, 100)};
    const SlotSecretHash hash = secret(*rc::gen::inRange<std::uint32_t>(0, 20));
    SlotLedger::Limits limits{*rc::gen::inRange<std::int64_t>(-1, 25), std::nullopt, 12};
    if (*rc::gen::arbitrary<bool>()) limits.perUid = *rc::gen::inRange<std::int64_t>(-1, 10);
    const auto result = ledger.acquire(quota, count, "bot", holder, hash, limits, {});
    const auto fits = [&](std::uint64_t used, std::int64_t limit) {
        return limit == unlimited || static_cast<std::int64_t>(used + count) <= limit;
    };
    const bool expected = count > 0 && model.slots.size() < limits.slots && model.bySecret(hash) == nullptr &&
                          fits(model.units(quota, std::nullopt), limits.quota) &&
                          (!limits.perUid || fits(model.units(quota, holder.uid), *limits.perUid));
    RC_ASSERT(result.id.has_value() == expected);
    if (!expected) return;
    RC_ASSERT(*result.id == model.lastId + 1);
    Slot slot;
    slot.id = ++model.lastId;
    slot.quota = quota;
    slot.count = count;
    slot.label = "bot";
    slot.holder = holder;
    slot.secretHash = hash;
    model.slots.push_back(slot);
    RC_ASSERT(fits(model.units(quota, std::nullopt) - count, limits.quota));
}

void reclaimBoth(SlotLedger& ledger, Model& model, nanoseconds boottime) {
    const SlotSecretHash hash = secret(*rc::gen::inRange<std::uint32_t>(0, 20));
    const Holder holder{*rc::gen::inRange<std::uint32_t>(0, 3), *rc::gen::inRange(1, 100)};
    const auto result = ledger.reclaim(hash, holder, boot(boottime));
    Slot* slot = model.bySecret(hash);
    const bool expected =
        slot != nullptr && slot->holder.uid == holder.uid && !(slot->reclaimUntil && *slot->reclaimUntil <= boottime);
    RC_ASSERT(result.id.has_value() == expected);
    if (!expected) return;
    slot->holder = holder;
    slot->reclaimUntil.reset();
    RC_ASSERT(result.generation == ++slot->generation);
}

void releaseBoth(SlotLedger& ledger, Model& model) {
    const SlotId id = *rc::gen::inRange<SlotId>(0, model.lastId + 2);
    const Slot* slot = model.byId(id);
    if (*rc::gen::arbitrary<bool>()) {
        RC_ASSERT(ledger.release(id) == (slot != nullptr));
        model.remove(id);
        return;
    }
    const auto generation = *rc::gen::inRange<std::uint64_t>(1, 4);
    const bool expected = slot != nullptr && slot->generation == generation;
    RC_ASSERT(ledger.releaseIfGeneration(id, generation) == expected);
    if (expected) model.remove(id);
}

void restartBoth(SlotLedger& ledger, Model& model) {
    SlotLedger fresh;
    std::vector<Slot> stored = model.slots;
    // A torn file may hold something twice.
    if (!stored.empty() && *rc::gen::arbitrary<bool>())
        stored.push_back(stored[*rc::gen::inRange<std::size_t>(0, stored.size())]);
    fresh.restore(stored);
    fresh.reserveIdsUpTo(model.lastId);
    for (Slot& slot : model.slots) slot.reclaimUntil = nanoseconds::max();
    ledger = std::move(fresh);
}

RC_GTEST_PROP(SlotsProperty, LedgerAgreesWithAPlainList, ()) {
    SlotLedger ledger;
    Model model;
    nanoseconds boottime{0};
    for (int i = *rc::gen::inRange(0, 80); i > 0; --i) {
        boottime += seconds{*rc::gen::inRange(0, 20)};
        switch (*rc::gen::inRange(0, 12)) {
            case 0:
            case 1:
            case 2:
            case 3:
                acquireBoth(ledger, model);
                break;
            case 4:
            case 5:
                reclaimBoth(ledger, model, boottime);
                break;
            case 6:
            case 7:
                releaseBoth(ledger, model);
                break;
            case 8:
                restartBoth(ledger, model);
                break;
            case 9: {
                ledger.openReclaimWindow(boottime + seconds{30});
                for (Slot& slot : model.slots)
                    if (slot.reclaimUntil) slot.reclaimUntil = boottime + seconds{30};
                break;
            }
            case 10: {
                std::vector<SlotId> expected;
                for (const Slot& slot : model.slots)
                    if (slot.reclaimUntil && *slot.reclaimUntil <= boottime) expected.push_back(slot.id);
                for (const SlotId id : expected) model.remove(id);
                RC_ASSERT(ledger.expireReclaims(boot(boottime)) == expected);
                break;
            }
            default: {
                const auto limit = *rc::gen::inRange<std::int64_t>(-1, 12);
                std::vector<SlotId> expected;
                for (auto s = model.slots.rbegin(); s != model.slots.rend(); ++s) {
                    std::uint64_t left = model.units("bots", std::nullopt);
                    for (const SlotId id : expected) left -= model.byId(id)->count;
                    if (limit == unlimited || static_cast<std::int64_t>(left) <= limit) break;
                    if (s->quota == "bots") expected.push_back(s->id);
                }
                for (const SlotId id : expected) model.remove(id);
                RC_ASSERT(ledger.shrinkTo("bots", limit) == expected);
            }
        }
        compare(ledger, model);
    }
}

}  // namespace
}  // namespace entitle
