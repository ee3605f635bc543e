// What the files of the store share: the connection, and the steps of more than one operation. Private to store*.cpp.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/database.h"
#include "server/store.h"
#include "server/store_rows.h"

namespace entitle {

void insertAction(Sql&, const AdminAction&);  // store_audit.cpp

// A write that was refused has changed nothing, and is no action.
template <class Made>
bool wasDone(const Made& made) {
    if constexpr (requires { made.has_value(); })
        return made.has_value();
    else
        return static_cast<bool>(made);
}

struct Store::Session {
    Session(const DatabaseAddress& address, std::chrono::milliseconds wait) : database(address, wait) {}

    // A write transaction; its events are told when it is committed. What recordAs() said goes with it.
    template <class Work>
    auto write(Work&& work) -> decltype(work(std::declval<Sql&>())) {
        const auto recorded = std::exchange(action, std::nullopt);
        auto out = database.write([&](Sql& sql) {
            events.clear();
            auto made = work(sql);
            if (recorded && wasDone(made)) {
                AdminAction row = *recorded;
                if constexpr (requires { made->id.value; })
                    if (row.subject.empty()) row.subject = made->id.value;
                insertAction(sql, row);
            }
            return made;
        });
        if (tell)
            for (const auto& event : events) tell(event);
        events.clear();
        return out;
    }
    template <class Work>
    auto read(Work&& work) {
        return database.read(std::forward<Work>(work));
    }

    // The newest key set: read once, and again when its version has changed.
    const KeySetRow& newestKeySet(Sql&, long long version);
    const KeySetRow& newestKeySet(Sql&);

    // Inside a transaction. Takes the authority's row: events are numbered in the order of their commits. One that
    // revokes, or takes that back, is a line of the revocation list too.
    enum class Revokes { no, yes };
    void addEvent(Sql&, const LicenseId&, const std::string& what, Instant now, Revokes = Revokes::no);

    // The two halves of a device's request, inside one transaction (store_exchange.cpp): what the decision is made
    // from, behind the license's lock, which took a number for a document; and what it writes, or why not.
    std::optional<ExchangeFacts> readFacts(Sql&, const ExchangeQuery&);
    Exchanged apply(Sql&, const ExchangeQuery&, ExchangeFacts, Exchange);
    Denial refuse(Sql&, const ExchangeQuery&, const ExchangeFacts&, const Denial&);

    Database database;
    std::optional<KeySetRow> keySet;
    std::map<std::string, Instant> signingUses;  // as committed by this session
    std::vector<EventRow> events;                // of the transaction at work
    std::optional<AdminAction> action;           // to be recorded with the next write
    std::function<void(const EventRow&)> tell;
};

// Takes the license's lock for the rest of the transaction, and reads the row behind it. One statement for both
// databases: a change of the row is what locks it. With `step` 1 it takes a number for a document besides; the row
// returned shows the license as it was before.
std::optional<LicenseRow> lockLicense(Sql&, const LicenseId&, int step = 0);
void setLastSequence(Sql&, const LicenseId&, std::uint64_t);

Denial noSuchLicense(const LicenseId&);
std::vector<DeviceRow> heldDevices(Sql&, const LicenseId&);  // oldest first
std::optional<DeviceRow> latestSeat(Sql&, const LicenseId&, const DeviceId&);
void recordAttempt(Sql&, const LicenseId&, const DeviceId&, Instant now, std::string_view outcome);

// Gives the row its number and the license one more device. A full license is refused by the database.
void takeSeat(Sql&, const LicenseId&, DeviceRow&);
// The row must be held. Its tokens go with it.
void freeSeat(Sql&, const LicenseId&, const Release&, Instant now);

void insertToken(Sql&, const TokenRow&);

// Rounded up to a whole day, so that one renewal a day writes it and the others find it done.
SigningUse inWholeDays(SigningUse);
void noteSigningUse(Sql&, const SigningUse&);

}  // namespace entitle
