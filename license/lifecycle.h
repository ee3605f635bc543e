// What a license becomes with time and events: step(state, event, now) → (state, effects). Total and pure.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "license/fingerprint.h"
#include "license/license.h"
#include "license/time.h"

namespace entitle {

// How the present hardware stands to the license's fp. driftSince is set when DRIFT is first seen, differentSince when
// DIFFERENT is; SAME clears both. They are what the drift allowance and the wind-down are counted from.
struct Binding {
    Match match = Match::same;
    std::optional<Instant> driftSince;
    std::optional<Instant> differentSince;
    bool operator==(const Binding&) const = default;
};
inline constexpr Seconds driftAllowance = std::chrono::days{7};

// An offline request that waits for its answer. Kept until answered: the same request may be written out again.
struct PendingRequest {
    std::string nonce;
    Instant issuedAt{};
    bool operator==(const PendingRequest&) const = default;
};

// A signed no of the authority (arrives with the online part; the states are answered for already).
struct Ended {
    Standing standing = Standing::revoked;  // revoked or suspended
    Instant at{};
    bool operator==(const Ended&) const = default;
};

// What becomes of held slots above the limit in force. Neither: they end.
struct Hold {
    bool kept = false;             // they stay until their holder lets go: nobody decided against them
    std::optional<Instant> until;  // wind-down: they end then
    bool operator==(const Hold&) const = default;
};

// The lowest seq still acceptable of one license.
struct SequenceFloor {
    LicenseId license;
    std::uint64_t lowest = 0;
    bool operator==(const SequenceFloor&) const = default;
};
inline constexpr std::size_t maxSequenceFloors = 64;

// A product, not a sum: a request in flight never hides a valid license. Everything in it is persisted.
struct State {
    std::optional<License> current;
    std::optional<PendingRequest> pending;
    std::optional<Ended> ended;
    Binding binding;
    // Of the maxSequenceFloors licenses seen last, the latest at the back.
    std::vector<SequenceFloor> minimumSequence;
    // A smaller document replaced a larger one: held slots above its limit end then.
    std::optional<Instant> shrinkAt;
    Standing reported = Standing::demo;  // the standing last told to observers and the audit log
    Hold reportedHold;                   // what the slot ledger was last told
    bool operator==(const State&) const = default;
};

struct Requested {
    PendingRequest request;
};                 // `entitlectl request`
struct Imported {  // already verified, and matched against present hardware
    License license;
    Match match = Match::same;
};
struct DeactivateRequested {};
struct DeviceChanged {
    Match match;
};                  // present hardware was matched (at start, and on demand)
struct Tick {};     // the timer of nextWake, or a start
struct Resumed {};  // the machine woke up
using Event = std::variant<Requested, Imported, DeactivateRequested, DeviceChanged, Tick, Resumed>;

// Effects are performed in the order given: Persist, ShrinkSlots, Notify.
struct Persist {};  // write State before anything else becomes visible
// Rights fell: slots above the limit in force end at windDownUntil (none: now). Tells of changes only, and a crash may
// swallow one after Persist: at start the ledger is cut to what `evaluate` says as well.
struct ShrinkSlots {
    std::optional<Instant> windDownUntil;
};
struct Notify {
    Standing from, to;
};  // observers and audit log
using Effect = std::variant<Persist, ShrinkSlots, Notify>;

// Why an event changed nothing. Data, not an exception.
enum class Refusal {
    none = 0,
    lowerSequence,  // a document older than one seen before
    notYetValid,    // nbf lies ahead of the clock
    alreadyOver,    // past exp + grace, or past lic_exp
    otherNonce,     // it answers another request than ours
    wrongDevice,    // present hardware is DIFFERENT from the document's fp
    nothingToDeactivate,
};
std::string_view toString(Refusal);
std::string_view explain(Refusal);

struct Step {
    State state;
    std::vector<Effect> effects;
    Refusal refusal = Refusal::none;
};

// Every state, event and time is answered. A refused event changes nothing that it asked for; time is settled all the
// same (a Notify may come with a refusal).
Step step(const State&, const Event&, const Now&);

// Standing as a function of state and time alone. All spans are half-open: a right that ends at T is gone at T.
//   before nbf                       notYetValid
//   until min(exp, lic_exp)          active
//   until min(exp + grace, lic_exp)  grace
//   from lic_exp for wind_down_s     windingDown, then expired
//   else                             expired, held slots stay (no contact: our outage never stops a running bot)
// A signed no and DIFFERENT hardware stand above all of it, at any time. DRIFT ends in wrongDevice driftAllowance after
// driftSince, unless the license was over before.
Standing standingOf(const State&, const Now&);

// Wind-down is counted from whatever ended the rights first: lic_exp, the signed no, or the wrong hardware.
Hold holdOf(const State&, const Now&);

// True while the license's own rights are in force: active and grace.
bool inForce(Standing);

// The deadline a person wants to know: end of freshness when active, of grace in grace (each cut short by lic_exp and
// the drift allowance), of wind-down while one runs, the beginning when not yet valid.
std::optional<Instant> deadlineOf(const State&, const Now&);

// The lowest seq of a license that would still be imported; 0 for one never seen.
std::uint64_t minimumSequenceOf(const State&, const LicenseId&);
// The highest seq seen of any license: what an offline request states.
std::uint64_t highestSequence(const State&);

// The next moment at which standing or hold changes by time alone, strictly after now.wall; the daemon arms one timer
// from it and answers it with a Tick.
std::optional<Instant> nextWake(const State&, const Now&);

}  // namespace entitle
