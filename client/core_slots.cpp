// The caller's side of slots: taken, taken provisionally while there is no daemon, given back.
#include <algorithm>
#include <utility>

#include "client/convert.h"
#include "client/core_io.h"
#include "client/fallback.h"

namespace entitle {
inline namespace v0 {

std::shared_ptr<SlotRecord> ClientCore::newRecord(std::string_view quota, std::uint32_t count, std::string_view label) {
    return std::make_shared<SlotRecord>(weak_from_this(), process_, std::string(quota), count, std::string(label));
}

Acquired ClientCore::acquire(std::string_view quota, std::uint32_t count, std::string_view label) {
    Acquired out;
    if (forked()) {
        out.answer.origin = forkedOrigin();
        out.answer.message = out.answer.origin.detail;
        return out;
    }
    Origin origin;
    const auto record = newRecord(quota, count, label);
    const auto answer = ask<Answer>(
        origin, [] { return false; },
        [record](Io& io, wire::Entitled::Client& daemon, const auto& sender) {
            auto request = daemon.acquireRequest();
            request.setQuota(record->quota);
            request.setCount(record->count);
            request.setLabel(record->label);
            return request.send().then([&io, record, sender](capnp::Response<wire::Entitled::AcquireResults> response) {
                const auto outcome = response.getOutcome();
                Answer answer;
                if (outcome.isHeld()) {
                    io.slots.add(record, outcome.getHeld());
                    answer.allowed = true;
                    answer.reason = Answer::Reason::granted;
                    answer.origin.source = Source::daemon;
                } else if (outcome.isDenied()) {
                    answer = fromWire(outcome.getDenied());
                    answer.allowed = false;
                } else {
                    return sender->refuse();
                }
                sender->send(std::move(answer));
            });
        });
    if (answer) {
        out.answer = *answer;
        if (answer->allowed) {
            remember(record);
            out.slots = Slots(record);
        }
        return out;
    }
    // The answer may still come: then the slots go back at once.
    drop(record);
    return acquireProvisionally(newRecord(quota, count, label), origin);
}

Acquired ClientCore::acquireProvisionally(const std::shared_ptr<SlotRecord>& record, Origin origin) {
    Acquired out;
    {
        const std::lock_guard lock(handlesMutex_);
        out.answer = fallback::acquire(record->quota, record->count, record->label, provisionalUnits(), origin);
        if (!out.answer.allowed) return out;
        record->become(Slots::State::provisional, origin.detail);
        handles_.push_back(record);
    }
    out.slots = Slots(record);
    post([record](Io& io) {
        io.slots.addProvisional(record);
        // It may have come back meanwhile.
        if (auto* daemon = io.link.daemon()) io.link.background(io.slots.restoreOne(*daemon, record));
    });
    return out;
}

bool ClientCore::release(const std::shared_ptr<SlotRecord>& record) {
    const auto before = record->release();
    if (before == Slots::State::released || before == Slots::State::lost) return true;
    auto reply = std::make_shared<Reply<bool>>();
    post([record, sender = std::make_shared<ReplySender<bool>>(reply)](Io& io) {
        const bool connected = io.link.daemon() != nullptr;
        auto removed = io.slots.remove(record);
        if (!connected) return;  // nobody to say so
        io.link.background(removed.then([sender] { sender->send(true); }));
    });
    const auto outcome = reply->wait(Reachability::Clock::now() + options_.timeout, [] {});
    return outcome == ReplyOutcome::answered || before == Slots::State::provisional;
}

void ClientCore::drop(const std::shared_ptr<SlotRecord>& record) {
    const auto before = record->release();
    if (before == Slots::State::released || before == Slots::State::lost) return;
    post([record](Io& io) { io.link.background(io.slots.remove(record)); });
}

void ClientCore::remember(const std::shared_ptr<SlotRecord>& record) {
    const std::lock_guard lock(handlesMutex_);
    if (handles_.size() >= tidyAt_) {
        std::erase_if(handles_, [](const auto& handle) { return handle.expired(); });
        tidyAt_ = std::max<std::size_t>(64, handles_.size() * 2);
    }
    handles_.push_back(record);
}

std::uint32_t ClientCore::provisionalUnits() const {
    std::uint32_t units = 0;
    for (const auto& handle : handles_) {
        const auto record = handle.lock();
        if (record && record->state() == Slots::State::provisional) units += record->count;
    }
    return units;
}

}  // namespace v0
}  // namespace entitle
