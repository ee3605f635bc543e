#include "daemon/daemon.h"

#include <algorithm>
#include <utility>

#include <boost/json.hpp>

#include "daemon/enrolment.h"
#include "daemon/log.h"

namespace entitle {
namespace {

constexpr std::chrono::seconds saveAgainAfter{60};

std::string json(boost::json::object object) {
    return boost::json::serialize(object);
}

// A moment of boottime as wall time, rounded up: a timer that fires early would only have to be armed again.
Instant onTheWall(std::chrono::nanoseconds boottime, const Now& now) {
    auto left = std::chrono::ceil<Seconds>(boottime - now.boottime);
    return plus(now.wall, std::max(left, Seconds{0}) + Seconds{1});
}

void takeEarlier(std::optional<Instant>& earliest, std::optional<Instant> candidate) {
    if (candidate && (!earliest || *candidate < *earliest)) earliest = candidate;
}

}  // namespace

Daemon::Daemon(Seams seams, Settings settings, LoadedRecord loaded, SlotFile::Opened slotFile)
    : seams_(std::move(seams)),
      settings_(std::move(settings)),
      catalogue_(lowered(builtinCatalogue(), settings_.lower)),
      device_(deviceIdOf(seams_.deviceKey.verifyKey())),
      record_(std::move(loaded.record)),
      loadedFrom_(loaded.origin),
      loadMessage_(std::move(loaded.message)),
      slots_(std::move(slotFile)) {
    toldFlag_ = record_.clock.flag;
    keptClock_ = record_.clock;
    Now now = look();
    startedAt_ = read_.wall;
    probe();
    if (loadedFrom_ == LoadedRecord::Origin::recovered || loadedFrom_ == LoadedRecord::Origin::lost) {
        tell(Occurrence::stateRecovered, loadMessage_);
        note("recovered", json({{"lost", loadedFrom_ == LoadedRecord::Origin::lost}}), now);
    }
    verifyStoredLicense(now);
    if (record_.state.current) {
        now = afterSignedTime(record_.state.current->issuedAt);
        happen(DeviceChanged{presentMatch(record_.state.current->fingerprint)}, now);
    }
    settleClock(now);
    happen(Tick{}, now);
}

// A stored license counts only as the signed token it came as. One that does not verify is left in the record: what is
// missing (roots, the right device key) may come back.
void Daemon::verifyStoredLicense(const Now& now) {
    storedLicenseProblem_.clear();
    record_.state.current.reset();
    if (record_.documentToken.empty()) return;
    if (!settings_.roots) {
        storedLicenseProblem_ = "A license is stored, but without the authority's root keys it cannot be verified.";
    } else if (auto license = verifyStored(record_, *settings_.roots, device_); license) {
        record_.state.current = std::move(*license);
        return;
    } else if (auto earlier = licenseOfAFormer(); earlier) {
        record_.state.current = std::move(*earlier);
        return;
    } else {
        storedLicenseProblem_ = "The stored license is refused: " + std::string(explain(license.error()));
        note("stored-license-refused", json({{"code", toString(license.error())}}), now);
    }
    tell(Occurrence::licenseUnreadable, storedLicenseProblem_);
}

// The key it was given to was lost since. It stays bound to this hardware, and no further document can be asked for
// with it: its own grace is what is left.
std::optional<License> Daemon::licenseOfAFormer() const {
    for (const auto& former : seams_.deviceKey.formers)
        if (auto license = verifyStored(record_, *settings_.roots, deviceIdOf(former)); license)
            return std::move(*license);
    return std::nullopt;
}

// What a key has signed counts no longer once the authority has declared it stolen.
void Daemon::keySetChanged(const Now& now) {
    if (!record_.state.current) return;
    verifyStoredLicense(now);
    if (record_.state.current) return;
    happen(Tick{}, now);
    announce();
}

void Daemon::ready() {
    Now now = look();
    slots_.openReclaimWindow(now.boottime + settings_.slots.reclaimWindow);
    tell(Occurrence::started, "ready: " + rights_.entitlements.message, standingFields(named()));
    note("started",
         json({{"version", settings_.version},
               {"standing", toString(rights_.entitlements.standing)},
               {"awaiting", slots_.ledger().size()}}),
         now);
    arm(now);
}

void Daemon::retire() {
    if (std::exchange(retired_, true)) return;
    Now now = look();
    logPrepared();
    (void)seams_.audit.flushDenials(now, true);
    note("stopped", json({{"slots", slots_.ledger().size()}}), now);
    if (saveAgainAt_) (void)seams_.store.save(record_);
    correspondence_.connect(nullptr);
    // Whoever still waits may outlive us, and must not take leave of what is gone.
    for (const auto& follower : std::exchange(followers_, {}))
        follower.second->contactEnded({ContactEnd::Outcome::pending, {}, {0, "The daemon is stopping.", now.wall}});
    (void)seams_.audit.sync();
}

void Daemon::wake() {
    if (retired_) return;
    Now now = look();
    armed_.reset();  // it has fired, or is about to be set anew
    try {
        logPrepared();
        if (untold_) tellWatchers();
        if (saveAgainAt_ && now.boottime >= *saveAgainAt_) {
            saveAgainAt_.reset();
            if (auto saved = seams_.store.save(record_); !saved) saveLater(saved.error(), now);
        }
        if (auto expired = slots_.expireReclaims(now); expired > 0) {
            counters_.reclaimsExpired += expired;
            tellFigures();
            log().warn("{} slots were not taken back after the restart and are free again", expired);
            note("reclaims-expired", json({{"slots", expired}}), now);
        }
        if (auto flushed = seams_.audit.flushDenials(now); !flushed) log().warn("{}", flushed.error().message);
        settleClock(now);
        happen(Tick{}, now);
        if (online() && contactDue(record_.state, now)) happen(ContactDue{freshNonce()}, now);
    } catch (...) {
        seams_.arm(plus(read_.wall, Seconds{1}));
        throw;
    }
}

void Daemon::reconfigure(Settings settings) {
    Now now = look();
    bool rootsChanged = settings.roots != settings_.roots;
    settings.startFindings = std::move(settings_.startFindings);
    settings_ = std::move(settings);
    catalogue_ = lowered(builtinCatalogue(), settings_.lower);
    if (rootsChanged) {
        verifyStoredLicense(now);
        if (record_.state.current) happen(DeviceChanged{presentMatch(record_.state.current->fingerprint)}, now);
    }
    happen(Tick{}, now);
    note("reconfigured", json({{"standing", toString(rights_.entitlements.standing)}}), now);
    announce();
}

// --- the lifecycle ---------------------------------------------------------------------------------------------------

Step Daemon::stepped(const Event& event, const Now& now) const {
    if (seams_.witness) seams_.witness(record_.state, event, now);
    return step(record_.state, event, now);
}

std::optional<FileProblem> Daemon::perform(Step done, Record next, const Deed& deed, Origin origin, const Now& now) {
    auto has = [&](auto kind) {
        return std::any_of(done.effects.begin(), done.effects.end(),
                           [](const Effect& effect) { return std::holds_alternative<decltype(kind)>(effect); });
    };
    // A license that ended for good must not come back from its token at the next start.
    if (record_.state.current && !done.state.current) {
        next.documentToken.clear();
        next.activatedBy.clear();
    }
    if (next.documentToken != record_.documentToken) next.earlierKeySetToken.clear();
    next.state = std::move(done.state);
    Rights rights = rightsOf(next.state, now);
    const Named before = named();
    // Nothing above has changed us, and this cannot fail: state and rights are always of one moment.
    auto adopt = [&]() noexcept {
        record_ = std::move(next);
        rights_ = std::move(rights);
    };
    try {
        if (!has(Persist{})) {
            adopt();
        } else {
            logPrepared();
            AuditEntry entry = seams_.audit.prepare(deed.kind, deed.detail, now);
            auto before = std::exchange(next.lastAudit, entry);
            std::optional<AuditEntry> unlogged = entry;
            // All that came before lies on the disk before the state names this one: after a power cut the log lacks
            // one entry at most, which the state has, and does not seem to have been shortened.
            if (auto synced = seams_.audit.sync(); !synced) log().warn("{}", synced.error().message);
            if (auto saved = seams_.store.save(next); saved) {
                adopt();
                keptClock_ = record_.clock;
                unlogged_.swap(unlogged);
                saveAgainAt_.reset();
                logPrepared();
            } else {
                // The disk may hold the new record all the same (a fault after the rename): what we go on with is
                // written again, so that a restart does not disagree with the answer given now.
                saveLater(saved.error(), now);
                if (origin == Origin::asked) return saved.error();
                next.lastAudit = std::move(before);
                adopt();
                note(deed.kind, deed.detail, now);
            }
        }
        settleSlots(now);  // ShrinkSlots: it reads the same from the state, after a restart too
        arm(now);
        tellChange(done, before);
        for (const Effect& effect : done.effects) {
            if (std::holds_alternative<Notify>(effect)) announce();
        }
    } catch (...) {
        // Out of memory, somewhere in between: the alarm finishes it, and writes once more what is in force.
        saveAgainAt_ = now.boottime;
        armed_ = read_.wall;
        seams_.arm(read_.wall);
        throw;
    }
    correspond(done.effects, now);
    tellFigures();
    return std::nullopt;
}

void Daemon::happen(const Event& event, const Now& now) {
    Step done = stepped(event, now);
    Deed deed{"standing", "{}"};
    for (const Effect& effect : done.effects) {
        if (const auto* change = std::get_if<Notify>(&effect)) {
            deed.detail = json({{"from", toString(change->from)}, {"to", toString(change->to)}});
        }
    }
    Record next = record_;
    (void)perform(std::move(done), std::move(next), deed, Origin::happened, now);
}

void Daemon::saveLater(const FileProblem& problem, const Now& now) {
    ++counters_.storeFaults;
    tell(Occurrence::storeFault, "the state could not be stored: " + problem.message);
    saveAgainAt_ = now.boottime + saveAgainAfter;
    arm(now);
}

// An entry that the stored record names must stand in the log before any other.
void Daemon::logPrepared() {
    if (!unlogged_) return;
    if (auto committed = seams_.audit.commit(*unlogged_); !committed) log().warn("{}", committed.error().message);
    unlogged_.reset();
}

void Daemon::note(std::string_view kind, std::string_view detail, const Now& now) {
    logPrepared();
    if (auto noted = seams_.audit.note(kind, detail, now); !noted) log().warn("{}", noted.error().message);
}

Daemon::Rights Daemon::rightsOf(const State& state, const Now& now) const {
    Rights rights;
    rights.entitlements = evaluate(state, catalogue_, now);
    rights.licensedBots =
        settings_.lower.maxBots ? evaluate(state, builtinCatalogue(), now).maxBots : rights.entitlements.maxBots;
    rights.verdicts.reserve(catalogue_.features.size());
    for (const auto& feature : catalogue_.features) {
        rights.verdicts.push_back({feature, entitle::check(rights.entitlements, catalogue_, feature)});
    }
    return rights;
}

void Daemon::arm(const Now& judged) {
    const Now& now = read_;
    std::optional<Instant> documents = nextWake(record_.state, judged);
    takeEarlier(documents, shrinkAt_);
    std::optional<Instant> earliest = nextClockLook();
    if (documents) takeEarlier(earliest, wallWhen(clock_, now, *documents));
    if (auto end = slots_.ledger().nextReclaimEnd()) takeEarlier(earliest, onTheWall(*end, now));
    if (auto flush = seams_.audit.nextFlush()) takeEarlier(earliest, onTheWall(*flush, now));
    if (saveAgainAt_) takeEarlier(earliest, onTheWall(*saveAgainAt_, now));
    if (waiting_.againAt) takeEarlier(earliest, onTheWall(*waiting_.againAt, now));
    if (armed_ == earliest) return;
    armed_ = earliest;
    seams_.arm(earliest);
}

void Daemon::announce() {
    ++generation_;
    tellWatchers();
}

void Daemon::tellWatchers() {
    untold_ = true;
    try {
        // A copy: what a watcher does may end another.
        for (ChangeWatcher* watcher : std::vector<ChangeWatcher*>(watchers_)) {
            if (std::find(watchers_.begin(), watchers_.end(), watcher) != watchers_.end()) watcher->answersChanged();
        }
    } catch (...) {
        armed_ = read_.wall;
        seams_.arm(read_.wall);
        throw;
    }
    untold_ = false;
}

void Daemon::watch(ChangeWatcher& watcher) {
    watchers_.push_back(&watcher);
}

void Daemon::unwatch(ChangeWatcher& watcher) {
    std::erase(watchers_, &watcher);
}

// --- questions -------------------------------------------------------------------------------------------------------

const Verdict& Daemon::check(std::string_view feature) {
    ++counters_.checks;
    for (const auto& known : rights_.verdicts) {
        if (known.name == feature) return known.verdict;
    }
    scratch_ = entitle::check(rights_.entitlements, catalogue_, feature);
    return scratch_;
}

StatusAnswer Daemon::status() const {
    StatusAnswer answer;
    answer.standing = rights_.entitlements.standing;
    answer.message = rights_.entitlements.message;
    answer.license = record_.state.current;
    answer.maxBots = rights_.entitlements.maxBots;
    answer.botsInUse = slots_.ledger().use("bots", rights_.entitlements.maxBots).inUse;
    answer.deviceId = device_.value;
    if (record_.state.current) answer.graceUntil = overAt(record_.state);
    answer.windDownUntil = shrinkAt_ ? shrinkAt_ : rights_.entitlements.windDownUntil;
    answer.trust = settings_.trust;
    if (settings_.roots) answer.authority = settings_.roots->authority;
    answer.binding = record_.state.binding.match;
    answer.keyLevel = settings_.keyLevel;
    answer.version = settings_.version;
    answer.now = seams_.clock.now();
    const auto judged = judge(record_.clock, answer.now, clockRules()).judgement;
    answer.clockFlag = judged.flag;
    answer.believed = judged.believed;
    answer.clockBudgetLeft = judged.budgetLeft;
    answer.startedAt = startedAt_;
    answer.requestPending = record_.state.pending.has_value();
    answer.generation = generation_;
    answer.container = probe_.facts.container;
    answer.authorityUrl = authorityUrl_;
    if (online()) answer.nextContact = contactDueAt(record_.state);
    answer.lastContact = record_.lastContact;
    answer.lastFailureAt = lastFailureAt_;
    answer.lastFailure = lastFailure_;
    if (const auto& obstacle = seams_.deviceKey.obstacle(); !obstacle.empty()) {
        answer.lastFailureAt = startedAt_;
        answer.lastFailure = seams_.deviceKey.isLost()
                                 ? "The device key is lost: " + obstacle + ". " + std::string(wayBackFromLostKey)
                                 : "The device key is out of reach: " + obstacle + ".";
    }
    if (!record_.state.attempts.empty()) {
        answer.authorityCode = objection_.code;
        answer.authorityMessage = objection_.message;
    }
    for (const Attempt& attempt : record_.state.attempts) {
        answer.activating = answer.activating || attempt.operation == Operation::activate;
        answer.returning = answer.returning || attempt.operation == Operation::deactivate;
    }
    answer.conflictAt = record_.state.conflictAt;
    return answer;
}

std::vector<FeatureAnswer> Daemon::features() const {
    return rights_.verdicts;
}

void Daemon::countDenial(std::uint32_t uid, std::string_view reason) {
    Now now = look();
    seams_.audit.countDenial(uid, reason, now);
    arm(now);
}

FileResult<AuditLog::Page> Daemon::auditPage(std::uint64_t after, std::size_t most) const {
    return seams_.audit.page(after, most);
}

AuditCheck Daemon::verifyAudit() const {
    return seams_.audit.verify(record_.lastAudit);
}

}  // namespace entitle
