#include "license/lifecycle.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "license/acceptance.h"
#include "license/attempts.h"

namespace entitle {
namespace {

// Spans come out of verified documents and are never negative there; held at zero, all of it is total.
Instant windDownEnd(Instant from, const License& license) {
    return plus(from, std::max(license.windDown, Seconds{0}));
}

bool fewerBots(std::int64_t before, std::int64_t after) {
    if (after == unlimited) return false;
    return before == unlimited || after < before;
}

// One overload per event: what the event itself does to the state. Time is settled afterwards, for all alike.
class Transition {
  public:
    Transition(State& state, const Now& now, std::vector<std::string>& calls)
        : state_(state), now_(now), wall_(now.wall), calls_(calls) {}

    // --- by hand ----------------------------------------------------------------------------------------------------

    Refusal operator()(const Requested& event) {
        state_.pending = event.request;
        return Refusal::none;
    }

    Refusal operator()(const Imported& event) {
        const License& license = event.license;
        if (state_.current == license)  // the very same document once more
            return event.match == Match::different ? Refusal::wrongDevice : Refusal::none;
        const Refusal refusal = refusalOf(state_, license, wall_);
        if (refusal != Refusal::none) return refusal;
        if (isOver(license, wall_)) return Refusal::alreadyOver;
        const bool asked = license.nonce.empty() || (state_.pending && state_.pending->nonce == license.nonce) ||
                           (state_.current && state_.current->nonce == license.nonce);
        if (!asked) return Refusal::otherNonce;
        if (event.match == Match::different) return Refusal::wrongDevice;
        if (state_.pending && state_.pending->nonce == license.nonce) state_.pending.reset();
        if (!isCurrent(state_, license.id)) leaveOnline();
        install(license, event.match);
        return Refusal::none;
    }

    // What the administrator gave up may already serve another machine: held slots above the demo limit end at once.
    Refusal operator()(const DeactivateRequested& event) {
        if (!state_.current) return Refusal::nothingToDeactivate;
        const std::uint64_t seen = state_.current->sequence;
        constexpr std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
        raiseFloor(state_, state_.current->id, seen == last ? last : seen + 1);
        returnSeat(event.rid);
        dropLicense();
        state_.shrinkAt.reset();
        return Refusal::none;
    }

    // --- the machine ------------------------------------------------------------------------------------------------

    Refusal operator()(const DeviceChanged& event) {
        if (!state_.current) return Refusal::none;  // nothing is bound
        Binding& binding = state_.binding;
        const bool changed = binding.match != event.match;
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
        // The authority may bind the license to what the machine is now, and a conflict waits for SAME.
        if (changed && (event.match != Match::same || state_.conflictAt)) renewSoon();
        return Refusal::none;
    }

    Refusal operator()(const Tick&) { return Refusal::none; }
    Refusal operator()(const Resumed&) { return Refusal::none; }
    Refusal operator()(const ClockJudged& event) {
        state_.clockSpent = event.spent;
        return Refusal::none;
    }

    // --- questions --------------------------------------------------------------------------------------------------

    Refusal operator()(const ActivateRequested& event) {
        Attempt* attempt = activationOf(state_);
        if (attempt == nullptr || attempt->key != event.key) {
            if (attempt != nullptr) withdraw(state_, std::string(attempt->rid));
            attempt = &begin(state_, Operation::activate, event.rid, wall_);
            attempt->key = event.key;
        }
        callNow(*attempt, RetryPolicy::userWaiting);
        return Refusal::none;
    }

    Refusal operator()(const RefreshRequested& event) {
        if (event.after > Seconds{0}) {
            if (!state_.current) return Refusal::nothingToRenew;
            renewSoon(event.after);
            return Refusal::none;
        }
        for (Attempt& attempt : state_.attempts)
            if (attempt.operation == Operation::deactivate) callNow(attempt, event.policy);
        if (Attempt* activation = activationOf(state_)) callNow(*activation, event.policy);
        if (!state_.current) return calls_.empty() ? Refusal::nothingToRenew : Refusal::none;
        Attempt* renewal = renewalOf(state_);
        callNow(renewal != nullptr ? *renewal : beginRenewal(state_, event.rid, wall_), event.policy);
        return Refusal::none;
    }

    Refusal operator()(const ContactDue& event) {
        const bool renewalDue =
            state_.current && state_.renewAt && wall_ >= *state_.renewAt && renewalOf(state_) == nullptr;
        if (renewalDue) beginRenewal(state_, event.rid, wall_);
        for (Attempt& attempt : state_.attempts)
            if (wall_ >= attempt.nextAttempt) call(attempt);
        return Refusal::none;
    }

    Refusal operator()(const NetworkBack&) {
        for (Attempt& attempt : state_.attempts)
            if (attempt.failures > 0) call(attempt);
        return Refusal::none;
    }

    // --- answers ----------------------------------------------------------------------------------------------------

    Refusal operator()(const LicenseGranted& event) {
        Attempt* attempt = attemptOf(state_, event.rid);
        if (attempt == nullptr) return Refusal::unknownAttempt;
        const License& license = event.license;
        const Refusal refusal = refusalOfAnswer(state_, *attempt, event, wall_);
        if (refusal != Refusal::none) {
            // The token that came with it must not be lost: the same question is asked again, and answered anew.
            putOff(*attempt, {event.rid, std::nullopt, std::numeric_limits<std::uint32_t>::max() / 2}, wall_);
            return refusal;
        }
        // An activation begins a new chain of tokens: a renewal that waits with one of the chain before would be a
        // copy's.
        const bool newChain = attempt->operation == Operation::activate;
        withdraw(state_, event.rid);
        if (!isCurrent(state_, license.id)) returnSeat(event.rid);
        if (!isCurrent(state_, license.id) || newChain) leaveOnline();
        if (state_.current != license) install(license, event.match);
        state_.token = event.token;
        state_.conflictAt.reset();
        scheduleRenewal(event.after);
        return Refusal::none;
    }

    Refusal operator()(const LicenseDenied& event) {
        Attempt* attempt = attemptOf(state_, event.rid);
        if (attempt == nullptr) return Refusal::unknownAttempt;
        const LicenseId license = attempt->license.value.empty() ? event.license : attempt->license;
        switch (attempt->operation) {
            case Operation::renew:
            case Operation::reenrol:
                // What was sent once cannot have been answered before: whoever says so is not asked in a circle.
                if (!event.nextRid.empty() && attempt->operation == Operation::reenrol && attempt->sent > 1 &&
                    state_.current) {
                    withdraw(state_, event.rid);
                    call(beginRenewal(state_, event.nextRid, wall_));
                    break;
                }
                // Kept with its rid and token: an earlier sending of it may have been granted, the answer lost.
                rest(*attempt, event.after > Seconds{0} ? event.after : usualInterval(), wall_);
                break;
            case Operation::activate:
            case Operation::deactivate:
            case Operation::wait:
                withdraw(state_, event.rid);
                break;
        }
        end(license, event.ended, event.decidedAt);
        return Refusal::none;
    }

    // Nobody is accused: every right is kept for a while, and the device enrols anew where it is surely the one.
    Refusal operator()(const LicenseConflicted& event) {
        Attempt* attempt = attemptOf(state_, event.rid);
        if (attempt == nullptr) return Refusal::unknownAttempt;
        if (attempt->operation == Operation::activate || attempt->operation == Operation::deactivate) {
            withdraw(state_, event.rid);
            return Refusal::none;
        }
        if (attempt->operation == Operation::reenrol || !state_.current) {
            rest(*attempt, usualInterval(), wall_);
            return Refusal::none;
        }
        withdraw(state_, event.rid);
        state_.token.clear();
        state_.renewAt.reset();
        if (!state_.conflictAt) state_.conflictAt = wall_;
        if (state_.binding.match == Match::same) call(beginRenewal(state_, event.nextRid, wall_));
        return Refusal::none;
    }

    Refusal operator()(const SeatReturned& event) {
        const Attempt* attempt = attemptOf(state_, event.rid);
        if (attempt == nullptr || attempt->operation != Operation::deactivate) return Refusal::unknownAttempt;
        withdraw(state_, event.rid);
        return Refusal::none;
    }

    Refusal operator()(const Unreachable& event) {
        Attempt* attempt = attemptOf(state_, event.rid);
        if (attempt == nullptr) return Refusal::unknownAttempt;
        putOff(*attempt, event, wall_);
        return Refusal::none;
    }

    // --- what nobody asked for --------------------------------------------------------------------------------------

    Refusal operator()(const LicenseEnded& event) {
        end(event.license, event.ended, event.decidedAt);
        return Refusal::none;
    }

    Refusal operator()(const RevocationPushed& event) {
        if (event.epoch < state_.revocationEpoch) return Refusal::lowerEpoch;
        state_.revocationEpoch = event.epoch;
        for (const Revocation& entry : event.entries) {
            switch (entry.kind) {
                case RevocationKind::revoked:
                    end(entry.license, SignedEnd::revoked, entry.at);
                    break;
                case RevocationKind::suspended:
                    end(entry.license, SignedEnd::suspended, entry.at);
                    break;
                case RevocationKind::reinstated:
                    reinstate(entry.license, entry.at);
                    break;
            }
        }
        return Refusal::none;
    }

  private:
    void call(Attempt& attempt) {
        send(attempt, wall_);
        calls_.push_back(attempt.rid);
    }
    void callNow(Attempt& attempt, RetryPolicy policy) {
        // Whoever waits is not made to wait less by what happens beside it.
        const bool waitedFor = attempt.waitingUntil && wall_ < *attempt.waitingUntil;
        if (policy == RetryPolicy::userWaiting || !waitedFor) follow(attempt, policy, wall_);
        call(attempt);
    }

    Seconds usualInterval() const {
        if (!state_.current || state_.current->check <= Seconds{0}) return retryAfterCap;
        return renewalInterval(state_.current->check, state_.current->device);
    }
    void scheduleRenewal(Seconds after) {
        const License& license = *state_.current;
        state_.renewAt.reset();
        if (after > Seconds{0} || license.check > Seconds{0})
            state_.renewAt = plus(wall_, renewalInterval(after > Seconds{0} ? after : license.check, license.device));
    }
    // Only what has been online before asks by itself.
    void renewSoon(Seconds after = {}) {
        if (state_.token.empty() && !state_.conflictAt) return;
        const Instant at = plus(wall_, after);
        if (Attempt* renewal = renewalOf(state_)) {
            renewal->nextAttempt = std::min(renewal->nextAttempt, at);
        } else {
            state_.renewAt = std::min(state_.renewAt.value_or(at), at);
        }
    }

    // The one place where a document comes into force.
    void install(const License& license, Match match) {
        if (state_.current && fewerBots(state_.current->botsHere(), license.botsHere()))
            state_.shrinkAt = windDownEnd(wall_, license);
        state_.ended.reset();       // a signed yes, newer than the no
        state_.conflictAt.reset();  // and than the doubt
        state_.clockSpent = false;  // and than what was known of the time; who judges the clock may object anew
        state_.binding = {match, std::nullopt, std::nullopt};
        if (match == Match::drift) state_.binding.driftSince = wall_;
        raiseFloor(state_, license.id, license.sequence);
        state_.current = license;
    }

    // The seat of the license in force goes back to the authority: with the rid of a renewal that waits, for the token
    // may have been used up by it.
    void returnSeat(std::string rid) {
        if (!state_.current || state_.token.empty() || rid.empty()) return;
        if (const Attempt* renewal = renewalOf(state_)) {
            rid = renewal->rid;
            withdraw(state_, rid);
        }
        Attempt& attempt = begin(state_, Operation::deactivate, std::move(rid), wall_);
        attempt.license = state_.current->id;
        attempt.token = state_.token;
        call(attempt);
    }

    // What belongs to the license in force and not to the next.
    void leaveOnline() {
        if (const Attempt* renewal = renewalOf(state_)) withdraw(state_, std::string(renewal->rid));
        state_.token.clear();
        state_.renewAt.reset();
        state_.conflictAt.reset();
    }
    void dropLicense() {
        leaveOnline();
        state_.current.reset();
        state_.ended.reset();
        state_.binding = {};
    }

    void end(const LicenseId& license, SignedEnd ended, Instant decidedAt) {
        if (ended == SignedEnd::none || decidedAt < issuedFrom(state_, license)) return;
        const bool current = isCurrent(state_, license);
        if (current && decidedAt < state_.current->issuedAt) return;  // the document is the newer word
        if (current) raiseFloor(state_, license, state_.current->sequence);
        refuseBefore(state_, license, decidedAt);
        if (!current) return;
        if (ended == SignedEnd::released) {
            windDownToDemo();
        } else if (!state_.ended) {
            state_.ended = Ended{ended == SignedEnd::revoked ? Standing::revoked : Standing::suspended, wall_};
        } else if (ended == SignedEnd::revoked) {
            state_.ended->standing = Standing::revoked;  // the wind-down goes on as it began
        }
    }

    // The seat was given to another machine: as after a deactivation, but held slots have their wind-down.
    void windDownToDemo() {
        const Hold hold = holdOf(state_, now_);
        const bool windsDown = !hold.kept && hold.until;
        const bool over = !hold.kept && !hold.until && !inForce(standingOf(state_, now_));
        const Instant end = windsDown ? *hold.until : windDownEnd(wall_, *state_.current);
        dropLicense();
        state_.shrinkAt.reset();
        if (!over) state_.shrinkAt = end;
    }

    void reinstate(const LicenseId& license, Instant decidedAt) {
        if (!isCurrent(state_, license) || !state_.ended || decidedAt < issuedFrom(state_, license)) return;
        if (state_.ended->standing == Standing::suspended) state_.ended.reset();
        renewSoon();  // after a revocation only a new document will do
    }

    State& state_;
    const Now& now_;
    const Instant wall_;
    std::vector<std::string>& calls_;
};

}  // namespace

Step step(const State& before, const Event& event, const Now& now) {
    Step result;
    result.state = before;
    State& state = result.state;
    std::vector<std::string> calls;
    result.refusal = std::visit(Transition{state, now, calls}, event);

    // Forgotten once it has passed, so that a clock turned back does not bring it to life again.
    if (state.shrinkAt && now.wall >= *state.shrinkAt) state.shrinkAt.reset();
    drawNear(state, now.wall);
    const Standing from = before.reported;
    const Hold holdBefore = before.reportedHold;
    state.reported = standingOf(state, now);
    state.reportedHold = holdOf(state, now);

    if (state != before) result.effects.emplace_back(Persist{});
    const bool fell = inForce(from) && !inForce(state.reported);
    const bool holdChanged = state.reportedHold != holdBefore;
    if (!state.reportedHold.kept) {
        if (state.reportedHold.until ? holdChanged : fell || holdChanged)
            result.effects.emplace_back(ShrinkSlots{state.reportedHold.until});
    }
    if (state.reported != from) result.effects.emplace_back(Notify{from, state.reported});
    for (std::string& rid : calls) result.effects.emplace_back(CallAuthority{std::move(rid)});
    return result;
}

}  // namespace entitle
