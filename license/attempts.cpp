#include "license/attempts.h"

#include <algorithm>

namespace entitle {
namespace {

bool renews(const Attempt& attempt) {
    return attempt.operation == Operation::renew || attempt.operation == Operation::reenrol;
}

template <class Predicate>
Attempt* firstOf(State& state, Predicate predicate) {
    const auto it = std::find_if(state.attempts.begin(), state.attempts.end(), predicate);
    return it == state.attempts.end() ? nullptr : &*it;
}

}  // namespace

Attempt* attemptOf(State& state, std::string_view rid) {
    return firstOf(state, [&](const Attempt& attempt) { return attempt.rid == rid; });
}

const Attempt* findAttempt(const State& state, std::string_view rid) {
    return attemptOf(const_cast<State&>(state), rid);
}

Attempt* renewalOf(State& state) {
    return firstOf(state, renews);
}

Attempt* activationOf(State& state) {
    return firstOf(state, [](const Attempt& attempt) { return attempt.operation == Operation::activate; });
}

Attempt& begin(State& state, Operation operation, std::string rid, Instant wall) {
    auto& attempts = state.attempts;
    if (attempts.size() >= maxAttempts) {
        const auto oldest = std::find_if(attempts.begin(), attempts.end(), [](const Attempt& attempt) {
            return attempt.operation == Operation::deactivate;
        });
        attempts.erase(oldest == attempts.end() ? attempts.begin() : oldest);
    }
    Attempt attempt;
    attempt.operation = operation;
    attempt.rid = std::move(rid);
    attempt.startedAt = wall;
    attempt.nextAttempt = wall;
    attempts.push_back(std::move(attempt));
    return attempts.back();
}

Attempt& beginRenewal(State& state, std::string rid, Instant wall) {
    const bool enrols = state.token.empty();
    Attempt& attempt = begin(state, enrols ? Operation::reenrol : Operation::renew, std::move(rid), wall);
    attempt.license = state.current->id;
    attempt.token = state.token;
    return attempt;
}

void withdraw(State& state, std::string_view rid) {
    std::erase_if(state.attempts, [&](const Attempt& attempt) { return attempt.rid == rid; });
}

void send(Attempt& attempt, Instant wall) {
    if (attempt.sent < UINT32_MAX) ++attempt.sent;
    attempt.nextAttempt = plus(wall, answerLimit);
}

void follow(Attempt& attempt, RetryPolicy policy, Instant wall) {
    attempt.failures = 0;
    attempt.waitingUntil.reset();
    if (policy == RetryPolicy::userWaiting) attempt.waitingUntil = plus(wall, userPatience);
}

void putOff(Attempt& attempt, const Unreachable& event, Instant wall) {
    if (attempt.waitingUntil && wall >= *attempt.waitingUntil) follow(attempt, RetryPolicy::background, wall);
    if (attempt.failures < UINT32_MAX) ++attempt.failures;
    const auto policy = attempt.waitingUntil ? RetryPolicy::userWaiting : RetryPolicy::background;
    const Seconds asked = retryAfterDelay(event.retryAfter.value_or(Seconds{0}), event.jitter);
    attempt.nextAttempt = plus(wall, std::max(retryDelay(policy, attempt.failures, event.jitter), asked));
}

void rest(Attempt& attempt, Seconds span, Instant wall) {
    follow(attempt, RetryPolicy::background, wall);
    attempt.nextAttempt = plus(wall, std::clamp<Seconds>(span, std::chrono::minutes{1}, retryAfterCap));
}

void drawNear(State& state, Instant wall) {
    for (Attempt& attempt : state.attempts) {
        attempt.nextAttempt = std::min(attempt.nextAttempt, plus(wall, retryAfterCap));
        if (attempt.waitingUntil) attempt.waitingUntil = std::min(*attempt.waitingUntil, plus(wall, userPatience));
    }
    if (!state.renewAt || !state.current) return;
    const Seconds check = std::clamp<Seconds>(state.current->check, Seconds{1}, maxDuration);
    state.renewAt = std::min(*state.renewAt, plus(wall, check + check / 10));
}

}  // namespace entitle
