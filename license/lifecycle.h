// What a license becomes with time and events: step(state, event, now) → (state, effects). Total and pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "license/fingerprint.h"
#include "license/license.h"
#include "license/time.h"

namespace entitle {

// How the present hardware stands to the license's fp. driftSince is set when DRIFT is first seen, cleared by SAME.
struct Binding {
    Match match = Match::same;
    std::optional<Instant> driftSince;
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

// A product, not a sum: a request in flight never hides a valid license. Everything in it is persisted.
struct State {
    std::optional<License> current;
    std::optional<PendingRequest> pending;
    std::optional<Ended> ended;
    Binding binding;
    // The lowest seq still acceptable, per license id; bounded to the 64 most recent licenses.
    std::map<std::string, std::uint64_t> minimumSequence;
    Standing reported = Standing::demo;  // the standing last told to observers and the audit log
    bool operator==(const State&) const = default;
};

struct Requested { PendingRequest request; };           // `entitlectl request`
struct Imported { License license; };                   // already verified, with binding against present hardware
struct DeactivateRequested {};
struct DeviceChanged { Match match; };                  // present hardware was matched (at start, and on demand)
struct Tick {};                                         // the timer of nextWake, or a start
struct Resumed {};                                      // the machine woke up
using Event = std::variant<Requested, Imported, DeactivateRequested, DeviceChanged, Tick, Resumed>;

// Effects are performed in the order given: Persist, ShrinkSlots, Notify.
struct Persist {};                                      // write State before anything else becomes visible
struct ShrinkSlots { std::optional<Instant> windDownUntil; };  // entitlements fell: slots above the limit end then (none: now)
struct Notify { Standing from, to; };                   // observers and audit log
using Effect = std::variant<Persist, ShrinkSlots, Notify>;

// Why an event changed nothing. Data, not an exception.
enum class Refusal {
    none = 0,
    lowerSequence,   // a document older than one seen before
    notYetValid,     // nbf lies ahead of the clock
    alreadyOver,     // past exp + grace, or past lic_exp
    otherNonce,      // it answers another request than ours
    wrongDevice,     // present hardware is DIFFERENT from the document's fp
    nothingToDeactivate,
};
std::string_view toString(Refusal);
std::string_view explain(Refusal);

struct Step {
    State state;
    std::vector<Effect> effects;
    Refusal refusal = Refusal::none;
};

Step step(const State&, const Event&, const Now&);

// Standing as a function of state and time alone.
Standing standingOf(const State&, const Now&);

// The deadline a person wants to know: end of freshness when active, of grace in grace, of wind-down in wind-down.
std::optional<Instant> deadlineOf(const State&, const Now&);

// The next moment at which standing changes by time alone, strictly after now.wall; the daemon arms one timer from it.
std::optional<Instant> nextWake(const State&, const Now&);

}  // namespace entitle
