// What of a state is a function of time: standing, hold, deadlines, and when to look again.
#include <algorithm>

#include "license/lifecycle.h"

namespace entitle {
namespace {

// Spans come out of verified documents and are never negative there; held at zero, every function below is total.
Instant after(Instant t, Seconds span) {
    return plus(t, std::max(span, Seconds{0}));
}

// Until when rights are kept without word from the authority.
Instant graceEnd(const State& state) {
    const Instant end = after(state.current->freshUntil, state.current->grace);
    return state.conflictAt ? std::min(end, after(*state.conflictAt, conflictGrace)) : end;
}

// From when on the drift allowance is used up.
std::optional<Instant> driftEnd(const Binding& binding) {
    if (binding.match != Match::drift || !binding.driftSince) return std::nullopt;
    return plus(*binding.driftSince, driftAllowance);
}

// What ended the rights, as far as it is so at `wall`: the moment from which the wind-down is counted. The earliest
// wins, so that a later cause never prolongs what an earlier one has begun. Silence of the authority is no cause.
std::optional<Instant> causeOfEnd(const State& state, Instant wall) {
    std::optional<Instant> cause;
    const auto consider = [&](Instant t) { cause = cause ? std::min(*cause, t) : t; };
    if (state.ended) consider(state.ended->at);
    if (state.binding.match == Match::different) consider(state.binding.differentSince.value_or(Instant{}));
    if (const auto end = driftEnd(state.binding); end && wall >= *end) consider(*end);
    if (const auto end = state.current->endsAt; end && wall >= *end) consider(*end);
    return cause;
}

Standing standingAt(const State& state, Instant wall) {
    if (!state.current) return Standing::demo;
    const License& license = *state.current;
    if (state.ended) return state.ended->standing == Standing::suspended ? Standing::suspended : Standing::revoked;
    if (state.binding.match == Match::different) return Standing::wrongDevice;
    if (wall < license.notBefore) return Standing::notYetValid;
    // Before the drift's end, for what the wall says is not believed: expired does not turn into another reason.
    if (state.clockSpent) return Standing::expired;
    const auto drifted = driftEnd(state.binding);
    if (drifted && wall >= *drifted && *drifted < overAt(state)) return Standing::wrongDevice;
    if (wall < overAt(state)) {
        const bool doubted = state.conflictAt && wall >= *state.conflictAt;
        return wall < license.freshUntil && !doubted ? Standing::active : Standing::grace;
    }
    const bool ended = license.endsAt && *license.endsAt <= graceEnd(state);
    return ended && wall < after(*license.endsAt, license.windDown) ? Standing::windingDown : Standing::expired;
}

Hold holdAt(const State& state, Instant wall) {
    const bool shrinks = state.shrinkAt && wall < *state.shrinkAt;
    if (!state.current) return shrinks ? Hold{false, state.shrinkAt} : Hold{};
    if (const auto cause = causeOfEnd(state, wall)) {
        const Instant end = after(*cause, state.current->windDown);
        return wall < end ? Hold{false, end} : Hold{};
    }
    if (!inForce(standingAt(state, wall))) return {true, std::nullopt};  // no contact, or a clock before nbf
    return shrinks ? Hold{false, state.shrinkAt} : Hold{};
}

// Every moment at which standingAt or holdAt may change; nothing else in them depends on time.
std::vector<Instant> momentsOf(const State& state) {
    std::vector<Instant> moments;
    if (state.shrinkAt) moments.push_back(*state.shrinkAt);
    if (!state.current) return moments;
    const License& license = *state.current;
    const auto withWindDown = [&](Instant t) {
        moments.push_back(t);
        moments.push_back(after(t, license.windDown));
    };
    moments.push_back(license.notBefore);
    moments.push_back(license.freshUntil);
    moments.push_back(graceEnd(state));
    if (state.conflictAt) moments.push_back(*state.conflictAt);
    if (license.endsAt) withWindDown(*license.endsAt);
    if (state.ended) withWindDown(state.ended->at);
    if (state.binding.match == Match::different) withWindDown(state.binding.differentSince.value_or(Instant{}));
    if (const auto end = driftEnd(state.binding)) withWindDown(*end);
    std::sort(moments.begin(), moments.end());
    return moments;
}

}  // namespace

Instant overAt(const State& state) {
    const Instant end = graceEnd(state);
    return state.current->endsAt ? std::min(end, *state.current->endsAt) : end;
}

bool inForce(Standing standing) {
    return standing == Standing::active || standing == Standing::grace;
}

Standing standingOf(const State& state, const Now& now) {
    return standingAt(state, now.wall);
}

Hold holdOf(const State& state, const Now& now) {
    return holdAt(state, now.wall);
}

std::optional<Instant> deadlineOf(const State& state, const Now& now) {
    if (!state.current) return std::nullopt;
    const License& license = *state.current;
    const auto cut = [&](Instant end) {
        if (license.endsAt) end = std::min(end, *license.endsAt);
        if (const auto drifted = driftEnd(state.binding)) end = std::min(end, *drifted);
        return end;
    };
    switch (standingAt(state, now.wall)) {
        case Standing::active:
            return cut(std::min(license.freshUntil, state.conflictAt.value_or(license.freshUntil)));
        case Standing::grace:
            return cut(graceEnd(state));
        case Standing::notYetValid:
            return license.notBefore;
        default:
            return holdAt(state, now.wall).until;
    }
}

std::optional<Instant> contactDueAt(const State& state) {
    std::optional<Instant> earliest;
    bool renewing = false;
    for (const Attempt& attempt : state.attempts) {
        earliest = earliest ? std::min(*earliest, attempt.nextAttempt) : attempt.nextAttempt;
        renewing = renewing || attempt.operation == Operation::renew || attempt.operation == Operation::reenrol;
    }
    if (state.current && state.renewAt && !renewing)
        earliest = earliest ? std::min(*earliest, *state.renewAt) : *state.renewAt;
    return earliest;
}

bool contactDue(const State& state, const Now& now) {
    const auto due = contactDueAt(state);
    return due && *due <= now.wall;
}

std::optional<Instant> nextWake(const State& state, const Now& now) {
    const Standing standing = standingAt(state, now.wall);
    const Hold hold = holdAt(state, now.wall);
    std::optional<Instant> contact = contactDueAt(state);
    if (contact && *contact <= now.wall) contact.reset();
    for (const Instant moment : momentsOf(state)) {
        if (moment <= now.wall) continue;
        if (contact && *contact <= moment) return contact;
        if (standingAt(state, moment) != standing || holdAt(state, moment) != hold) return moment;
    }
    return contact;
}

}  // namespace entitle
