#include "license/lifecycle.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace entitle {
namespace {

// Spans come out of verified documents and are never negative there; held at zero, every function below is total.
Instant after(Instant t, Seconds span) {
    return plus(t, std::max(span, Seconds{0}));
}

Instant graceEnd(const License& license) {
    return after(license.freshUntil, license.grace);
}

// The moment a person would call the end of the license: nothing of it is in force from here on.
Instant overAt(const License& license) {
    const Instant end = graceEnd(license);
    return license.endsAt ? std::min(end, *license.endsAt) : end;
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
    const auto drifted = driftEnd(state.binding);
    if (drifted && wall >= *drifted && *drifted < overAt(license)) return Standing::wrongDevice;
    if (wall < overAt(license)) return wall < license.freshUntil ? Standing::active : Standing::grace;
    const bool ended = license.endsAt && *license.endsAt <= graceEnd(license);
    return ended && wall < after(*license.endsAt, license.windDown) ? Standing::windingDown : Standing::expired;
}

Hold holdAt(const State& state, Instant wall) {
    if (!state.current) return {};
    if (const auto cause = causeOfEnd(state, wall)) {
        const Instant end = after(*cause, state.current->windDown);
        return wall < end ? Hold{false, end} : Hold{};
    }
    if (!inForce(standingAt(state, wall))) return {true, std::nullopt};  // no contact, or a clock before nbf
    if (state.shrinkAt && wall < *state.shrinkAt) return {false, state.shrinkAt};
    return {};
}

// Every moment at which standingAt or holdAt may change; nothing else in them depends on time.
std::vector<Instant> momentsOf(const State& state) {
    std::vector<Instant> moments;
    if (!state.current) return moments;
    const License& license = *state.current;
    const auto withWindDown = [&](Instant t) {
        moments.push_back(t);
        moments.push_back(after(t, license.windDown));
    };
    moments.push_back(license.notBefore);
    moments.push_back(license.freshUntil);
    moments.push_back(graceEnd(license));
    if (license.endsAt) withWindDown(*license.endsAt);
    if (state.ended) withWindDown(state.ended->at);
    if (state.binding.match == Match::different) withWindDown(state.binding.differentSince.value_or(Instant{}));
    if (const auto end = driftEnd(state.binding)) withWindDown(*end);
    if (state.shrinkAt) moments.push_back(*state.shrinkAt);
    std::sort(moments.begin(), moments.end());
    return moments;
}

void raiseFloor(State& state, const LicenseId& license, std::uint64_t lowest) {
    auto& floors = state.minimumSequence;
    const auto found =
        std::find_if(floors.begin(), floors.end(), [&](const SequenceFloor& f) { return f.license == license; });
    if (found != floors.end()) {
        lowest = std::max(lowest, found->lowest);
        floors.erase(found);
    }
    floors.push_back({license, lowest});
    if (floors.size() > maxSequenceFloors)
        floors.erase(floors.begin(), floors.end() - static_cast<std::ptrdiff_t>(maxSequenceFloors));
}

bool fewerBots(std::int64_t before, std::int64_t after) {
    if (after == unlimited) return false;
    return before == unlimited || after < before;
}

Refusal refusalOf(const State& state, const Imported& event, Instant wall) {
    const License& license = event.license;
    // The document in force may be read again, but never exchanged for another of the same number.
    const bool inItsPlace = state.current && state.current->id == license.id;
    if (license.sequence < minimumSequenceOf(state, license.id) ||
        (inItsPlace && license.sequence <= state.current->sequence))
        return Refusal::lowerSequence;
    if (wall < license.notBefore) return Refusal::notYetValid;
    if (wall >= overAt(license)) return Refusal::alreadyOver;
    if (!license.nonce.empty()) {
        const bool answersPending = state.pending && state.pending->nonce == license.nonce;
        const bool answersCurrent = state.current && state.current->nonce == license.nonce;
        if (!answersPending && !answersCurrent) return Refusal::otherNonce;
    }
    if (event.match == Match::different) return Refusal::wrongDevice;
    return Refusal::none;
}

// One overload per event: what the event itself does to the state. Time is settled afterwards, for all alike.
class Transition {
  public:
    Transition(State& state, Instant wall) : state_(state), wall_(wall) {}

    Refusal operator()(const Requested& event) {
        state_.pending = event.request;
        return Refusal::none;
    }

    Refusal operator()(const Imported& event) {
        if (state_.current == event.license)  // the very same document once more
            return event.match == Match::different ? Refusal::wrongDevice : Refusal::none;
        if (const Refusal refusal = refusalOf(state_, event, wall_); refusal != Refusal::none) return refusal;
        const License& license = event.license;
        if (state_.current && fewerBots(state_.current->maxBots, license.maxBots))
            state_.shrinkAt = after(wall_, license.windDown);
        if (state_.pending && state_.pending->nonce == license.nonce) state_.pending.reset();
        state_.ended.reset();  // a signed yes, newer than the no
        state_.binding = {event.match, std::nullopt, std::nullopt};
        if (event.match == Match::drift) state_.binding.driftSince = wall_;
        raiseFloor(state_, license.id, license.sequence);
        state_.current = license;
        return Refusal::none;
    }

    // What the administrator gave up may already serve another machine: held slots above the demo limit end at once.
    Refusal operator()(const DeactivateRequested&) {
        if (!state_.current) return Refusal::nothingToDeactivate;
        const std::uint64_t seen = state_.current->sequence;
        constexpr std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
        raiseFloor(state_, state_.current->id, seen == last ? last : seen + 1);
        state_.current.reset();
        state_.ended.reset();
        state_.shrinkAt.reset();
        state_.binding = {};
        return Refusal::none;
    }

    Refusal operator()(const DeviceChanged& event) {
        if (!state_.current) return Refusal::none;  // nothing is bound
        Binding& binding = state_.binding;
        binding.match = event.match;
        switch (event.match) {
            case Match::same:
                binding = {};
                break;
            case Match::drift:
                // A detour over DIFFERENT does not start the allowance anew: only SAME does.
                if (!binding.driftSince) binding.driftSince = wall_;
                binding.differentSince.reset();
                break;
            case Match::different:
                if (!binding.differentSince) binding.differentSince = wall_;
                break;
        }
        return Refusal::none;
    }

    Refusal operator()(const Tick&) { return Refusal::none; }
    Refusal operator()(const Resumed&) { return Refusal::none; }

  private:
    State& state_;
    Instant wall_;
};

}  // namespace

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
            return cut(license.freshUntil);
        case Standing::grace:
            return cut(graceEnd(license));
        case Standing::notYetValid:
            return license.notBefore;
        default:
            return holdAt(state, now.wall).until;
    }
}

std::uint64_t minimumSequenceOf(const State& state, const LicenseId& license) {
    for (const SequenceFloor& floor : state.minimumSequence)
        if (floor.license == license) return floor.lowest;
    return 0;
}

std::uint64_t highestSequence(const State& state) {
    std::uint64_t highest = state.current ? state.current->sequence : 0;
    for (const SequenceFloor& floor : state.minimumSequence) highest = std::max(highest, floor.lowest);
    return highest;
}

std::optional<Instant> nextWake(const State& state, const Now& now) {
    const Standing standing = standingAt(state, now.wall);
    const Hold hold = holdAt(state, now.wall);
    for (const Instant moment : momentsOf(state))
        if (moment > now.wall && (standingAt(state, moment) != standing || holdAt(state, moment) != hold))
            return moment;
    return std::nullopt;
}

Step step(const State& before, const Event& event, const Now& now) {
    Step result;
    result.state = before;
    State& state = result.state;
    result.refusal = std::visit(Transition{state, now.wall}, event);

    // Forgotten once it has passed, so that a clock turned back does not bring it to life again.
    if (state.shrinkAt && now.wall >= *state.shrinkAt) state.shrinkAt.reset();
    const Standing from = before.reported;
    const Hold holdBefore = before.reportedHold;
    state.reported = standingAt(state, now.wall);
    state.reportedHold = holdAt(state, now.wall);

    if (state != before) result.effects.emplace_back(Persist{});
    const bool fell = inForce(from) && !inForce(state.reported);
    const bool holdChanged = state.reportedHold != holdBefore;
    if (!state.reportedHold.kept) {
        if (state.reportedHold.until ? holdChanged : fell || holdChanged)
            result.effects.emplace_back(ShrinkSlots{state.reportedHold.until});
    }
    if (state.reported != from) result.effects.emplace_back(Notify{from, state.reported});
    return result;
}

std::string_view toString(Standing standing) {
    switch (standing) {
        case Standing::demo:
            return "demo";
        case Standing::active:
            return "active";
        case Standing::grace:
            return "grace";
        case Standing::windingDown:
            return "winding-down";
        case Standing::expired:
            return "expired";
        case Standing::revoked:
            return "revoked";
        case Standing::suspended:
            return "suspended";
        case Standing::notYetValid:
            return "not-yet-valid";
        case Standing::wrongDevice:
            return "wrong-device";
    }
    return "unknown";
}

std::string_view toString(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return "none";
        case Refusal::lowerSequence:
            return "lower-sequence";
        case Refusal::notYetValid:
            return "not-yet-valid";
        case Refusal::alreadyOver:
            return "already-over";
        case Refusal::otherNonce:
            return "other-nonce";
        case Refusal::wrongDevice:
            return "wrong-device";
        case Refusal::nothingToDeactivate:
            return "nothing-to-deactivate";
    }
    return "unknown";
}

std::string_view explain(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return "Nothing was refused.";
        case Refusal::lowerSequence:
            return "A newer document of this license was in force here already, or the license was given up on this "
                   "machine. Ask the authority for a new document.";
        case Refusal::notYetValid:
            return "The document is not valid yet by this machine's clock. Check date and time, then import it again.";
        case Refusal::alreadyOver:
            return "The document is already past its end. Check date and time, or ask the authority for a new "
                   "document.";
        case Refusal::otherNonce:
            return "The document answers another request than the one this machine wrote last. Import the answer to "
                   "that "
                   "one, or write a new request.";
        case Refusal::wrongDevice:
            return "The document was issued for other hardware. Write a request on this machine and have it answered.";
        case Refusal::nothingToDeactivate:
            return "No license is installed, so there is nothing to give up.";
    }
    return "The answer is not known to this version.";
}

}  // namespace entitle
