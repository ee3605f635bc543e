// A machine: hardware, clocks, a disk that can fail, somebody who switches it off, and the real daemon on it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/daemon.h"
#include "tests/daemon/temporary_directory.h"
#include "tests/simulation/account.h"
#include "tests/simulation/stage.h"

namespace entitle::simulation {

class Machine;

// What the machine's doings are watched by: the invariants.
class Witness {
  public:
    virtual void starting(Machine&) = 0;
    virtual void started(Machine&) = 0;   // its daemon was, from what the disk holds
    virtual void ended(Machine&) = 0;     // its daemon has, however
    virtual void observed(Machine&) = 0;  // after everything its daemon did
    virtual void stepped(Machine&, const State&, const Event&, const Now&) = 0;
    virtual void saved(Machine&, const Record&) = 0;

  protected:
    ~Witness() = default;
};

struct Killed {};  // the process ended in the middle of a write

// Holds the record's bytes as a file would, and fails as files do.
class FailingStore final : public Store {
  public:
    enum class Next { works, refuses, refusesButWrites, diesBefore, diesAfter };

    FileResult<LoadedRecord> load() override;
    FileResult<void> save(const Record&) override;
    // The `in`-th save from now on, counted from 1, goes so.
    void arrange(Next next, int in) { next_ = next, in_ = in; }

    std::string bytes;  // empty: nothing was ever stored
    bool full = false;
    bool holdsAll = true;        // what the daemon last wanted stored
    std::uint64_t refusals = 0;  // saves that failed
    std::function<void(const Record&)> onSave;

  private:
    Next next_ = Next::works;
    int in_ = 0;
};

class Machine final : private Clock {
  public:
    enum class Power { off, asleep, on };
    struct Making {
        std::string name;
        std::map<std::string, std::string> hardware;
        Roots roots;
        Instant builtAt;
    };
    Machine(Stage&, Witness&, Making, const std::string& directory, std::shared_ptr<const DeviceKey>);
    ~Machine();

    // --- the machine ------------------------------------------------------------------------------------------------
    void connect(Authority& authority) { authority_ = &authority; }
    void boot();
    void powerOff();
    void suspend() { power_ = Power::asleep; }
    void resume();
    Power power() const { return power_; }
    bool runs() const { return power_ == Power::on && daemon_; }
    void setClock(Seconds offset);
    Seconds offset() const { return offset_; }
    Now now() override;

    // --- the daemon -------------------------------------------------------------------------------------------------
    // Whatever the daemon is asked goes through here: a death in the middle of it ends the process, not the world.
    void with(const std::function<void(Daemon&)>&);
    void restart();  // kill -9, and at once another
    void crash();    // kill -9, and another in a few seconds
    const Daemon* daemon() const { return daemon_.get(); }
    DeviceId device() const { return deviceIdOf(key_->verifyKey()); }
    const std::shared_ptr<const DeviceKey>& key() const { return key_; }

    // --- its programs -----------------------------------------------------------------------------------------------
    void acquire(std::uint32_t bots);
    void releaseOne();

    // --- its disk as a whole ----------------------------------------------------------------------------------------
    struct Image {
        std::string record;
        Account account;
        Instant takenAt{};
        std::string bootId;
    };
    Image image() const { return {store.bytes, account, stage_.now(), bootId_}; }
    void putBack(const Image&, bool clockToo);  // a virtual machine's snapshot: within a boot, if it is still the same
    void takeOver(const Image&);                // before the first boot

    const std::string name;
    std::map<std::string, std::string> hardware;  // by component
    FailingStore store;
    Account account;

  private:
    void start();
    void stop();
    void arm(std::optional<Instant>);
    void ring();
    HardwareProbe probe() const;

    struct Nobody final : ContactWatcher {
        void contactNews(const ContactNews&) override {}
        void contactEnded(const ContactEnd&) override {}
    };

    Stage& stage_;
    Witness& witness_;
    const Making making_;
    const std::string directory_;
    const std::shared_ptr<const DeviceKey> key_;
    Authority* authority_ = nullptr;

    Power power_ = Power::off;
    std::string bootId_;
    Instant bootedAt_{};
    Seconds rewound_{};  // by which boottime was set back within this boot
    Seconds offset_{};
    std::optional<Instant> armed_;  // wall
    std::uint64_t arming_ = 0;
    Instant lastRing_{};
    int ringsInASecond_ = 0;

    std::unique_ptr<OwnedDirectory> state_, runtime_;
    std::unique_ptr<AuditLog> audit_;
    std::unique_ptr<Daemon> daemon_;
    std::vector<Held> held_;

  public:
    Nobody nobody;
};

}  // namespace entitle::simulation
