#include "daemon/daemon.h"

#include <algorithm>
#include <utility>

#include <boost/json.hpp>

#include "daemon/enrolment.h"
#include "daemon/log.h"

namespace entitle {
namespace {

constexpr std::chrono::seconds saveAgainAfter{60};
// Held slots above a limit that fell without a deadline of its own may finish this long: the default of wind_down_s.
constexpr Seconds defaultWindDown = std::chrono::hours{24};

std::string json(boost::json::object object) {
    return boost::json::serialize(object);
}

// A moment of boottime as wall time, rounded up: a timer that fires early would only have to be armed again.
Instant onTheWall(std::chrono::nanoseconds boottime, const Now& now) {
    auto left = std::chrono::ceil<Seconds>(boottime - now.boottime);
    return now.wall + std::max(left, Seconds{0}) + Seconds{1};
}

constexpr std::size_t maxEchoedName = 48;  // of what a caller sent

Verdict refused(AcquireRefusal why) {
    bool malformed = why == AcquireRefusal::badCount || why == AcquireRefusal::badLabel;
    return {false, malformed ? Reason::badName : Reason::quotaExceeded, std::string(explain(why)), std::nullopt};
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
    Now now = seams_.clock.now();
    startedAt_ = now.wall;
    probe();
    if (loadedFrom_ == LoadedRecord::Origin::recovered || loadedFrom_ == LoadedRecord::Origin::lost) {
        log().error("{}", loadMessage_);
        note("recovered", json({{"lost", loadedFrom_ == LoadedRecord::Origin::lost}}), now);
    }
    verifyStoredLicense(now);
    if (record_.state.current) happen(DeviceChanged{presentMatch(record_.state.current->fingerprint)}, now);
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
    } else {
        storedLicenseProblem_ = "The stored license is refused: " + std::string(explain(license.error()));
        note("stored-license-refused", json({{"code", toString(license.error())}}), now);
    }
    log().error("{}", storedLicenseProblem_);
}

void Daemon::ready() {
    Now now = seams_.clock.now();
    slots_.openReclaimWindow(now.boottime + settings_.slots.reclaimWindow);
    note("started",
         json({{"version", settings_.version},
               {"standing", toString(entitlements_.standing)},
               {"awaiting", slots_.ledger().size()}}),
         now);
    arm(now);
}

void Daemon::retire() {
    if (std::exchange(retired_, true)) return;
    Now now = seams_.clock.now();
    (void)seams_.audit.flushDenials(now, true);
    note("stopped", json({{"slots", slots_.ledger().size()}}), now);
    if (saveAgainAt_) (void)seams_.store.save(record_);
    (void)seams_.audit.sync();
}

void Daemon::wake() {
    if (retired_) return;
    Now now = seams_.clock.now();
    if (saveAgainAt_ && now.boottime >= *saveAgainAt_) {
        saveAgainAt_.reset();
        if (auto saved = seams_.store.save(record_); !saved) saveLater(saved.error(), now);
    }
    if (auto expired = slots_.expireReclaims(now); expired > 0) {
        counters_.reclaimsExpired += expired;
        log().warn("{} slots were not taken back after the restart and are free again", expired);
        note("reclaims-expired", json({{"slots", expired}}), now);
    }
    if (auto flushed = seams_.audit.flushDenials(now); !flushed) log().warn("{}", flushed.error().message);
    happen(Tick{}, now);
}

void Daemon::reconfigure(Settings settings) {
    Now now = seams_.clock.now();
    bool rootsChanged = settings.roots != settings_.roots;
    settings_ = std::move(settings);
    catalogue_ = lowered(builtinCatalogue(), settings_.lower);
    if (rootsChanged) {
        verifyStoredLicense(now);
        if (record_.state.current) happen(DeviceChanged{presentMatch(record_.state.current->fingerprint)}, now);
    }
    happen(Tick{}, now);
    note("reconfigured", json({{"standing", toString(entitlements_.standing)}}), now);
    announce();
}

// --- the lifecycle ---------------------------------------------------------------------------------------------------

std::optional<FileProblem> Daemon::perform(Step done, Record next, const Deed& deed, Origin origin, const Now& now) {
    auto has = [&](auto kind) {
        return std::any_of(done.effects.begin(), done.effects.end(),
                           [](const Effect& effect) { return std::holds_alternative<decltype(kind)>(effect); });
    };
    next.state = std::move(done.state);
    bool audited = false;
    if (has(Persist{})) {
        AuditEntry entry = seams_.audit.prepare(deed.kind, deed.detail, now);
        auto before = next.lastAudit;
        next.lastAudit = entry;
        if (auto saved = seams_.store.save(next); saved) {
            saveAgainAt_.reset();
            audited = true;
            if (auto committed = seams_.audit.commit(entry); !committed) log().warn("{}", committed.error().message);
        } else {
            // The disk may hold the new record all the same (a fault after the rename): what we go on with is written
            // again, so that a restart does not disagree with the answer given now.
            saveLater(saved.error(), now);
            if (origin == Origin::asked) return saved.error();
            next.lastAudit = before;
        }
    }
    if (!audited && has(Notify{})) note(deed.kind, deed.detail, now);
    record_ = std::move(next);

    refresh(now);  // ShrinkSlots: settleSlots reads the same from the state, after a restart too
    for (const Effect& effect : done.effects) {
        if (const auto* change = std::get_if<Notify>(&effect)) {
            log().info("{} -> {}: {}", toString(change->from), toString(change->to), entitlements_.message);
            announce();
        }
    }
    return std::nullopt;
}

void Daemon::happen(const Event& event, const Now& now) {
    Step done = step(record_.state, event, now);
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
    log().error("the state could not be stored: {}", problem.message);
    saveAgainAt_ = now.boottime + saveAgainAfter;
    arm(now);
}

void Daemon::note(std::string_view kind, std::string_view detail, const Now& now) {
    if (auto noted = seams_.audit.note(kind, detail, now); !noted) log().warn("{}", noted.error().message);
}

void Daemon::refresh(const Now& now) {
    entitlements_ = evaluate(record_.state, catalogue_, now);
    licensedBots_ =
        settings_.lower.maxBots ? evaluate(record_.state, builtinCatalogue(), now).maxBots : entitlements_.maxBots;
    verdicts_.resize(catalogue_.features.size());
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
        verdicts_[i] = {catalogue_.features[i], entitle::check(entitlements_, catalogue_, catalogue_.features[i])};
    }
    settleSlots(now);
    arm(now);
}

// Slots above the limit: as long as the lifecycle holds them they stay; above a limit that only this machine's
// configuration lowered, for the license's wind-down.
void Daemon::settleSlots(const Now& now) {
    auto fits = [&](std::int64_t limit) {
        return limit == unlimited || slots_.ledger().use("bots", limit).inUse <= static_cast<std::uint64_t>(limit);
    };
    Hold hold = holdOf(record_.state, now);
    bool held = hold.kept || (hold.until && now.wall < *hold.until);
    if (!fits(licensedBots_) && !held) endSlotsAbove(licensedBots_, now);
    if (fits(entitlements_.maxBots) || !fits(licensedBots_)) {
        shrinkAt_.reset();
        return;
    }
    if (!shrinkAt_)
        shrinkAt_ = plus(now.wall, record_.state.current ? record_.state.current->windDown : defaultWindDown);
    if (now.wall < *shrinkAt_) return;
    shrinkAt_.reset();
    endSlotsAbove(entitlements_.maxBots, now);
}

void Daemon::endSlotsAbove(std::int64_t limit, const Now& now) {
    auto ended = slots_.shrinkTo("bots", limit);
    log().warn("{} slots above the limit of {} were ended", ended, limit);
    note("slots-ended", json({{"slots", ended}, {"limit", limit}}), now);
    announce();
}

void Daemon::arm(const Now& now) {
    std::optional<Instant> earliest = nextWake(record_.state, now);
    takeEarlier(earliest, shrinkAt_);
    if (auto end = slots_.ledger().nextReclaimEnd()) takeEarlier(earliest, onTheWall(*end, now));
    if (auto flush = seams_.audit.nextFlush()) takeEarlier(earliest, onTheWall(*flush, now));
    if (saveAgainAt_) takeEarlier(earliest, onTheWall(*saveAgainAt_, now));
    if (armed_ == earliest) return;
    armed_ = earliest;
    seams_.arm(earliest);
}

void Daemon::announce() {
    ++generation_;
    // A copy: what a watcher does may end another.
    for (ChangeWatcher* watcher : std::vector<ChangeWatcher*>(watchers_)) {
        if (std::find(watchers_.begin(), watchers_.end(), watcher) != watchers_.end()) watcher->answersChanged();
    }
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
    for (const auto& known : verdicts_) {
        if (known.name == feature) return known.verdict;
    }
    scratch_ = entitle::check(entitlements_, catalogue_, feature);
    return scratch_;
}

StatusAnswer Daemon::status() const {
    StatusAnswer answer;
    answer.standing = entitlements_.standing;
    answer.message = entitlements_.message;
    answer.license = record_.state.current;
    answer.maxBots = entitlements_.maxBots;
    answer.botsInUse = slots_.ledger().use("bots", entitlements_.maxBots).inUse;
    answer.deviceId = device_.value;
    if (const auto& license = record_.state.current) {
        answer.graceUntil = plus(license->freshUntil, license->grace);
        if (license->endsAt) answer.graceUntil = std::min(*answer.graceUntil, *license->endsAt);
    }
    answer.windDownUntil = shrinkAt_ ? shrinkAt_ : entitlements_.windDownUntil;
    answer.trust = settings_.trust;
    if (settings_.roots) answer.authority = settings_.roots->authority;
    answer.binding = record_.state.binding.match;
    answer.keyLevel = settings_.keyLevel;
    answer.version = settings_.version;
    answer.now = seams_.clock.now();
    answer.startedAt = startedAt_;
    answer.requestPending = record_.state.pending.has_value();
    answer.generation = generation_;
    answer.container = probe_.facts.container;
    return answer;
}

std::vector<FeatureAnswer> Daemon::features() const {
    return verdicts_;
}

QuotaAnswer Daemon::quota(std::string_view name, std::uint32_t uid) const {
    QuotaAnswer answer;
    answer.name = name.substr(0, maxEchoedName);
    answer.use = slots_.ledger().use(name, knowsQuota(name) ? entitlements_.maxBots : 0);
    answer.yours = slots_.ledger().inUseBy(name, uid);
    answer.verdict = checkQuota(entitlements_, catalogue_, name, answer.use.inUse, 1);
    if (answer.verdict.allowed && settings_.slots.perUser &&
        answer.yours >= static_cast<std::uint64_t>(*settings_.slots.perUser)) {
        answer.verdict = refused(AcquireRefusal::uidShareExceeded);
    }
    return answer;
}

bool Daemon::knowsQuota(std::string_view name) const {
    return std::find(catalogue_.quotas.begin(), catalogue_.quotas.end(), name) != catalogue_.quotas.end();
}

// --- slots -----------------------------------------------------------------------------------------------------------

boost::system::result<Held, Verdict> Daemon::acquire(std::string_view quota, std::uint32_t count,
                                                     std::string_view label, const Holder& holder) {
    Now now = seams_.clock.now();
    auto denied = [&](Verdict verdict, std::string_view reason) {
        ++counters_.acquireDenied;
        seams_.audit.countDenial(holder.uid, reason, now);
        arm(now);
        return verdict;
    };
    if (!knowsQuota(quota)) return denied(checkQuota(entitlements_, catalogue_, quota, 0, count), "unknown-quota");
    auto held = slots_.acquire(quota, count, label, holder,
                               {entitlements_.maxBots, settings_.slots.perUser, settings_.slots.entries}, now);
    if (held) {
        ++counters_.acquired;
        return *held;
    }
    if (held.error() != AcquireRefusal::quotaExceeded) return denied(refused(held.error()), toString(held.error()));
    auto use = slots_.ledger().use(quota, entitlements_.maxBots);
    Verdict verdict = checkQuota(entitlements_, catalogue_, quota, use.inUse, count);
    if (use.awaiting > 0) {
        verdict.message += " " + std::to_string(use.awaiting) +
                           " of them are kept for programs that have not come back since the daemon's restart.";
    }
    return denied(std::move(verdict), toString(verdict.reason));
}

boost::system::result<Held, ReclaimRefusal> Daemon::reclaim(const SlotSecret& secret, const Holder& holder) {
    Now now = seams_.clock.now();
    auto held = slots_.reclaim(secret, holder, now);
    if (held) {
        ++counters_.reclaimed;
        return held;
    }
    ++counters_.reclaimDenied;
    seams_.audit.countDenial(holder.uid, toString(held.error()), now);
    arm(now);
    return held;
}

void Daemon::release(SlotId id, std::uint64_t generation) {
    if (!retired_ && slots_.release(id, generation)) ++counters_.released;
}

SlotPage Daemon::slots(SlotId after, std::size_t most, std::optional<std::uint32_t> uid) const {
    return slots_.page(after, most, uid);
}

bool Daemon::releaseSlot(SlotId id, std::uint32_t byUid) {
    const Slot* slot = slots_.find(id);
    if (!slot) return false;
    auto detail = json({{"slot", id}, {"count", slot->count}, {"holder", slot->holder.uid}, {"by", byUid}});
    slots_.release(id);
    ++counters_.released;
    note("slot-released", detail, seams_.clock.now());
    announce();  // its holder should look again
    return true;
}

void Daemon::countDenial(std::uint32_t uid, std::string_view reason) {
    Now now = seams_.clock.now();
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
