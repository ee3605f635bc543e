// The part of Daemon that asks the authority: for whom, what and when, and the request that waits to be told of
// changes. What the answers make of the state is daemon_answers.cpp.
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

constexpr std::chrono::seconds waitAfterFault = 15min;

std::string json(boost::json::object object) {
    return boost::json::serialize(object);
}

AdminRefusal refusal(const FileProblem& problem) {
    std::string_view code = problem.fault == FileFault::full ? "disk-full" : "not-stored";
    return {std::string(code), "Nothing was asked: " + problem.message};
}

bool renews(const Attempt& attempt) {
    return attempt.operation == Operation::renew || attempt.operation == Operation::reenrol;
}

}  // namespace

bool Daemon::online() const {
    return !retired_ && correspondence_.connected() && settings_.roots.has_value() && seams_.deviceKey.secret();
}

void Daemon::connect(Authority* authority, std::string url) {
    correspondence_.connect(authority);
    authorityUrl_ = authority ? std::move(url) : std::string();
    waiting_ = {};
    askWhatWaits();
}

void Daemon::keyReturned() {
    std::erase_if(settings_.startFindings, [](const Finding& finding) { return finding.check == "key"; });
    note("key-returned", "{}", look());
    askWhatWaits();
    announce();
}

void Daemon::keyLost() {
    std::erase_if(settings_.startFindings, [](const Finding& finding) { return finding.check == "key"; });
    settings_.startFindings.push_back(
        {"key", Finding::Level::problem, "The device key is lost: " + seams_.deviceKey.obstacle() + ".",
         std::string(wayBackFromLostKey) + " The license in force stays so while its grace lasts."});
    note("key-lost", "{}", look());
    announce();
}

// There is somebody to ask, and something to sign with.
void Daemon::askWhatWaits() {
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
    if (auto obstacle = keyOutOfReach()) return obstacle;
    if (!online()) {
        return AdminRefusal{"no-authority",
                            "This daemon has no authority to ask. Name its address in entitled.toml ([authority] url), "
                            "or bring a license by file: entitlectl request, then entitlectl import."};
    }
    return std::nullopt;
}

std::optional<AdminRefusal> Daemon::keyOutOfReach() const {
    const auto& why = seams_.deviceKey.obstacle();
    if (why.empty()) return std::nullopt;
    if (seams_.deviceKey.isLost())
        return AdminRefusal{"key-out-of-reach", "Nothing can be signed for this machine, its key is lost: " + why +
                                                    ". " + std::string(wayBackFromLostKey)};
    return AdminRefusal{"key-out-of-reach", "Nothing can be signed for this machine: " + why +
                                                ". The key is tried again by itself; entitlectl doctor says more."};
}

// --- asking ----------------------------------------------------------------------------------------------------------

boost::system::result<void, AdminRefusal> Daemon::activate(std::string_view key, std::uint32_t uid,
                                                           ContactWatcher& watcher) {
    const auto parsed = parseLicenseKey(key);
    if (!parsed) return AdminRefusal{std::string(toString(parsed.error())), std::string(explain(parsed.error()))};
    if (auto obstacle = notOnline()) return *std::move(obstacle);
    // The license is here already: an activation would enrol the device anew, which is counted.
    const auto& current = record_.state.current;
    const bool inForce = current && current->device == device_ && !record_.state.token.empty();
    if (inForce && record_.activatedBy == hashOfKey(parsed->text())) return refresh(uid, watcher);
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
    Step done = stepped(ActivateRequested{freshNonce(), text}, now);
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
    Step done = stepped(RefreshRequested{freshNonce(), RetryPolicy::userWaiting}, now);
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

void Daemon::networkBack() {
    if (retired_) return;
    const Now now = look();
    networkBackAt_ = now.boottime;
    settleClock(now);
    if (!online()) return;
    if (contactDue(record_.state, now)) happen(ContactDue{freshNonce()}, now);
    askAgain(now);
}

void Daemon::askAgain(const Now& now) {
    if (now.boottime < patientUntil_) return;
    happen(NetworkBack{}, now);
    if (waiting_.failures > 0) waiting_.againAt.reset();
    keepWaiting(now);
    arm(now);
}

void Daemon::bePatient(std::optional<Seconds> asked, const Now& now) {
    if (asked) patientUntil_ = now.boottime + std::min(*asked, retryAfterCap);
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
        const Asker asker{*settings_.roots,  *seams_.deviceKey.secret(), present_, settings_.hostLabel,
                          settings_.version, settings_.keyLevel,         bots};
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
    waiting_.epoch = state.revocationEpoch;
    waiting_.againAt.reset();
    ask(waiting_.attempt, now);
    if (!correspondence_.underWay(waiting_.attempt.rid)) waiting_.againAt = now.boottime + waitAfterFault;
}

// --- who waits -------------------------------------------------------------------------------------------------------

void Daemon::unfollow(ContactWatcher& watcher) {
    std::erase_if(followers_, [&](const auto& follower) { return follower.second == &watcher; });
}

void Daemon::putOffFollowers(std::string_view rid, const std::string& why, bool answered) {
    const Attempt* attempt = findAttempt(record_.state, rid);
    if (!attempt) return;
    const ContactNews tried{attempt->sent, why, attempt->nextAttempt, answered};
    if (!worthWaiting(*attempt)) return endFollowers(rid, {ContactEnd::Outcome::pending, {}, tried});
    for (const auto& [of, watcher] : std::vector(followers_))
        if (of == rid) watcher->contactNews(tried);
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
            endFollowers(
                rid,
                {ContactEnd::Outcome::refused, {"superseded", "Another request has taken the place of this one."}, {}});
    }
}

}  // namespace entitle
