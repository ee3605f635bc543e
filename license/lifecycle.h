// What a license becomes with time and events: step(state, event, now) → (state, effects). Total and pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "license/contact.h"
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

// A signed no of the authority to the license in force. Revoked stays revoked until a newer document; suspended also
// until it is reinstated.
struct Ended {
    Standing standing = Standing::revoked;  // revoked or suspended
    Instant at{};                           // when this machine heard of it: the wind-down is counted from here
    bool operator==(const Ended&) const = default;
};

// What becomes of held slots above the limit in force. Neither: they end.
struct Hold {
    bool kept = false;             // they stay until their holder lets go: nobody decided against them
    std::optional<Instant> until;  // wind-down: they end then
    bool operator==(const Hold&) const = default;
};

// What is still acceptable of one license: no lower seq, and nothing that was issued before the authority's last no.
struct SequenceFloor {
    LicenseId license;
    std::uint64_t lowest = 0;
    Instant issuedFrom{};
    bool operator==(const SequenceFloor&) const = default;
};
inline constexpr std::size_t maxSequenceFloors = 64;

inline constexpr std::size_t maxAttempts = 8;
// After a CONFLICT every right is kept this long, while the device enrols anew.
inline constexpr Seconds conflictGrace = std::chrono::hours{72};

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

    // Questions under way, in the order they began: at most one activation, at most one renewal or re-enrolment, and
    // seats being given back. Beyond maxAttempts the oldest seat given back is forgotten.
    std::vector<Attempt> attempts;
    std::string token;                  // the rolling token of `current`; empty: it came by file, or must enrol anew
    std::optional<Instant> renewAt;     // when to ask anew; empty: never by itself
    std::optional<Instant> conflictAt;  // the authority sees two of this device
    std::uint64_t revocationEpoch = 0;  // of the highest revocation list seen
    bool clockSpent = false;            // as last told by ClockJudged

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
// `entitlectl deactivate`. With a rid, the seat of a license that came online is given back to the authority, now or as
// soon as it can be reached.
struct DeactivateRequested {
    std::string rid;
};
struct DeviceChanged {
    Match match;
};                  // present hardware was matched (at start, and on demand)
struct Tick {};     // the timer of nextWake, or a start
struct Resumed {};  // the machine woke up
struct ClockJudged {
    bool spent = false;  // the clock has been suspect for longer than the document allows (license/clock_guard.h)
};

// Every rid below that begins a question is fresh: base64url of 16 random bytes. It is used only if none waits.

// `entitlectl activate KEY`. The same key again joins the activation under way; another takes its place.
struct ActivateRequested {
    std::string rid;
    std::string key;  // canonical text
};
// Ask now what else would be asked later: `entitlectl refresh`, a push, a clock in doubt.
struct RefreshRequested {
    std::string rid;
    RetryPolicy policy = RetryPolicy::userWaiting;
    Seconds after{};  // not 0: no later than so long from now, without a question of its own now
};
// contactDue is true: the timer rang, or the daemon has just started.
struct ContactDue {
    std::string rid;
};

// The network is back: what found nobody is asked again, without waiting for its back-off to end. Begins nothing, and
// what fails again goes on where its back-off was.
struct NetworkBack {};

// The answers to a question, by its rid. Verified by openReply; `retry` and whatever was not signed are Unreachable.
struct LicenseGranted {
    std::string rid;
    License license;
    Match match = Match::same;  // of present hardware with the document's fp
    std::string token;          // the next rolling token
    Seconds after{};            // of the answer
};
struct LicenseDenied {
    std::string rid;
    LicenseId license;  // of the answer; may be empty
    SignedEnd ended = SignedEnd::none;
    Instant decidedAt{};  // the answer's time
    Seconds after{};
    // Fresh, where an earlier sending of a re-enrolment was granted and its chain has gone on: asked once more, anew.
    std::string nextRid{};
};
struct LicenseConflicted {
    std::string rid;
    std::string nextRid;  // fresh: of the re-enrolment
};
struct SeatReturned {  // deactivate was granted
    std::string rid;
};
// No answer that counts: the network, a portal, an authority that is busy. Never a no.
struct Unreachable {
    std::string rid;
    std::optional<Seconds> retryAfter;
    std::uint32_t jitter = 0;  // uniform over its range
};

// A signed no that answers no question of ours: heard while waiting for a push.
struct LicenseEnded {
    LicenseId license;
    SignedEnd ended = SignedEnd::none;
    Instant decidedAt{};
};
// A verified revocation list, online or by file.
struct RevocationPushed {
    std::uint64_t epoch = 0;
    std::vector<Revocation> entries;
};

using Event = std::variant<Requested, Imported, DeactivateRequested, DeviceChanged, Tick, Resumed, ActivateRequested,
                           RefreshRequested, ContactDue, NetworkBack, LicenseGranted, LicenseDenied, LicenseConflicted,
                           SeatReturned, Unreachable, LicenseEnded, RevocationPushed, ClockJudged>;

// Effects are performed in the order given: Persist, ShrinkSlots, Notify, CallAuthority.
struct Persist {};  // write State before anything else becomes visible
// Rights fell: slots above the limit in force end at windDownUntil (none: now). Tells of changes only, and a crash may
// swallow one after Persist: at start the ledger is cut to what `evaluate` says as well.
struct ShrinkSlots {
    std::optional<Instant> windDownUntil;
};
struct Notify {
    Standing from, to;
};  // observers and audit log
// Send the attempt of this rid, if it is not being sent already. It has been persisted.
struct CallAuthority {
    std::string rid;
};
using Effect = std::variant<Persist, ShrinkSlots, Notify, CallAuthority>;

// Why an event changed nothing. Data, not an exception.
enum class Refusal {
    none = 0,
    lowerSequence,  // a document older than one seen before
    notYetValid,    // nbf lies ahead of the clock
    alreadyOver,    // past exp + grace, or past lic_exp
    otherNonce,     // it answers another request than ours
    wrongDevice,    // present hardware is DIFFERENT from the document's fp
    nothingToDeactivate,
    endedSince,      // the authority ended the license after it had issued this document
    unknownAttempt,  // an answer to a question that no longer waits
    otherLicense,    // an answer about another license than was asked for
    nothingToRenew,  // no license, and no activation under way
    lowerEpoch,      // a revocation list older than one seen before
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
//   until min(exp, lic_exp)          active; grace from a CONFLICT on
//   until min(exp + grace, lic_exp)  grace, after a CONFLICT for conflictGrace at most
//   from lic_exp for wind_down_s     windingDown, then expired
//   else                             expired, held slots stay (no contact: our outage never stops a running bot);
//                                    also at any time from nbf on while the clock is spent
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

// From when on nothing of the license is in force: min(exp + grace, lic_exp), sooner after a CONFLICT. Needs a license.
Instant overAt(const State&);

// When the authority is to be asked next: a retry or a renewal. May lie in the past. nullopt: never by itself.
std::optional<Instant> contactDueAt(const State&);
bool contactDue(const State&, const Now&);

// The question of this rid; nullptr if none waits.
const Attempt* findAttempt(const State&, std::string_view rid);

// The next moment at which standing or hold changes by time alone, or the authority is to be asked, strictly after
// now.wall; the daemon arms one timer from it. When it rings: a Tick, and a ContactDue if contactDue. What is due
// already is not in it, so ContactDue comes first.
std::optional<Instant> nextWake(const State&, const Now&);

}  // namespace entitle
