#include "tests/simulation/machine.h"

#include <algorithm>
#include <filesystem>

#include "daemon/log.h"

namespace entitle::simulation {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// More often than this in one second, a timer never rings for a good reason.
constexpr int mostRings = 40;

}  // namespace

FileResult<LoadedRecord> FailingStore::load() {
    if (bytes.empty()) return LoadedRecord{LoadedRecord::Origin::fresh, {}, ""};
    return LoadedRecord{LoadedRecord::Origin::current, decodeRecord(bytes).value(), ""};
}

FileResult<void> FailingStore::save(const Record& record) {
    const Next how = in_ > 0 && --in_ == 0 ? next_ : Next::works;
    const FileProblem problem{full ? FileFault::full : FileFault::io, "the disk said no"};
    if (how == Next::diesBefore) throw Killed{};
    if (full || how == Next::refuses) {
        holdsAll = false;
        ++refusals;
        return problem;
    }
    bytes = encodeRecord(record);
    if (onSave) onSave(record);
    if (how == Next::diesAfter) throw Killed{};
    holdsAll = how != Next::refusesButWrites;
    if (how == Next::refusesButWrites) {
        ++refusals;
        return problem;
    }
    return boost::system::in_place_value;
}

Machine::Machine(Stage& stage, Witness& witness, Making making, const std::string& directory,
                 std::shared_ptr<const DeviceKey> key)
    : name(making.name),
      hardware(making.hardware),
      stage_(stage),
      witness_(witness),
      making_(std::move(making)),
      directory_(directory),
      key_(std::move(key)) {
    log().set_level(spdlog::level::off);
    fs::create_directory(directory_);
    store.onSave = [this](const Record& record) { witness_.saved(*this, record); };
}

Machine::~Machine() {
    stop();
}

Now Machine::now() {
    Now now;
    now.wall = stage_.now() + offset_;
    now.boottime = std::max(stage_.now() - bootedAt_ - rewound_, Seconds{0});
    now.bootId = bootId_;
    now.synced = offset_ == 0s;
    return now;
}

HardwareProbe Machine::probe() const {
    HardwareProbe probe;
    for (const auto& [component, value] : hardware) probe.facts.facts.push_back({component, {value}});
    return probe;
}

// --- power and clocks ------------------------------------------------------------------------------------------------

void Machine::boot() {
    power_ = Power::on;
    bootedAt_ = stage_.now();
    rewound_ = 0s;
    bootId_ = "boot-" + std::to_string(stage_.chance.draw());
    held_.clear();
    fs::remove_all(directory_ + "/run");
    account.countedSince = bootedAt_;
    start();
}

void Machine::powerOff() {
    stop();
    power_ = Power::off;
    // A machine that loses power loses what its last save did not see: an hour at most.
    account.uptime += std::max(stage_.now() - account.countedSince - 1h, 0s);
    account.countedSince = stage_.now();
    if (!store.holdsAll) account.uptimeCounts = false;
}

void Machine::resume() {
    power_ = Power::on;
    if (daemon_) ring();
}

void Machine::setClock(Seconds offset) {
    offset_ = offset;
    account.mayGoBack = true;
    account.ahead = std::max(account.ahead, offset);
    if (offset > 12h || offset < -12h) account.clockIsHonest = false;
    if (runs()) ring();
}

// --- the daemon ------------------------------------------------------------------------------------------------------

void Machine::start() {
    witness_.starting(*this);
    state_ = OwnedDirectory::open(directory_ + "/state", OwnedDirectory::Privacy::secret).value();
    runtime_ = OwnedDirectory::open(directory_ + "/run", OwnedDirectory::Privacy::shared).value();
    try {
        auto loaded = store.load().value();
        audit_ = AuditLog::open(*state_, *key_, {}, loaded.record.lastAudit, now()).value().log;
        Daemon::Settings settings;
        settings.roots = making_.roots;
        settings.keyLevel = "file";
        settings.version = "0.3.0";
        settings.hostLabel = name;
        settings.builtAt = making_.builtAt;
        settings.activationsPerMinute = 1000;
        daemon_ = std::make_unique<Daemon>(Daemon::Seams{*this, store, *audit_, *key_, [this] { return probe(); },
                                                         [this](std::optional<Instant> moment) { arm(moment); },
                                                         [this](const State& state, const Event& event, const Now& at) {
                                                             witness_.stepped(*this, state, event, at);
                                                         }},
                                           settings, std::move(loaded), SlotFile::open(*runtime_, bootId_).value());
        daemon_->ready();
    } catch (const Killed&) {
        return crash();
    }
    witness_.started(*this);
    with([this](Daemon& daemon) { daemon.connect(authority_, "https://licenses.example"); });
    // Its programs take back what they held; now and then one has gone.
    std::vector<Held> before;
    before.swap(held_);
    for (const Held& held : before) {
        if (!daemon_ || stage_.chance.percent(10)) continue;
        with([&](Daemon& daemon) {
            if (auto again = daemon.reclaim(held.secret, {1000, 7})) held_.push_back(*again);
        });
    }
}

void Machine::stop() {
    if (daemon_) witness_.ended(*this);
    ++arming_;
    armed_.reset();
    daemon_.reset();
    audit_.reset();
    state_.reset();
    runtime_.reset();
}

void Machine::with(const std::function<void(Daemon&)>& work) {
    if (!daemon_) return;
    try {
        work(*daemon_);
    } catch (const Killed&) {
        stage_.tell(name, "its daemon dies in the middle of a write");
        account.saveWasLost = true;
        return crash();
    } catch (const std::exception& fault) {
        return stage_.fail(name + ": the daemon threw: " + fault.what());
    }
    witness_.observed(*this);
}

void Machine::restart() {
    stop();
    start();
}

void Machine::crash() {
    stop();
    const std::string boot = bootId_;
    stage_.after(Seconds{stage_.chance.between(1, 100)}, [this, boot] {
        if (power_ == Power::on && !daemon_ && bootId_ == boot) start();
        if (power_ == Power::asleep && !daemon_ && bootId_ == boot) crash();
    });
}

void Machine::arm(std::optional<Instant> moment) {
    const auto mine = ++arming_;
    armed_ = moment;
    if (!moment) return;
    stage_.at(std::clamp(*moment - offset_, stage_.now(), stage_.now() + 400 * 24h), [this, mine] {
        if (mine == arming_ && runs()) ring();
    });
}

void Machine::ring() {
    ringsInASecond_ = lastRing_ == stage_.now() ? ringsInASecond_ + 1 : 0;
    lastRing_ = stage_.now();
    if (ringsInASecond_ > mostRings) return stage_.fail(name + ": the daemon is busy without end");
    with([](Daemon& daemon) { daemon.wake(); });
}

// --- programs --------------------------------------------------------------------------------------------------------

void Machine::acquire(std::uint32_t bots) {
    with([&](Daemon& daemon) {
        auto held = daemon.acquire("bots", bots, "bot", {1000, 7});
        stage_.tell(name, std::to_string(bots) + " bots: " + (held ? "held" : held.error().message));
        if (held) held_.push_back(*held);
    });
}

void Machine::releaseOne() {
    if (held_.empty()) return;
    const auto at = static_cast<std::size_t>(stage_.chance.between(0, static_cast<std::int64_t>(held_.size()) - 1));
    const Held held = held_[at];
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(at));
    with([&](Daemon& daemon) { daemon.release(held.id, held.generation); });
}

// --- images ----------------------------------------------------------------------------------------------------------

void Machine::takeOver(const Image& image) {
    store.bytes = image.record;
    account = image.account;
    account.copied = true;
    account.saveWasLost = true;     // what it had is not what it will find
    account.clockIsHonest = false;  // until the next contact nobody can tell
    account.uptimeCounts = false;
    account.believed.reset();
    account.lower.reset();
}

void Machine::putBack(const Image& image, bool clockToo) {
    const bool sameBoot = power_ == Power::on && image.bootId == bootId_;
    const Seconds since = stage_.now() - image.takenAt;
    stop();
    takeOver(image);
    store.holdsAll = true;
    if (!sameBoot) return boot();
    rewound_ += since;
    if (clockToo) offset_ -= since;
    held_.clear();
    start();
}

}  // namespace entitle::simulation
