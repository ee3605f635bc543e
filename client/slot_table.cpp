#include "client/slot_table.h"

#include <algorithm>
#include <utility>

namespace entitle {

namespace {

// Calls of one restore under way at once: well below what the daemon allows on a connection.
constexpr std::size_t restoringAtOnce = 32;
constexpr std::uint32_t listedAtOnce = 200;  // the daemon's own limit

std::string text(capnp::Text::Reader reader) {
    return {reader.begin(), reader.size()};
}

}  // namespace

void SlotTable::add(const Record& record, wire::Held::Reader held) {
    auto slot = held.getSlot();
    const auto secret = held.getSecret();
    if (!record->hold(held.getId(), {secret.begin(), secret.end()})) {
        entries_.erase(record.get());  // the capability drops with this scope, and the slots with it
        return;
    }
    auto& entry = entries_[record.get()];
    entry.record = record;
    entry.slot.emplace(kj::mv(slot));
}

void SlotTable::addProvisional(const Record& record) {
    entries_[record.get()].record = record;
}

kj::Promise<void> SlotTable::remove(const Record& record) {
    const auto found = entries_.find(record.get());
    if (found == entries_.end()) return kj::READY_NOW;
    if (auto& slot = found->second.slot) {
        auto released = slot->releaseRequest().send().ignoreResult();
        entries_.erase(found);
        return released;
    }
    // Away. Slots the daemon may still keep for us are reclaimed on return, only to be given back; the others end here.
    if (record->secret().empty()) entries_.erase(found);
    return kj::READY_NOW;
}

void SlotTable::disconnected() {
    bool any = false;
    for (auto& [key, entry] : entries_) {
        entry.slot.reset();
        if (entry.record->state() == Slots::State::held)
            any = entry.record->become(Slots::State::reconnecting, "The daemon is away; reconnecting.") || any;
    }
    if (any) changed_();
}

kj::Promise<void> SlotTable::restore(wire::Entitled::Client daemon) {
    auto restoring = std::make_shared<Restoring>();
    for (const auto& [key, entry] : entries_) restoring->left.push_back(entry.record);
    auto chains = kj::heapArrayBuilder<kj::Promise<void>>(std::min(restoringAtOnce, restoring->left.size()));
    while (!chains.isFull()) chains.add(restoreNext(daemon, restoring));
    return kj::joinPromises(chains.finish()).then([this] { changed_(); });
}

kj::Promise<void> SlotTable::restoreNext(wire::Entitled::Client daemon, std::shared_ptr<Restoring> restoring) {
    if (restoring->left.empty()) return kj::READY_NOW;
    const auto record = std::move(restoring->left.back());
    restoring->left.pop_back();
    return restoreOne(daemon, record).then([this, daemon, restoring]() mutable {
        return restoreNext(kj::mv(daemon), std::move(restoring));
    });
}

kj::Promise<void> SlotTable::restoreOne(wire::Entitled::Client& daemon, const Record& record) {
    return record->secret().empty() ? acquire(daemon, record) : reclaim(daemon, record);
}

kj::Promise<void> SlotTable::reclaim(wire::Entitled::Client& daemon, const Record& record) {
    auto request = daemon.reclaimRequest();
    const auto secret = record->secret();
    request.setSecret(kj::arrayPtr(secret.data(), secret.size()));
    return request.send().then([this, record](capnp::Response<wire::Entitled::ReclaimResults> response) {
        const auto outcome = response.getOutcome();
        switch (outcome.which()) {
            case wire::ReclaimOutcome::HELD:
                return add(record, outcome.getHeld());
            case wire::ReclaimOutcome::OTHER_USER:
                return lose(record, "The daemon knows these slots as another user's.");
            case wire::ReclaimOutcome::UNKNOWN_SECRET:
                break;
        }
        lose(record, "The daemon no longer keeps these slots: they were released, or not taken back in time.");
    });
}

kj::Promise<void> SlotTable::acquire(wire::Entitled::Client& daemon, const Record& record) {
    auto request = daemon.acquireRequest();
    request.setQuota(record->quota);
    request.setCount(record->count);
    request.setLabel(record->label);
    return request.send().then([this, record](capnp::Response<wire::Entitled::AcquireResults> response) {
        const auto outcome = response.getOutcome();
        if (outcome.isHeld()) return add(record, outcome.getHeld());
        lose(record, outcome.isDenied() ? text(outcome.getDenied().getMessage())
                                        : std::string("The daemon did not grant these slots."));
    });
}

kj::Promise<void> SlotTable::sweep(wire::Entitled::Client daemon) {
    auto sweeping = std::make_shared<Sweeping>();
    for (const auto& [key, entry] : entries_) {
        if (entry.slot) sweeping->missing.emplace(entry.record->view().id, entry.record);
    }
    if (sweeping->missing.empty()) return kj::READY_NOW;
    return sweepFrom(kj::mv(daemon), 0, std::move(sweeping));
}

kj::Promise<void> SlotTable::sweepFrom(wire::Entitled::Client daemon, std::uint64_t after,
                                       std::shared_ptr<Sweeping> sweeping) {
    auto request = daemon.slotsRequest();
    request.setAfter(after);
    request.setMost(listedAtOnce);
    return request.send().then(
        [this, daemon, sweeping](capnp::Response<wire::Entitled::SlotsResults> response) mutable -> kj::Promise<void> {
            for (const auto slot : response.getSlots()) {
                // Listed as awaiting: nobody's connection holds it, so not ours either.
                if (!slot.getAwaiting()) sweeping->missing.erase(slot.getId());
            }
            if (response.getNext() != 0 && !sweeping->missing.empty())
                return sweepFrom(kj::mv(daemon), response.getNext(), std::move(sweeping));
            for (const auto& [id, record] : sweeping->missing) {
                auto* entry = find(record);
                // Given back or replaced while the pages came in: not lost.
                if (entry != nullptr && record->view().id == id && record->state() == Slots::State::held)
                    lose(record,
                         "The daemon took these slots away: an administrator released them, or the license ended.");
            }
            if (!sweeping->missing.empty()) changed_();
            return kj::READY_NOW;
        });
}

void SlotTable::loseAll(const std::string& reason) {
    for (const auto& [key, entry] : entries_) entry.record->become(Slots::State::lost, reason);
    entries_.clear();
}

SlotTable::Entry* SlotTable::find(const Record& record) {
    const auto found = entries_.find(record.get());
    return found == entries_.end() ? nullptr : &found->second;
}

void SlotTable::lose(const Record& record, const std::string& reason) {
    record->become(Slots::State::lost, reason);
    entries_.erase(record.get());
}

}  // namespace entitle
