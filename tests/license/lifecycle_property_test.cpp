// What holds for every history, however strange its events and its clock.
#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "license/lifecycle.h"
#include "tests/license/sample_license.h"

namespace entitle {
namespace {

// Moments that meet: small steps around noon, so that boundaries coincide often, and the dates clocks go wrong at.
Instant anyInstant() {
    if (*rc::gen::inRange(0, 5) > 0) return noon + Seconds{*rc::gen::inRange(-40, 80)};
    return *rc::gen::element(Instant{}, Instant{Seconds{2'147'483'648}}, Instant{Seconds{4'294'967'296}},
                             earliestInstant, latestInstant, Instant::min(), Instant::max());
}
Seconds anySpan() {
    return Seconds{*rc::gen::inRange(0, 20)};
}
std::optional<Instant> maybeInstant() {
    if (*rc::gen::arbitrary<bool>()) return std::nullopt;
    return anyInstant();
}
std::string anyNonce() {
    return *rc::gen::element<std::string>("", "AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB");
}

License anyLicense() {
    License license = sampleLicense();
    license.id = {*rc::gen::element<std::string>("lic_a", "lic_b", "lic_c")};
    license.notBefore = noon + Seconds{*rc::gen::inRange(-30, 10)};
    license.freshUntil = license.notBefore + Seconds{*rc::gen::inRange(0, 40)};
    if (*rc::gen::arbitrary<bool>()) license.endsAt = license.notBefore + Seconds{*rc::gen::inRange(0, 60)};
    license.grace = anySpan();
    license.windDown = anySpan();
    license.maxBots = *rc::gen::elementOf(std::vector<std::int64_t>{unlimited, 0, 3, 10});
    license.sequence = *rc::gen::inRange<std::uint64_t>(1, 6);
    license.nonce = anyNonce();
    return license;
}

// One that step imports at noon.
License importable() {
    License license = anyLicense();
    license.notBefore = noon - Seconds{*rc::gen::inRange(0, 20)};
    license.freshUntil = noon + Seconds{*rc::gen::inRange(1, 40)};
    if (license.endsAt) license.endsAt = noon + Seconds{*rc::gen::inRange(1, 60)};
    license.nonce.clear();
    return license;
}

Match anyMatch() {
    return *rc::gen::element(Match::same, Match::drift, Match::different);
}

std::string anyRid() {
    return *rc::gen::element<std::string>("r1", "r2", "r3", "r4");
}
std::string anyToken() {
    return *rc::gen::element<std::string>("", "t1", "t2");
}
std::uint32_t anyJitter() {
    return *rc::gen::arbitrary<std::uint32_t>();
}
SignedEnd anyEnd() {
    return *rc::gen::element(SignedEnd::none, SignedEnd::revoked, SignedEnd::suspended, SignedEnd::released);
}

// What the network, the timer and an impatient person may do: no word of the authority in it.
Event anyFault() {
    switch (*rc::gen::inRange(0, 8)) {
        case 6:
            return NetworkBack{};
        case 0:
            return Unreachable{anyRid(), std::nullopt, anyJitter()};
        case 1:
            return Unreachable{anyRid(), Seconds{*rc::gen::inRange(-10, 1'000'000'000)}, anyJitter()};
        case 2:
            return ContactDue{anyRid()};
        case 3:
            return RefreshRequested{anyRid(), *rc::gen::element(RetryPolicy::userWaiting, RetryPolicy::background)};
        case 4:
            return ActivateRequested{anyRid(), *rc::gen::element<std::string>("CO-A", "CO-B")};
        case 5:
            return Resumed{};
        default:
            return Tick{};
    }
}

// What the authority says.
Event anyWord() {
    switch (*rc::gen::inRange(0, 6)) {
        case 0:
            return LicenseDenied{anyRid(), {"lic_a"}, anyEnd(), anyInstant(), anySpan(), anyRid()};
        case 1:
            return LicenseConflicted{anyRid(), anyRid()};
        case 2:
            return SeatReturned{anyRid()};
        case 3:
            return LicenseEnded{{"lic_a"}, anyEnd(), anyInstant()};
        case 4:
            return RevocationPushed{
                *rc::gen::inRange<std::uint64_t>(0, 5),
                {{{"lic_a"},
                  *rc::gen::element(RevocationKind::revoked, RevocationKind::suspended, RevocationKind::reinstated),
                  anyInstant()}}};
        default:
            return LicenseGranted{anyRid(), anyLicense(), anyMatch(), "t9", anySpan()};
    }
}

Event anyEvent() {
    switch (*rc::gen::inRange(0, 12)) {
        case 8:
        case 9:
            return anyWord();
        case 10:
        case 11:
            return anyFault();
        case 7:
            return ClockJudged{*rc::gen::arbitrary<bool>()};
        case 0:
            return Requested{{anyNonce(), anyInstant()}};
        case 1:
        case 2:
            return Imported{anyLicense(), anyMatch()};
        case 3:
            return DeactivateRequested{};
        case 4:
            return DeviceChanged{anyMatch()};
        case 5:
            return Resumed{};
        default:
            return Tick{};
    }
}

// Any state at all, also such as no history leads to: `step` is given what a disk held.
State anyState() {
    State state;
    if (*rc::gen::inRange(0, 5) > 0) state.current = anyLicense();
    if (*rc::gen::arbitrary<bool>()) state.pending = PendingRequest{anyNonce(), anyInstant()};
    if (*rc::gen::inRange(0, 5) == 0)
        state.ended = Ended{*rc::gen::element(Standing::revoked, Standing::suspended), anyInstant()};
    state.binding = {anyMatch(), maybeInstant(), maybeInstant()};
    if (state.binding.driftSince && *rc::gen::arbitrary<bool>())  // so that allowances end among the other moments
        state.binding.driftSince = plus(*state.binding.driftSince, -driftAllowance);
    if (*rc::gen::inRange(0, 3) == 0) state.minimumSequence = {{{"lic_a"}, *rc::gen::inRange<std::uint64_t>(0, 6)}};
    state.shrinkAt = maybeInstant();
    state.clockSpent = *rc::gen::inRange(0, 4) == 0;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        Attempt attempt;
        attempt.operation =
            *rc::gen::element(Operation::activate, Operation::renew, Operation::deactivate, Operation::reenrol);
        attempt.rid = "r" + std::to_string(i);
        if (attempt.operation != Operation::activate) attempt.license = {"lic_a"};
        attempt.failures = *rc::gen::inRange<std::uint32_t>(0, 5);
        attempt.nextAttempt = anyInstant();
        attempt.waitingUntil = maybeInstant();
        state.attempts.push_back(attempt);
    }
    state.token = anyToken();
    state.renewAt = maybeInstant();
    state.conflictAt = maybeInstant();
    state.revocationEpoch = *rc::gen::inRange<std::uint64_t>(0, 4);
    state.reported = static_cast<Standing>(*rc::gen::inRange(0, 9));
    state.reportedHold = {*rc::gen::arbitrary<bool>(), maybeInstant()};
    return state;
}

// Rises with time as long as nothing happens; rights are never regained by waiting, except by an nbf that comes.
int rank(Standing standing) {
    switch (standing) {
        case Standing::demo:
        case Standing::notYetValid:
            return 0;
        case Standing::active:
            return 1;
        case Standing::grace:
            return 2;
        case Standing::windingDown:
            return 3;
        case Standing::expired:
        case Standing::revoked:
        case Standing::suspended:
        case Standing::wrongDevice:
            return 4;
    }
    return -1;
}

bool valid(const State& state, Instant t) {
    return inForce(standingOf(state, at(t)));
}

RC_GTEST_PROP(LifecycleProperty, StepAnswersEveryStateEventAndTime, ()) {
    const State before = anyState();
    const Event event = anyEvent();
    const Instant t = anyInstant();
    const Step done = step(before, event, at(t));
    RC_ASSERT(done.state.reported == standingOf(done.state, at(t)));
    RC_ASSERT(done.state.reportedHold == holdOf(done.state, at(t)));
    RC_ASSERT(done.state.minimumSequence.size() <= maxSequenceFloors);

    // In order, each at most once, and each exactly when it has something to say.
    std::vector<std::size_t> kinds;
    for (const Effect& effect : done.effects) kinds.push_back(effect.index());
    RC_ASSERT(std::is_sorted(kinds.begin(), kinds.end()));
    std::set<std::string> called;
    for (const Effect& effect : done.effects)
        if (const auto* call = std::get_if<CallAuthority>(&effect)) {
            // Only what is on disk is sent, and with a time for the next try.
            const bool stored =
                std::any_of(done.state.attempts.begin(), done.state.attempts.end(), [&](const Attempt& attempt) {
                    return attempt.rid == call->rid && (attempt.nextAttempt > t || t == Instant::max());
                });
            RC_ASSERT(stored);
            called.insert(call->rid);
        }
    RC_ASSERT(std::set<std::size_t>(kinds.begin(), kinds.end()).size() + called.size() - (called.empty() ? 0 : 1) <=
              kinds.size());
    RC_ASSERT(done.state.attempts.size() <= maxAttempts);
    const auto has = [&](std::size_t kind) { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); };
    RC_ASSERT(has(0) == (done.state != before));
    RC_ASSERT(has(2) == (done.state.reported != before.reported));
    for (const Effect& effect : done.effects) {
        if (const auto* notify = std::get_if<Notify>(&effect))
            RC_ASSERT(notify->from == before.reported && notify->to == done.state.reported);
        if (const auto* shrink = std::get_if<ShrinkSlots>(&effect)) {
            RC_ASSERT(shrink->windDownUntil == done.state.reportedHold.until);
            RC_ASSERT(!done.state.reportedHold.kept);
        }
    }
    // Rights that fell are always told to the ledger, unless held slots stay.
    if (inForce(before.reported) && !inForce(done.state.reported) && before.reportedHold != done.state.reportedHold)
        RC_ASSERT(has(1) || done.state.reportedHold.kept);
}

RC_GTEST_PROP(LifecycleProperty, SettledStateIsAtRest, ()) {
    const Instant t = anyInstant();
    const State settled = step(anyState(), anyEvent(), at(t)).state;
    RC_ASSERT(step(settled, Tick{}, at(t)).effects.empty());
    RC_ASSERT(step(settled, Resumed{}, at(t)).state == settled);
}

// A log holds what was asked and found, not when the timer rang. Replayed without a single ring it leads to the same
// state as the daemon that woke at every moment: a machine that slept through a deadline knows no less.
RC_GTEST_PROP(LifecycleProperty, ReplayedLogGivesTheSameState, ()) {
    State awake;
    State replayed;
    Instant t = noon - Seconds{40};
    for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
        const Event event = anyEvent();
        const Instant next = t + Seconds{*rc::gen::inRange(0, 15)};
        for (auto wake = nextWake(awake, at(t)); wake && *wake <= next; wake = nextWake(awake, at(*wake))) {
            awake = step(awake, Tick{}, at(*wake)).state;
            if (!contactDue(awake, at(*wake))) continue;
            const Event contact = ContactDue{anyRid()};  // a question is an entry of the log
            awake = step(awake, contact, at(*wake)).state;
            replayed = step(replayed, contact, at(*wake)).state;
        }
        t = next;
        awake = step(awake, event, at(t)).state;
        replayed = step(replayed, event, at(t)).state;
        RC_ASSERT(awake == replayed);
    }
}

RC_GTEST_PROP(LifecycleProperty, ClockReadingsBesideWallTimeDecideNothing, ()) {
    const State state = anyState();
    const Event event = anyEvent();
    Now now = at(anyInstant());
    const Step plain = step(state, event, now);
    now.boottime = std::chrono::nanoseconds(*rc::gen::arbitrary<std::int64_t>());
    now.bootId = *rc::gen::arbitrary<std::string>();
    now.synced = *rc::gen::arbitrary<bool>();
    RC_ASSERT(step(state, event, now).state == plain.state);
}

RC_GTEST_PROP(LifecycleProperty, StandingIsMonotoneInTime, ()) {
    const State state = anyState();
    Instant early = anyInstant();
    Instant late = anyInstant();
    if (late < early) std::swap(early, late);
    const Standing first = standingOf(state, at(early));
    const Standing second = standingOf(state, at(late));
    RC_ASSERT(rank(first) <= rank(second));
    if (rank(first) == 4) RC_ASSERT(first == second);
}

RC_GTEST_PROP(LifecycleProperty, NothingIsGrantedOutsideTheDocumentsTimes, ()) {
    const State state = anyState();
    const Instant t = anyInstant();
    if (!valid(state, t)) return;
    const License& license = *state.current;
    RC_ASSERT(t >= license.notBefore);
    RC_ASSERT(t < plus(license.freshUntil, license.grace));
    if (license.endsAt) RC_ASSERT(t < *license.endsAt);
    RC_ASSERT(!state.ended);
    RC_ASSERT(state.binding.match != Match::different);
}

RC_GTEST_PROP(LifecycleProperty, TurningTheClockBackExtendsNothing, ()) {
    // Whatever the clock did before, at wall time t the answer is the one of a clock that never moved.
    State wandering = step({}, Imported{importable()}, at(noon)).state;
    const State steady = wandering;
    for (int i = *rc::gen::inRange(0, 10); i > 0; --i) wandering = step(wandering, Tick{}, at(anyInstant())).state;
    const Instant t = anyInstant();
    RC_ASSERT(standingOf(wandering, at(t)) == standingOf(steady, at(t)));
    if (t >= plus(steady.current->freshUntil, steady.current->grace)) RC_ASSERT(!valid(wandering, t));
}

RC_GTEST_PROP(LifecycleProperty, RevokedStaysSoWithoutAnImport, ()) {
    State state = anyState();
    state.current = anyLicense();
    state.ended = Ended{Standing::revoked, anyInstant()};
    for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
        const Event event = anyEvent();
        if (std::holds_alternative<Imported>(event) || std::holds_alternative<LicenseGranted>(event)) continue;
        const Instant t = anyInstant();
        state = step(state, event, at(t)).state;
        RC_ASSERT(!inForce(state.reported));
        RC_ASSERT(!valid(state, anyInstant()));
    }
}

RC_GTEST_PROP(LifecycleProperty, ValidLicenseIsLostOnlyByDeactivationOtherHardwareOrASpentClock, ()) {
    const Instant t = noon + Seconds{*rc::gen::inRange(-30, 60)};
    State before = anyState();
    before.current = anyLicense();
    before.current->notBefore = t - Seconds{*rc::gen::inRange(0, 20)};
    before.current->freshUntil = t + Seconds{*rc::gen::inRange(-10, 20)};
    before.current->grace = Seconds{*rc::gen::inRange(11, 30)};
    if (before.current->endsAt) before.current->endsAt = t + Seconds{*rc::gen::inRange(1, 20)};
    before.ended.reset();
    before.conflictAt.reset();
    before.clockSpent = false;
    before.binding = {};
    if (*rc::gen::arbitrary<bool>())
        before.binding = {Match::drift, t - driftAllowance + Seconds{*rc::gen::inRange(1, 100)}, std::nullopt};
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) before = step(before, Tick{}, at(anyInstant())).state;
    RC_ASSERT(valid(before, t));

    const Event event = anyEvent();
    // The authority's own word may end it, or put another in its place; that is anyWord.
    if (event.index() >= Event(LicenseGranted{}).index() && event.index() <= Event(RevocationPushed{}).index() &&
        !std::holds_alternative<Unreachable>(event))
        return;
    const bool decided =
        std::holds_alternative<DeactivateRequested>(event) ||
        (std::holds_alternative<DeviceChanged>(event) && std::get<DeviceChanged>(event).match == Match::different) ||
        (std::holds_alternative<ClockJudged>(event) && std::get<ClockJudged>(event).spent);
    RC_ASSERT(valid(step(before, event, at(t)).state, t) == !decided);
}

RC_GTEST_PROP(LifecycleProperty, RefusedImportChangesNothing, ()) {
    const Instant t = anyInstant();
    const State before = step(anyState(), Tick{}, at(t)).state;
    const Step done = step(before, Imported{anyLicense(), anyMatch()}, at(t));
    if (done.refusal == Refusal::none) return;
    RC_ASSERT(done.state == before);
    RC_ASSERT(done.effects.empty());
}

RC_GTEST_PROP(LifecycleProperty, LowerNumberIsNeverImported, ()) {
    // A history of imports and deactivations; whatever was seen of a license, nothing older of it gets in again.
    State state;
    std::map<std::string, std::uint64_t> seen;
    for (int i = *rc::gen::inRange(1, 20); i > 0; --i) {
        const Instant t = noon + Seconds{*rc::gen::inRange(-10, 30)};
        if (*rc::gen::inRange(0, 4) == 0) {
            if (state.current)
                seen[state.current->id.value] = std::max(seen[state.current->id.value], state.current->sequence + 1);
            state = step(state, DeactivateRequested{}, at(t)).state;
            continue;
        }
        License license = anyLicense();
        license.nonce.clear();
        const std::optional<License> current = state.current;
        state = step(state, Imported{license}, at(t)).state;
        if (license.sequence < seen[license.id.value]) RC_ASSERT(state.current == current);
        if (state.current == license) seen[license.id.value] = std::max(seen[license.id.value], license.sequence);
    }
}

// An outage of any length, with any clock, any number of retries and restarts: the license stays what its own times
// say.
RC_GTEST_PROP(LifecycleProperty, NoSequenceOfFaultsLosesAPaidLicense, ()) {
    State state = step({}, Imported{importable()}, at(noon)).state;
    state.token = anyToken();
    if (*rc::gen::arbitrary<bool>()) state.renewAt = anyInstant();
    const State steady = state;
    for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
        Event event = anyFault();
        if (*rc::gen::inRange(0, 4) == 0) {  // answers that settle nothing
            event = LicenseDenied{anyRid(), {}, SignedEnd::none, anyInstant(), anySpan(), anyRid()};
        }
        state = step(state, event, at(anyInstant())).state;
        const Instant t = anyInstant();
        RC_ASSERT(state.current == steady.current);
        RC_ASSERT(state.token == steady.token);
        RC_ASSERT(standingOf(state, at(t)) == standingOf(steady, at(t)));
        RC_ASSERT(holdOf(state, at(t)) == holdOf(steady, at(t)));
    }
}

RC_GTEST_PROP(LifecycleProperty, UnreachableTakesNothing, ()) {
    const State before = step(anyState(), Tick{}, at(noon)).state;
    const Step done = step(before, Unreachable{anyRid(), std::nullopt, anyJitter()}, at(noon));
    RC_ASSERT(done.state.current == before.current);
    RC_ASSERT(done.state.ended == before.ended);
    RC_ASSERT(done.state.reported == before.reported);
    RC_ASSERT(done.state.token == before.token);
    RC_ASSERT(done.state.attempts.size() == before.attempts.size());
    for (const Attempt& attempt : before.attempts) RC_ASSERT(findAttempt(done.state, attempt.rid) != nullptr);
}

// The rid changes only with the token: what an honest device needs not to look like a copy.
RC_GTEST_PROP(LifecycleProperty, ARenewalKeepsItsRidUntilItsAnswerIsStored, ()) {
    State state = step({}, Imported{importable()}, at(noon)).state;
    state.token = "t1";
    state = step(state, RefreshRequested{"first"}, at(noon)).state;
    for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
        const Event event = *rc::gen::arbitrary<bool>() ? anyFault() : anyWord();
        state = step(state, event, at(noon + Seconds{*rc::gen::inRange(0, 100)})).state;
        if (state.token != "t1") return;
        const Attempt* attempt = findAttempt(state, "first");
        RC_ASSERT(attempt != nullptr);
        RC_ASSERT(attempt->token == "t1");
    }
}

// The grid is every second of the range in which the generated moments meet.
RC_GTEST_PROP(LifecycleProperty, NextWakeHitsEachChangeExactly, ()) {
    const State state = anyState();
    const Instant first = noon - Seconds{60};
    const Instant last = noon + Seconds{140};
    std::vector<Instant> walked;
    for (auto wake = nextWake(state, at(first)); wake && *wake <= last; wake = nextWake(state, at(*wake))) {
        if (!walked.empty()) RC_ASSERT(*wake > walked.back());
        walked.push_back(*wake);
    }
    std::vector<Instant> brute;
    for (Instant t = first + Seconds{1}; t <= last; t += Seconds{1}) {
        const Now before = at(t - Seconds{1});
        if (standingOf(state, at(t)) != standingOf(state, before) || holdOf(state, at(t)) != holdOf(state, before) ||
            contactDueAt(state) == t)
            brute.push_back(t);
    }
    RC_ASSERT(walked == brute);
}

RC_GTEST_PROP(LifecycleProperty, NextWakeLiesStrictlyAheadAndRunsOut, ()) {
    const State state = anyState();
    Instant t = anyInstant();
    int steps = 0;
    while (const auto wake = nextWake(state, at(t))) {
        RC_ASSERT(*wake > t);
        t = *wake;
        RC_ASSERT(++steps < 24);
    }
}

RC_GTEST_PROP(LifecycleProperty, HeldSlotsAreNeverCutBeforeTheirWindDown, ()) {
    // Rights end by time or by a signed no: the ledger may be cut no earlier than wind_down_s after the first cause.
    const License license = importable();
    State state = step({}, Imported{license}, at(noon)).state;
    RC_ASSERT(state.current.has_value());
    const Instant cause = license.endsAt.value_or(Instant::max());
    Instant t = noon;
    while (const auto wake = nextWake(state, at(t))) {
        t = *wake;
        const Step done = step(state, Tick{}, at(t));
        for (const Effect& effect : done.effects)
            if (const auto* shrink = std::get_if<ShrinkSlots>(&effect); shrink && !shrink->windDownUntil)
                RC_ASSERT(t >= plus(cause, license.windDown));
        state = done.state;
    }
    if (license.endsAt) RC_ASSERT(holdOf(state, at(Instant::max())) == Hold{});
}

}  // namespace
}  // namespace entitle
