// The sole owner of this machine's license state: runs the lifecycle's steps, performs their effects, answers.
// Knows no socket, no RPC and no platform. Not thread-safe: one loop, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/system/result.hpp>

#include "daemon/answers.h"
#include "daemon/audit.h"
#include "daemon/clock.h"
#include "daemon/config.h"
#include "daemon/correspondence.h"
#include "daemon/device_key.h"
#include "daemon/hardware.h"
#include "daemon/held_slots.h"
#include "daemon/journal.h"
#include "daemon/store.h"
#include "license/document.h"
#include "license/exchange.h"

namespace entitle {

// Told that the answers may have changed. Must not call back into the daemon's admin calls from there.
class ChangeWatcher {
  public:
    virtual void answersChanged() = 0;

  protected:
    ~ChangeWatcher() = default;
};

// Told how one question to the authority goes on: any number of times that there is no answer yet, and at most once
// that it ended. Must not call back into the daemon's admin calls from there.
class ContactWatcher {
  public:
    virtual void contactNews(const ContactNews&) = 0;
    virtual void contactEnded(const ContactEnd&) = 0;

  protected:
    ~ContactWatcher() = default;
};

class Daemon {
  public:
    // Everything outside. All of it outlives the daemon.
    struct Seams {
        Clock& clock;
        Store& store;
        AuditLog& audit;
        const DeviceKey& deviceKey;
        std::function<HardwareProbe()> probeHardware;
        std::function<void(std::optional<Instant>)>
            arm;  // the one timer: wake() is due then, and when the clock is set
        // Told of every event and the state it meets, before its step: state is a function of that log. May be empty.
        std::function<void(const State&, const Event&, const Now&)> witness = {};
        // What the parts around us find to tell a doctor. May be empty.
        std::function<std::vector<Finding>()> findings = {};
    };
    struct Settings {
        std::optional<Roots> roots;
        std::string rootsProblem;  // why there are none, for people
        Trust trust = Trust::development;
        LocalLimits lower;
        Config::Slots slots;
        std::string keyLevel;
        std::string version;
        std::vector<Finding> startFindings;  // what was found wrong while opening files
        Instant builtAt{};                   // the day this program was built
        std::string hostLabel;               // this machine's name, for people at the authority
        std::uint32_t activationsPerMinute = 5;
    };
    // Tests count these; metrics tell them.
    struct Counters {
        std::uint64_t checks = 0, acquired = 0, acquireDenied = 0, released = 0, holdersDied = 0, reclaimed = 0,
                      reclaimDenied = 0, reclaimsExpired = 0, imports = 0, importsRefused = 0, storeFaults = 0,
                      connections = 0, connectionsRefused = 0, connectionsBroken = 0, contacts = 0, contactsFailed = 0;
    };

    // Verifies the stored tokens anew, matches the hardware, and is up to date when it returns. Slots found in the
    // ledger await their holders from here on; their time runs from ready().
    Daemon(Seams, Settings, LoadedRecord, SlotFile::Opened);
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    void ready();                // questions are being answered: opens the reclaim window
    void retire();               // from now on nothing is released: held slots stay in the ledger for the successor
    void wake();                 // the timer fired, the clock was set, or the machine resumed
    void reconfigure(Settings);  // limits, roots; slots above a lowered limit wind down

    // --- questions: no disk, no network --------------------------------------------------------------------------
    const Verdict& check(std::string_view feature);  // valid until the next call; no allocation for known features
    StatusAnswer status() const;
    std::vector<FeatureAnswer> features() const;
    QuotaAnswer quota(std::string_view name, std::uint32_t uid) const;

    // --- questions that may read files ---------------------------------------------------------------------------
    FingerprintAnswer fingerprint();
    std::vector<Finding> diagnose();

    // --- slots ---------------------------------------------------------------------------------------------------
    boost::system::result<Held, Verdict> acquire(std::string_view quota, std::uint32_t count, std::string_view label,
                                                 const Holder&);
    boost::system::result<Held, ReclaimRefusal> reclaim(const SlotSecret&, const Holder&);
    void release(SlotId, std::uint64_t generation);  // a holding that ended already is nothing
    const Slot* findSlot(SlotId id, std::uint64_t generation) const { return slots_.find(id, generation); }
    SlotPage slots(SlotId after, std::size_t most, std::optional<std::uint32_t> uid) const;

    // --- administration ------------------------------------------------------------------------------------------
    boost::system::result<std::string, AdminRefusal> request(std::string_view hostLabel, bool fresh, std::uint32_t uid);
    // A license file or an update file. Says what it changed, in sentences.
    boost::system::result<std::string, AdminRefusal> import(std::string_view file, std::uint32_t uid);
    boost::system::result<void, AdminRefusal> deactivate(std::uint32_t uid);
    bool releaseSlot(SlotId, std::uint32_t byUid);
    FileResult<AuditLog::Page> auditPage(std::uint64_t after, std::size_t most) const;
    AuditCheck verifyAudit() const;
    void countDenial(std::uint32_t uid, std::string_view reason);

    // --- the authority online ------------------------------------------------------------------------------------
    // nullptr: nobody is asked from now on. Questions under way are withdrawn; what waits is asked again when it is
    // due.
    void connect(Authority*, std::string url);
    // The watcher is told the end, unless the call was refused or it went before.
    boost::system::result<void, AdminRefusal> activate(std::string_view key, std::uint32_t uid, ContactWatcher&);
    boost::system::result<void, AdminRefusal> refresh(std::uint32_t uid, ContactWatcher&);
    void unfollow(ContactWatcher&);
    // The device key's secret was out of reach, and is in reach again.
    void keyReturned();
    // It has turned out that it never will be: seams.deviceKey says so and why.
    void keyLost();
    // The machine has a network again: what is due, and what found nobody, is asked now. Not what the authority asked
    // to wait with.
    void networkBack();

    // --- change --------------------------------------------------------------------------------------------------
    std::uint64_t generation() const { return generation_; }  // rises with every change a watcher is told of
    void watch(ChangeWatcher& watcher);
    void unwatch(ChangeWatcher& watcher);
    // One more to be told, of numbers that no answer hangs on as well: slots in use, when the authority is asked next.
    // Called for every slot taken and freed, from within: it may only take note. Empty: nobody.
    void watchFigures(std::function<void()> changed) { figuresChanged_ = std::move(changed); }

    Counters& counters() { return counters_; }
    const Counters& counters() const { return counters_; }
    const HeldSlots& heldSlots() const { return slots_; }
    const Entitlements& entitlements() const { return rights_.entitlements; }

  private:
    // What goes into the audit log with a change of state.
    struct Deed {
        std::string kind;
        std::string detail;
    };
    // A change that was asked for is undone by a fault of the disk and the fault is the answer; one that time or
    // hardware brought is in force regardless, and is stored as soon as the disk allows.
    enum class Origin { asked, happened };

    // Everything that follows from state and time, kept up to date.
    struct Rights {
        Entitlements entitlements;
        std::int64_t licensedBots = 0;        // before this machine's configuration lowered it
        std::vector<FeatureAnswer> verdicts;  // of every feature of the catalogue
    };

    Step stepped(const Event&, const Now&) const;  // what the event makes of the state; not yet ours
    std::optional<FileProblem> perform(Step, Record next, const Deed&, Origin, const Now&);

    // For the journal (daemon_told.cpp). A license that has ended may be gone from the state by the time it is told.
    struct Named {
        std::string license, type;
        Match match = Match::same;
    };
    Named named() const;
    JournalFields standingFields(const Named&) const;
    void tellChange(const Step& done, const Named& before) const;
    void happen(const Event&, const Now&);
    void saveLater(const FileProblem&, const Now&);
    void note(std::string_view kind, std::string_view detail, const Now&);
    void logPrepared();
    void verifyStoredLicense(const Now&);
    std::optional<License> licenseOfAFormer() const;
    void keySetChanged(const Now&);
    boost::system::result<std::string, AdminRefusal> importLicense(std::string_view file, std::uint32_t uid);
    boost::system::result<std::string, AdminRefusal> importUpdate(std::string_view file, std::uint32_t uid);
    void probe();
    Match presentMatch(const FingerprintTemplate& enrolled) const;

    // What follows from the questions in the state: those called are sent, those gone are withdrawn.
    void correspond(const std::vector<Effect>&, const Now&);
    bool online() const;
    std::optional<AdminRefusal> notOnline() const;
    std::optional<AdminRefusal> keyOutOfReach() const;
    void askWhatWaits();
    void ask(const Attempt&, const Now&);
    void keepWaiting(const Now&);
    void heard(const Correspondence::Heard&);
    void contacted();
    void unanswered(const Attempt&, const ContactFailure&, const Now&);
    void answered(const Attempt&, const OpenedReply&, const Now&);
    void pushed(const Attempt&, const OpenedReply&, const Now&);
    void putOffFollowers(std::string_view rid, const std::string& why, bool answered);  // of a question that waits
    void endFollowers(std::string_view rid, const ContactEnd&);
    void endOrphans();  // those whose question was withdrawn
    void askAgain(const Now&);
    void bePatient(std::optional<Seconds> asked, const Now&);
    bool tooManyActivations(std::uint32_t uid, const Now&);

    // The clocks, judged: `wall` is the time that documents are held against. Every entry point begins with one look;
    // what the clocks said themselves is in read_ until the next. The other two come after a signed time: of a verified
    // file, and of an answer to what was asked then.
    Now look();
    Now afterSignedTime(Instant signedAt);
    Now afterContact(Instant serverTime, const ClockSent&);
    void settleClock(const Now&);  // tells and stores what the looks have found
    std::optional<Instant> nextClockLook() const;
    ClockRules clockRules() const;

    Rights rightsOf(const State&, const Now&) const;
    void settleSlots(const Now&);
    void endSlotsAbove(std::int64_t limit, const Now&);
    void arm(const Now&);
    void announce();
    void tellWatchers();
    void tellFigures() const {
        if (figuresChanged_) figuresChanged_();
    }
    bool knowsQuota(std::string_view name) const;

    Seams seams_;
    Settings settings_;
    Catalogue catalogue_;
    DeviceId device_;
    Instant startedAt_{};

    Record record_;
    std::optional<AuditEntry> unlogged_;  // record_.lastAudit, as long as the log lacks it
    LoadedRecord::Origin loadedFrom_;
    std::string loadMessage_;
    std::string storedLicenseProblem_;  // why the stored document is not in force; "" if it is, or there is none

    // The hardware as last probed. Raw facts are dropped at once; these are hashes.
    FingerprintTemplate present_;
    HardwareProbe probe_;  // without its facts' values
    std::chrono::nanoseconds probedAt_{};

    Now read_;  // the clocks as last read
    ClockJudgement clock_;
    ClockFlag toldFlag_ = ClockFlag::none;
    bool clockWantsContact_ = false;
    ClockTrust keptClock_;  // as last stored

    Rights rights_;
    Verdict scratch_;  // of a name that the catalogue does not have

    HeldSlots slots_;
    std::optional<Instant> shrinkAt_;  // slots above a limit that only the configuration lowered end then
    bool retired_ = false;

    Correspondence correspondence_{[this](const Correspondence::Heard& news) { heard(news); }};
    std::string authorityUrl_;
    std::optional<Instant> lastFailureAt_;
    std::string lastFailure_;
    ContactFault lastFault_ = ContactFault::unconnected;
    std::chrono::nanoseconds networkBackAt_{};  // boottime
    std::chrono::nanoseconds patientUntil_{};   // boottime; as the authority asked
    AdminRefusal objection_;  // the authority's last word, when it was no yes; of a question that waits
    Seconds skew_{};          // of the clock, ahead of the authority's at the last contact
    // The request that is kept open to be told of changes. Not a part of the state: losing it loses nothing.
    struct Waiting {
        Attempt attempt;
        std::chrono::nanoseconds sentAt{};
        std::uint64_t epoch = 0;                          // of the revocations that were known when it was sent
        std::optional<std::chrono::nanoseconds> againAt;  // boottime
        std::uint32_t failures = 0;
        std::uint32_t fruitless = 0;  // news in a row that no new document came of
    } waiting_;
    std::vector<std::pair<std::string, ContactWatcher*>> followers_;              // by rid
    std::map<std::uint32_t, std::vector<std::chrono::nanoseconds>> activations_;  // of each user, in the last minute

    std::optional<std::chrono::nanoseconds> saveAgainAt_;  // boottime; set while the disk holds another state than we
    std::optional<std::optional<Instant>> armed_;

    std::uint64_t generation_ = 1;
    std::vector<ChangeWatcher*> watchers_;
    bool untold_ = false;  // of the latest generation some watchers may not know: memory ran out
    std::function<void()> figuresChanged_;
    Counters counters_;
};

}  // namespace entitle
