// The part of Daemon that hears the authority: what answers, failures and pushed changes make of the state.
#include <algorithm>

#include <boost/json.hpp>
#include <sodium.h>

#include "daemon/daemon.h"
#include "daemon/enrolment.h"
#include "daemon/envelope.h"
#include "daemon/log.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;

// The waiting request is sent no more often than this, whatever comes back.
constexpr std::chrono::seconds waitAtMostEvery = 15s;
constexpr std::chrono::seconds waitAfterPush = 60s;
constexpr std::chrono::seconds waitAfterNo = 15min;

std::string json(boost::json::object object) {
    return boost::json::serialize(object);
}

ContactEnd refusedEnd(std::string_view code, std::string_view message) {
    return {ContactEnd::Outcome::refused, {std::string(code), std::string(message)}, {}};
}

// What to say in the log and to people of an answer that is not signed, or not by whom it should be.
ContactFailure refusedReply(DocumentError error) {
    return {ContactFault::notAuthority, "The answer was refused: " + std::string(explain(error)), std::nullopt};
}

std::string messageOf(const ExchangeAnswer& answer, std::string_view otherwise) {
    return answer.message.empty() ? std::string(otherwise) : answer.message;
}

}  // namespace

void Daemon::heard(const Correspondence::Heard& news) {
    if (!online()) return;
    Now now = look();
    const Attempt& asked = news.asked;
    if (!news.result) {
        unanswered(asked, news.result.error(), now);
        // It was sent into a network that has come back since.
        if (news.sent.boottime < networkBackAt_) askAgain(now);
        return;
    }
    const auto opened = readReply(*news.result, asked, record_, *settings_.roots, device_);
    if (!opened) return unanswered(asked, refusedReply(opened.error()), now);
    contacted();
    now = afterContact(opened->answer.time, news.sent);
    record_.lastContact = now.wall;
    // Of a fresh answer only: a late one says how late it is.
    if (read_.bootId == news.sent.bootId && read_.boottime - news.sent.boottime < 1min)
        skew_ = read_.wall - opened->answer.time;
    asked.operation == Operation::wait ? pushed(asked, *opened, now) : answered(asked, *opened, now);
    if (opened->revocations) happen(RevocationPushed{opened->revocations->epoch, opened->revocations->entries}, now);
    now = look();  // with the budget of the document in force
    settleClock(now);
    keepWaiting(now);
    arm(now);
    endOrphans();
    tellFigures();
}

// Signed by the authority and bound to our question: whatever it says, it was reached.
void Daemon::contacted() {
    ++counters_.contacts;
    if (lastFailureAt_) tell(Occurrence::authorityBack, "the authority answers again");
    lastFailureAt_.reset();
    lastFailure_.clear();
}

void Daemon::unanswered(const Attempt& asked, const ContactFailure& failure, const Now& now) {
    ++counters_.contactsFailed;
    if (!lastFailureAt_) {
        tell(Occurrence::authorityAway, "the authority was not reached: " + failure.message,
             {{"ENTITLED_FAULT", std::string(toString(failure.fault))}});
    } else {
        log().debug("the authority was not reached ({}): {}", toString(failure.fault), failure.message);
    }
    lastFailureAt_ = now.wall;
    lastFailure_ = failure.message;
    lastFault_ = failure.fault;
    bePatient(failure.retryAfter, now);
    if (asked.operation == Operation::wait) {
        // A proxy may close what is silent for long: that is the ordinary end of waiting there.
        ++waiting_.failures;
        const std::uint32_t jitter = randombytes_random();
        waiting_.againAt = now.boottime + std::max(waitDelay(waiting_.failures, jitter),
                                                   retryAfterDelay(failure.retryAfter.value_or(Seconds{0}), jitter));
        arm(now);
        return tellFigures();
    }
    Step done = stepped(Unreachable{asked.rid, failure.retryAfter, randombytes_random()}, now);
    const Deed deed{"unreachable", json({{"operation", toString(asked.operation)}, {"why", toString(failure.fault)}})};
    (void)perform(std::move(done), record_, deed, Origin::happened, now);
    putOffFollowers(asked.rid, failure.message, false);
}

void Daemon::answered(const Attempt& asked, const OpenedReply& opened, const Now& now) {
    const ExchangeAnswer& answer = opened.answer;
    Record next = record_;
    const bool newKeySet = !opened.keySetToken.empty();
    const std::string word(toString(asked.operation));
    const std::optional<License>& license = opened.license;
    std::string nextRid;
    Event event = Unreachable{asked.rid, answer.after, randombytes_random()};
    Deed deed{"put-off", json({{"operation", word}, {"code", answer.code}})};
    ContactEnd end{ContactEnd::Outcome::done, {}, {}};
    switch (answer.outcome) {
        case Outcome::granted:
            if (asked.operation == Operation::deactivate) {
                event = SeatReturned{asked.rid};
                deed = {"seat-returned", json({{"license", answer.license.value}})};
            } else if (license) {
                const Match match = presentMatch(license->fingerprint);
                event = LicenseGranted{asked.rid, *license, match, answer.token, answer.after};
                deed = {asked.operation == Operation::activate ? "activated"
                        : asked.operation == Operation::renew  ? "renewed"
                                                               : "re-enrolled",
                        json({{"license", license->id.value},
                              {"sequence", license->sequence},
                              {"type", license->type},
                              {"plan", license->plan},
                              {"match", toString(match)}})};
            }
            break;
        case Outcome::denied:
            if (answer.code == requestUsed) nextRid = freshNonce();
            event = LicenseDenied{asked.rid, answer.license, answer.ended, answer.time, answer.after, nextRid};
            deed = {"denied", json({{"operation", word}, {"code", answer.code}, {"ended", toString(answer.ended)}})};
            end = refusedEnd(answer.code, messageOf(answer, "The authority refused."));
            break;
        case Outcome::conflict:
            nextRid = freshNonce();
            event = LicenseConflicted{asked.rid, nextRid};
            deed = {"conflict", json({{"operation", word}})};
            end = refusedEnd(answer.code, messageOf(answer,
                                                    "The authority sees two copies of this device. Every right "
                                                    "is kept for 72 hours; the owner of the license decides."));
            break;
        case Outcome::retry:
            bePatient(answer.after, now);
            break;
    }

    Step done = stepped(event, now);
    const bool granted = std::holds_alternative<LicenseGranted>(event);
    if (granted && done.refusal == Refusal::none) {
        next.documentToken = opened.documentToken;
        if (asked.operation == Operation::activate) next.activatedBy = hashOfKey(asked.key);
        if (!done.state.pending) next.requestToken.clear();
    }
    if (newKeySet) takeKeySet(next, *settings_.roots, opened.keySetToken, opened.keySet);
    // A newer key set must outlive us, even where the answer itself changes nothing.
    const bool persists = std::any_of(done.effects.begin(), done.effects.end(),
                                      [](const Effect& effect) { return std::holds_alternative<Persist>(effect); });
    if (newKeySet && !persists) done.effects.insert(done.effects.begin(), Persist{});
    const Refusal refusal = done.refusal;
    (void)perform(std::move(done), std::move(next), deed, Origin::happened, now);
    objection_ = {answer.code, answer.message};

    if (refusal == Refusal::unknownAttempt) return;  // withdrawn meanwhile
    if (refusal != Refusal::none) {
        log().error("{}: the authority's answer was not taken: {}", word, explain(refusal));
        lastFailureAt_ = now.wall;
        lastFailure_ = explain(refusal);
        lastFault_ = ContactFault::notAuthority;
        return endFollowers(asked.rid, refusedEnd(toString(refusal), explain(refusal)));
    }
    if (std::holds_alternative<Unreachable>(event))
        return putOffFollowers(asked.rid, messageOf(answer, "The authority asks for patience."), true);
    if (granted) {
        storedLicenseProblem_.clear();
        waiting_.failures = waiting_.fruitless = 0;
        waiting_.againAt.reset();
        log().info("{}: license {}, {}", word, license->id.value, rights_.entitlements.message);
    } else if (answer.outcome == Outcome::denied) {
        log().warn("{}: the authority refused ({}): {}", word, answer.code, answer.message);
    } else if (answer.outcome == Outcome::conflict) {
        tell(Occurrence::conflict, word + ": the authority sees two copies of this device", standingFields(named()));
    }
    // Whoever waits for a question waits for the enrolment that takes its place.
    if (findAttempt(record_.state, nextRid) != nullptr) {
        for (auto& follower : followers_)
            if (follower.first == asked.rid) follower.first = nextRid;
    }
    announce();
    endFollowers(asked.rid, end);
}

void Daemon::pushed(const Attempt& asked, const OpenedReply& opened, const Now& now) {
    if (asked.rid != waiting_.attempt.rid) return;
    const ExchangeAnswer& answer = opened.answer;
    const bool wasAway = waiting_.failures > 0;
    waiting_.failures = 0;
    const auto pause = [&](Seconds atLeast) {
        waiting_.againAt = std::max(waiting_.sentAt + waitAtMostEvery,
                                    now.boottime + std::min<Seconds>(std::max(atLeast, answer.after), 24h));
    };
    const auto renewNow = [&] {
        if (record_.state.current) happen(RefreshRequested{freshNonce(), RetryPolicy::background}, now);
    };
    switch (answer.outcome) {
        case Outcome::granted:
            // Sooner, once the renewal has come through. Where it is denied the news stays news, and comes again at
            // once.
            pause(std::min<Seconds>(waitAfterPush * (1u << std::min(waiting_.fruitless++, 4u)), waitAfterNo));
            return renewNow();
        case Outcome::conflict:
            pause(waitAfterNo);
            return renewNow();
        case Outcome::denied: {
            pause(waitAfterNo);
            const auto known = record_.state.ended;
            const auto epoch =
                std::max(record_.state.revocationEpoch, opened.revocations ? opened.revocations->epoch : 0);
            if (answer.ended != SignedEnd::none) {
                happen(LicenseEnded{asked.license, answer.ended, answer.time}, now);
                announce();
            }
            // Who was told is kept waiting by the authority until something else is to be said.
            if (record_.state.ended != known || waiting_.epoch != epoch) pause(Seconds{0});
            return;
        }
        case Outcome::retry:
            pause(Seconds{0});
            // What backed off while nobody was there is asked now.
            const auto& attempts = record_.state.attempts;
            if (wasAway && std::any_of(attempts.begin(), attempts.end(),
                                       [](const Attempt& attempt) { return attempt.failures > 0; }))
                return renewNow();
            // A new key set comes with it: taken with a document of its key, which every other device asks for too.
            if (!opened.keySetToken.empty() && record_.state.current)
                happen(RefreshRequested{"", RetryPolicy::background, keySetDelay(record_.state.current->device)}, now);
            return;
    }
}

}  // namespace entitle
