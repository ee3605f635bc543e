// The daemon in process: its real audit log and slot file in a fresh directory, everything else a fake.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/daemon.h"
#include "tests/daemon/issuer.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {

inline const Instant today = *fromRfc3339("2026-11-22T12:00:00Z");

class FakeClock final : public Clock {
  public:
    Now now() override { return now_; }
    void pass(Seconds span) {
        now_.wall += span;
        now_.boottime += span;
    }
    Now now_{today, std::chrono::hours{1}, "6d1bd1a0-3c5d-4e0e-9f5b-0b6f6c0c2b11", true};
};

class MemoryStore final : public Store {
  public:
    FileResult<LoadedRecord> load() override {
        const auto usual = saved ? LoadedRecord::Origin::current : LoadedRecord::Origin::fresh;
        return LoadedRecord{origin.value_or(usual), saved.value_or(Record{}), origin ? "The disk is worn." : ""};
    }
    FileResult<void> save(const Record& record) override {
        if (saving) saving();
        if (full) return FileProblem{FileFault::full, "no space left in /state"};
        saved = record;
        saved->state.current.reset();  // as on disk: only the token counts
        ++saves;
        return boost::system::in_place_value;
    }
    std::optional<Record> saved;
    std::optional<LoadedRecord::Origin> origin;  // of what is loaded, where it is not the usual one
    bool full = false;
    unsigned saves = 0;
    std::function<void()> saving;  // called first
};

// Three components of bare metal; `seed` tells machines apart.
inline HardwareProbe hardwareOf(const std::string& seed) {
    HardwareProbe probe;
    probe.facts.facts = {{"product_uuid", {"1b4e28ba-2fa1-41d2-883f-0016e4d3" + seed}},
                         {"board_serial", {"BS-4071-" + seed}},
                         {"machine_id", {"0f3c5d7e9a1b2c4d6e8f0a1b2c3d" + seed}}};
    return probe;
}

// The value of an answer that must not be a refusal.
template <class T, class E>
T must(boost::system::result<T, E> answer) {
    if (!answer) throw std::runtime_error("refused");
    return *std::move(answer);
}

struct CountingWatcher final : ChangeWatcher {
    void answersChanged() override { ++calls; }
    unsigned calls = 0;
};

class DaemonTest : public ::testing::Test {
  protected:
    void SetUp() override {
        hardware = hardwareOf("abcd");
        start();
    }
    void TearDown() override { crash(); }

    // Whatever its predecessor left is what it finds.
    void start() {
        state = OwnedDirectory::open(files / "state", OwnedDirectory::Privacy::secret, *calls).value();
        runtime = OwnedDirectory::open(files / "run", OwnedDirectory::Privacy::shared).value();
        auto loaded = store.load().value();
        audit = AuditLog::open(*state, key, {}, loaded.record.lastAudit, clock.now()).value().log;
        Daemon::Settings settings;
        if (knowsRoots) settings.roots = issuer.roots();
        settings.rootsProblem = "No roots file is named.";
        settings.lower = lower;
        settings.slots.perUser = perUser;
        settings.keyLevel = "file";
        settings.startFindings = startFindings;
        settings.version = "0.1.0";
        daemon =
            std::make_unique<Daemon>(Daemon::Seams{clock, store, *audit, key, [this] { return hardware; },
                                                   [this](std::optional<Instant> moment) { armed = moment; }},
                                     settings, std::move(loaded), SlotFile::open(*runtime, clock.now().bootId).value());
    }
    void crash() {
        daemon.reset();
        audit.reset();
        state.reset();
        runtime.reset();
    }
    void restart() {
        crash();
        start();
        daemon->ready();
    }

    DeviceId device() const { return deviceIdOf(key.verifyKey()); }
    FingerprintTemplate fingerprint() const { return enroll(hardware.facts); }
    License pro(std::uint64_t sequence = 1) const { return issuer.pro(device(), fingerprint(), sequence); }
    void importPro(std::uint64_t sequence = 1) {
        auto imported = daemon->import(issuer.file(pro(sequence)), 0);
        ASSERT_TRUE(imported) << imported.error().message;
    }
    // What the refusal was; "" if it was none.
    std::string importing(const std::string& file) {
        auto imported = daemon->import(file, 0);
        return imported ? "" : imported.error().code;
    }
    std::string lastAudit() const { return audit->page(audit->lastIndex() - 1, 1).value().entries.at(0).kind; }

    TemporaryDirectory files;
    FileCalls* calls = &systemFileCalls();  // of the state directory, from the next start on
    FakeClock clock;
    MemoryStore store;
    Issuer issuer{today};
    DeviceKey key = SecretKey::generate();
    std::vector<Finding> startFindings;
    HardwareProbe hardware;
    bool knowsRoots = true;
    LocalLimits lower;
    std::optional<std::int64_t> perUser;
    std::optional<Instant> armed;
    std::unique_ptr<OwnedDirectory> state, runtime;
    std::unique_ptr<AuditLog> audit;
    std::unique_ptr<Daemon> daemon;
};

}  // namespace entitle::testing
