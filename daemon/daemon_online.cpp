// The part of Daemon that speaks with the authority: questions out, what the answers make of the state, and the request
// that waits to be told of changes.
#include <algorithm>

#include <boost/json.hpp>
#include <sodium.h>

#include "daemon/daemon.h"
#include "daemon/enrolment.h"
#include "daemon/envelope.h"
#include "daemon/log.h"
#include "license/key.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;

// The waiting request is sent no more often than this, whatever comes back.
constexpr std::chrono::seconds waitAtMostEvery = 15s;
constexpr std::chrono::seconds waitAfterPush = 60s;
constexpr std::chrono::seconds waitAfterNo = 15min;
// An outage is noticed to be over by it, so it does not back off as far as a renewal.
constexpr std::chrono::seconds waitAtLeastEvery = 15min;

std::string json(boost::json::object object) {
    return boost::json::serialize(object);
}

ContactEnd refusedEnd(std::string_view code, std::string_view message) {
    return {ContactEnd::Outcome::refused, {std::string(code), std::string(message)}, {}};
}

AdminRefusal refusal(const FileProblem& problem) {
    std::string_view code = problem.fault == FileFault::full ? "disk-full" : "not-stored";
    return {std::string(code), "Nothing was asked: " + problem.message};
}

bool renews(const Attempt& attempt) {
    return attempt.operation == Operation::renew || attempt.operation == Operation::reenrol;
}

// What to say in the log and to people of an answer that is not signed, or not by whom it should be.
ContactFailure refusedReply(DocumentError error) {
    return {ContactFault::notAuthority, "The answer was refused: " + std::string(explain(error)), std::nullopt};
}

std::string messageOf(const ExchangeAnswer& answer, std::string_view otherwise) {
    return answer.message.empty() ? std::string(otherwise) : answer.message;
}

}  // namespace

bool Daemon::online() const {
    return !retired_ && correspondence_.connected() && settings_.roots.has_value();
}

void Daemon::connect(Authority* authority, std::string url) {
    correspondence_.connect(authority);
    authorityUrl_ = authority ? std::move(url) : std::string();
    waiting_ = {};
    Now now = look();
    if (online()) {
        // Somebody may still wait for what the end of our predecessor interrupted.
        for (const Attempt& attempt : std::vector<Attempt>(record_.state.attempts)) {
            if (attempt.operation == Operation::activate && attempt.waitingUntil && now.wall < *attempt.waitingUntil)
                happen(ActivateRequested{freshNonce(), attempt.key}, now);
        }
        if (contactDue(record_.state, now)) happen(ContactDue{freshNonce()}, now);
    }
    keepWaiting(now);
    arm(now);
}

// Why nobody can be asked.
std::optional<AdminRefusal> Daemon::notOnline() const {
    if (!settings_.roots) {
        return AdminRefusal{"no-roots",
                            "This daemon knows no authority, so it cannot verify a license. " + settings_.rootsProblem};
    }
    if (!online()) {
        return AdminRefusal{"no-authority",
                            "This daemon has no authority to ask. Name its address in entitled.toml ([authority] url), "
                            "or bring a license by file: entitlectl request, then entitlectl import."};
    }
    return std::nullopt;
}

// --- asking ----------------------------------------------------------------------------------------------------------

boost::system::result<void, AdminRefusal> Daemon::activate(std::string_view key, std::uint32_t uid,
                                                           ContactWatcher& watcher) {
    const auto parsed = parseLicenseKey(key);
    if (!parsed) return AdminRefusal{std::string(toString(parsed.error())), std::string(explain(parsed.error()))};
    if (auto obstacle = notOnline()) return *std::move(obstacle);
    probe();
    if (auto obstacle = nodeLockingObstacle(probe_, present_); !obstacle.empty()) {
        return AdminRefusal{probe_.facts.container ? "container" : "hardware", obstacle};
    }
    Now now = look();
    const std::string text = parsed->text();
    const auto& attempts = record_.state.attempts;
    const bool joins = std::any_of(attempts.begin(), attempts.end(), [&](const Attempt& attempt) {
        return attempt.operation == Operation::activate && attempt.key == text;
    });
    if (!joins && tooManyActivations(uid, now)) {
        return AdminRefusal{"too-many-attempts", "Too many activations in one minute. Wait a minute, then try again."};
    }
    Step done = step(record_.state, ActivateRequested{freshNonce(), text}, now);
    std::string rid;
    for (const Attempt& attempt : done.state.attempts)
        if (attempt.operation == Operation::activate) rid = attempt.rid;
    const Deed deed{"activation-asked", json({{"by", uid}})};  // never the key
    if (auto fault = perform(std::move(done), record_, deed, Origin::asked, now)) return refusal(*fault);
    endOrphans();
    followers_.emplace_back(std::move(rid), &watcher);
    return boost::system::in_place_value;
}

boost::system::result<void, AdminRefusal> Daemon::refresh(std::uint32_t uid, ContactWatcher& watcher) {
    if (auto obstacle = notOnline()) return *std::move(obstacle);
    Now now = look();
    Step done = step(record_.state, RefreshRequested{freshNonce(), RetryPolicy::userWaiting}, now);
    if (done.refusal != Refusal::none) {
        return AdminRefusal{std::string(toString(done.refusal)), std::string(explain(done.refusal))};
    }
    std::string rid;
    for (const Effect& effect : done.effects)
        if (const auto* call = std::get_if<CallAuthority>(&effect)) rid = call->rid;
    const Deed deed{"refresh-asked", json({{"by", uid}})};
    waiting_.againAt.reset();  // whoever asks has seen that the network is back
    if (auto fault = perform(std::move(done), record_, deed, Origin::asked, now)) return refusal(*fault);
    followers_.emplace_back(std::move(rid), &watcher);
    return boost::system::in_place_value;
}

bool Daemon::tooManyActivations(std::uint32_t uid, const Now& now) {
    auto& recent = activations_[uid];
    std::erase_if(recent, [&](std::chrono::nanoseconds at) { return now.boottime - at >= 60s; });
    if (recent.size() >= settings_.activationsPerMinute) return true;
    recent.push_back(now.boottime);
    return false;
}

void Daemon::correspond(const std::vector<Effect>& effects, const Now& now) {
    const State& state = record_.state;
    correspondence_.withdrawIf(
        [&](std::string_view rid) { return rid != waiting_.attempt.rid && findAttempt(state, rid) == nullptr; });
    // Not what the disk does not hold: after a crash the retry must carry the same rid.
    if (online() && !saveAgainAt_) {
        for (const Effect& effect : effects) {
            const auto* call = std::get_if<CallAuthority>(&effect);
            if (const Attempt* attempt = call ? findAttempt(state, call->rid) : nullptr) {
                probe();
                ask(*attempt, now);
            }
        }
    }
    keepWaiting(now);
}

// A question that cannot be written or sent is not the end of anything: it is due again after answerLimit.
void Daemon::ask(const Attempt& attempt, const Now& now) {
    if (correspondence_.underWay(attempt.rid)) return;
    try {
        const auto bots = slots_.ledger().use("bots", rights_.entitlements.maxBots).inUse;
        const Asker asker{*settings_.roots,  seams_.deviceKey,   present_, settings_.hostLabel,
                          settings_.version, settings_.keyLevel, bots};
        correspondence_.send(attempt, writeQuestion(attempt, record_, asker, clock_.believed), sentAt(now));
    } catch (const std::exception& fault) {
        log().error("{}: the authority could not be asked: {}", toString(attempt.operation), fault.what());
    }
}

void Daemon::keepWaiting(const Now& now) {
    const State& state = record_.state;
    const bool wanted = online() && state.current && !state.token.empty();
    if (!wanted || waiting_.attempt.license != state.current->id) {
        correspondence_.withdraw(waiting_.attempt.rid);
        waiting_ = {};
        if (!wanted) return;
        waiting_.attempt.operation = Operation::wait;
        waiting_.attempt.license = state.current->id;
    }
    if (correspondence_.underWay(waiting_.attempt.rid)) return;
    if (waiting_.againAt && now.boottime < *waiting_.againAt) return;
    // A renewal under way is using the token up.
    const bool renewing = std::any_of(state.attempts.begin(), state.attempts.end(), [&](const Attempt& attempt) {
        return renews(attempt) && correspondence_.underWay(attempt.rid);
    });
    if (renewing) return;
    waiting_.attempt.rid = freshNonce();
    waiting_.attempt.token = state.token;
    waiting_.sentAt = now.boottime;
    waiting_.againAt.reset();
    ask(waiting_.attempt, now);
    if (!correspondence_.underWay(waiting_.attempt.rid)) waiting_.againAt = now.boottime + waitAtLeastEvery;
}

// --- answers ---------------------------------------------------------------------------------------------------------

void Daemon::heard(const Correspondence::Heard& news) {
    if (!online()) return;
    Now now = look();
    const Attempt& asked = news.asked;
    if (!news.result) return unanswered(asked, news.result.error(), now);
    const auto opened = readReply(*news.result, asked, record_, *settings_.roots, device_);
    if (!opened) return unanswered(asked, refusedReply(opened.error()), now);
    contacted();
    now = afterContact(opened->answer.time, news.sent);
    lastContact_ = now.wall;
    asked.operation == Operation::wait ? pushed(asked, *opened, now) : answered(asked, *opened, now);
    if (opened->revocations) happen(RevocationPushed{opened->revocations->epoch, opened->revocations->entries}, now);
    now = look();  // with the budget of the document in force
    settleClock(now);
    keepWaiting(now);
    arm(now);
    endOrphans();
}

// Signed by the authority and bound to our question: whatever it says, it was reached.
void Daemon::contacted() {
    ++counters_.contacts;
    if (lastFailureAt_) log().info("the authority answers again");
    lastFailureAt_.reset();
    lastFailure_.clear();
}

void Daemon::unanswered(const Attempt& asked, const ContactFailure& failure, const Now& now) {
    ++counters_.contactsFailed;
    if (!lastFailureAt_) {
        log().warn("the authority was not reached ({}): {}", toString(failure.fault), failure.message);
    } else {
        log().debug("the authority was not reached ({}): {}", toString(failure.fault), failure.message);
    }
    lastFailureAt_ = now.wall;
    lastFailure_ = failure.message;
    if (asked.operation == Operation::wait) {
        // A proxy may close what is silent for long: that is the ordinary end of waiting there.
        ++waiting_.failures;
        const Seconds back = retryDelay(RetryPolicy::background, waiting_.failures, randombytes_random());
        waiting_.againAt =
            now.boottime + std::max(std::min(back, waitAtLeastEvery), failure.retryAfter.value_or(Seconds{0}));
        return arm(now);
    }
    Step done = step(record_.state, Unreachable{asked.rid, failure.retryAfter, randombytes_random()}, now);
    const Deed deed{"unreachable", json({{"operation", toString(asked.operation)}, {"why", toString(failure.fault)}})};
    (void)perform(std::move(done), record_, deed, Origin::happened, now);
    const Attempt* attempt = findAttempt(record_.state, asked.rid);
    if (!attempt) return;
    const ContactNews tried{attempt->sent, failure.message, attempt->nextAttempt};
    if (attempt->waitingUntil) {
        tellFollowers(asked.rid, tried);
    } else {
        endFollowers(asked.rid, {ContactEnd::Outcome::pending, {}, tried});
    }
}

void Daemon::answered(const Attempt& asked, const OpenedReply& opened, const Now& now) {
    const ExchangeAnswer& answer = opened.answer;
    Record next = record_;
    const bool newKeySet = !opened.keySetToken.empty();
    if (newKeySet) {
        next.keySetToken = opened.keySetToken;
        next.authority = opened.keySet.authority;
        next.keySetVersion = opened.keySet.version;
    }
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
            event = LicenseDenied{asked.rid, answer.license, answer.ended, answer.time, answer.after};
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
            break;
    }

    Step done = step(record_.state, event, now);
    const bool granted = std::holds_alternative<LicenseGranted>(event);
    if (granted && done.refusal == Refusal::none) {
        next.documentToken = opened.documentToken;
        if (!done.state.pending) next.requestToken.clear();
    }
    // A newer key set must outlive us, even where the answer itself changes nothing.
    const bool persists = std::any_of(done.effects.begin(), done.effects.end(),
                                      [](const Effect& effect) { return std::holds_alternative<Persist>(effect); });
    if (newKeySet && !persists) done.effects.insert(done.effects.begin(), Persist{});
    const Refusal refusal = done.refusal;
    (void)perform(std::move(done), std::move(next), deed, Origin::happened, now);

    if (refusal == Refusal::unknownAttempt) return;  // withdrawn meanwhile
    if (refusal != Refusal::none) {
        log().error("{}: the authority's answer was not taken: {}", word, explain(refusal));
        lastFailureAt_ = now.wall;
        lastFailure_ = explain(refusal);
        return endFollowers(asked.rid, refusedEnd(toString(refusal), explain(refusal)));
    }
    if (const auto* put = std::get_if<Unreachable>(&event)) {
        const Attempt* attempt = findAttempt(record_.state, put->rid);
        if (!attempt) return;
        const ContactNews tried{attempt->sent, messageOf(answer, "The authority asks for patience."),
                                attempt->nextAttempt};
        if (attempt->waitingUntil) return tellFollowers(asked.rid, tried);
        return endFollowers(asked.rid, {ContactEnd::Outcome::pending, {}, tried});
    }
    if (granted) {
        storedLicenseProblem_.clear();
        waiting_.failures = 0;
        waiting_.againAt.reset();
        log().info("{}: license {}, {}", word, license->id.value, rights_.entitlements.message);
    } else if (answer.outcome == Outcome::denied) {
        log().warn("{}: the authority refused ({}): {}", word, answer.code, answer.message);
    } else if (answer.outcome == Outcome::conflict) {
        log().warn("{}: the authority sees two copies of this device", word);
        // Whoever waits for the renewal waits for the enrolment that takes its place.
        if (findAttempt(record_.state, nextRid) != nullptr) {
            for (auto& follower : followers_)
                if (follower.first == asked.rid) follower.first = nextRid;
        }
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
            pause(waitAfterPush);  // sooner, once the renewal has come through
            return renewNow();
        case Outcome::conflict:
            pause(waitAfterNo);
            return renewNow();
        case Outcome::denied:
            pause(waitAfterNo);
            if (answer.ended != SignedEnd::none) {
                happen(LicenseEnded{asked.license, answer.ended, answer.time}, now);
                announce();
            }
            return;
        case Outcome::retry:
            pause(Seconds{0});
            // What backed off while nobody was there is asked now.
            const auto& attempts = record_.state.attempts;
            if (wasAway && std::any_of(attempts.begin(), attempts.end(),
                                       [](const Attempt& attempt) { return attempt.failures > 0; }))
                renewNow();
            return;
    }
}

// --- who waits -------------------------------------------------------------------------------------------------------

void Daemon::unfollow(ContactWatcher& watcher) {
    std::erase_if(followers_, [&](const auto& follower) { return follower.second == &watcher; });
}

void Daemon::tellFollowers(std::string_view rid, const ContactNews& news) {
    for (const auto& [of, watcher] : std::vector(followers_))
        if (of == rid) watcher->contactNews(news);
}

void Daemon::endFollowers(std::string_view rid, const ContactEnd& end) {
    std::vector<ContactWatcher*> ended;
    std::erase_if(followers_, [&](const auto& follower) {
        if (follower.first == rid) ended.push_back(follower.second);
        return follower.first == rid;
    });
    for (ContactWatcher* watcher : ended) watcher->contactEnded(end);
}

void Daemon::endOrphans() {
    for (const auto& [rid, watcher] : std::vector(followers_)) {
        if (findAttempt(record_.state, rid) == nullptr)
            endFollowers(rid, refusedEnd("superseded", "Another request has taken the place of this one."));
    }
}

}  // namespace entitle
