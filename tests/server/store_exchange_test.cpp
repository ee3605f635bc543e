// One online request as one transaction: what is read, what is written, and who wins when many ask at once.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "server/database.h"
#include "server/store.h"
#include "tests/server/store_fixture.h"

namespace entitle {
namespace {

using testing::activate;
using testing::day;
using testing::deviceNumber;
using testing::inProcesses;
using testing::noon;
using testing::takeOrKeepSeat;

class ExchangeTest : public testing::StoreContract {
  protected:
    ExchangeQuery query(const LicenseId& id, int device, Instant now = noon) const {
        return {id, deviceNumber(device), now, now - 90 * day, {}, false};
    }
    std::vector<DeviceRow> held(const LicenseId& id) {
        auto all = store().devices(id);
        all.erase(std::remove_if(all.begin(), all.end(), [](const auto& row) { return row.releasedAt.has_value(); }),
                  all.end());
        return all;
    }
    // Raw SQL beside the store, for what the store never does.
    void execute(const std::string& text) {
        Database database(address(), std::chrono::seconds(5));
        database.write([&](Sql& sql) { return sql.run(text); });
    }
};
ENTITLE_ON_BOTH_DATABASES(ExchangeTest);

TEST_P(ExchangeTest, ActivationTakesASeatARenewalKeepsItAndOnlyTheFirstIsLogged) {
    const auto id = sell();
    ASSERT_TRUE(activate(store(), id, deviceNumber(1), noon));
    ASSERT_TRUE(activate(store(), id, deviceNumber(1), noon + day));
    const auto rows = store().devices(id);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].takenAt, noon);
    EXPECT_EQ(rows[0].lastSeenAt, noon + day);
    EXPECT_EQ(rows[0].document, (DeviceDocument{2, noon + day, noon + 15 * day, 7 * day}));
    EXPECT_EQ(store().license(id)->lastSequence, 2u);
    EXPECT_EQ(store().license(id)->devicesHeld, 1);
    EXPECT_EQ(store().attempts(id, 10).size(), 1u);
}

TEST_P(ExchangeTest, EveryFieldOfADeviceComesBack) {
    const auto id = sell();
    const auto made = store().exchange(query(id, 1), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        EXPECT_FALSE(facts.device);
        EXPECT_EQ(facts.keySet, (KeySetRow{1, "first set", noon}));
        auto out = takeOrKeepSeat(facts, deviceNumber(1), noon);
        DeviceRow& row = *out->device;
        row.hostLabel = "host";
        row.name = "name";
        row.fingerprint = R"({"v":1,"vm":false,"c":{}})";
        row.keyLevel = "tpm2";
        row.version = "0.3.0";
        row.rolling = {std::uint64_t{1} << 62, "cur", 6, "prev", "rid"};
        row.enrolledBy = "first rid";
        row.conflictAt = noon + day;
        row.botsInUse = 3;
        row.botsLeased = 5;
        row.leasedUntil = noon + 21 * day;
        return out;
    });
    ASSERT_TRUE(made);
    store()
        .exchange(query(id, 1),
                  [&](const ExchangeFacts& facts) -> Granted<Exchange> {
                      EXPECT_EQ(facts.device, made->device);
                      EXPECT_EQ(facts.license.lastSequence, 1u);
                      return Exchange{};
                  })
        .value();
    EXPECT_EQ(store().license(id)->lastSequence, 1u) << "nothing went out, no number was spent";
    EXPECT_EQ(store().devices(id), std::vector{*made->device});
}

TEST_P(ExchangeTest, RequestThatEnrolledADeviceIsKnownAlsoWhenItsSeatWasReleased) {
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 2; });
    const auto known = [&](int device, const std::string& rid) {
        bool found = false;
        auto asked = query(id, device);
        asked.enrols = rid;
        store()
            .exchange(asked,
                      [&](const ExchangeFacts& facts) -> Granted<Exchange> {
                          found = facts.enrolledBefore;
                          return Exchange{};
                      })
            .value();
        return found;
    };
    const auto enrol = [&](int device, const std::string& rid) {
        store()
            .exchange(query(id, device),
                      [&](const ExchangeFacts& facts) -> Granted<Exchange> {
                          auto out = takeOrKeepSeat(facts, deviceNumber(device), noon);
                          out->device->enrolledBy = rid;
                          return out;
                      })
            .value();
    };
    EXPECT_FALSE(known(1, "a"));
    enrol(1, "a");
    EXPECT_TRUE(known(1, "a"));
    EXPECT_FALSE(known(1, "b"));
    EXPECT_FALSE(known(2, "a")) << "another device's request";
    ASSERT_TRUE(store().release(id, deviceNumber(1), noon));
    enrol(1, "b");
    EXPECT_TRUE(known(1, "a"));
    EXPECT_TRUE(known(1, "b"));
    EXPECT_FALSE(known(1, ""));
}

TEST_P(ExchangeTest, DenialWritesItsAttemptAndNothingElse) {
    const auto id = sell();
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    const auto license = store().license(id);
    const auto devices = store().devices(id);
    const auto denied = activate(store(), id, deviceNumber(2));
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().reason, DenialReason::deviceLimit);
    EXPECT_EQ(store().license(id), license);
    EXPECT_EQ(store().devices(id), devices);
    EXPECT_EQ(store().attempts(id, 10).back(), (AttemptRow{noon, id, deviceNumber(2), "device-limit"}));
    EXPECT_EQ(activate(store(), LicenseId{"lic_none"}, deviceNumber(2)).error().reason, DenialReason::unknownLicense);
}

TEST_P(ExchangeTest, DecisionThatThrowsWritesNothingAndTheStoreGoesOn) {
    const auto id = sell();
    EXPECT_THROW(store().exchange(query(id, 1),
                                  [](const ExchangeFacts&) -> Granted<Exchange> {
                                      throw std::runtime_error("a signing key is gone");
                                  }),
                 std::runtime_error);
    EXPECT_TRUE(store().attempts(id, 10).empty());
    EXPECT_TRUE(activate(store(), id, deviceNumber(1)));
}

TEST_P(ExchangeTest, SequenceGoesOnAboveTheHighestTheDeviceHasSeen) {
    const auto id = sell();
    const auto restored = store().exchange(query(id, 1), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        auto out = takeOrKeepSeat(facts, deviceNumber(1), noon);
        out->sequence = 41;
        return out;
    });
    ASSERT_TRUE(restored);
    EXPECT_EQ(restored->license.lastSequence, 41u);
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    EXPECT_EQ(store().license(id)->lastSequence, 42u);
    EXPECT_THROW(store().exchange(query(id, 1),
                                  [&](const ExchangeFacts& facts) -> Granted<Exchange> {
                                      auto out = takeOrKeepSeat(facts, deviceNumber(1), noon);
                                      out->sequence = 42;
                                      return out;
                                  }),
                 std::logic_error);
    EXPECT_EQ(store().license(id)->lastSequence, 42u);
}

TEST_P(ExchangeTest, ReleaseFreesTheSeatCountsAsATransferAndTakesTheTokensWithIt) {
    const auto id = sell();
    const auto declared = store().exchange(query(id, 1), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        auto out = takeOrKeepSeat(facts, deviceNumber(1), noon);
        out->device->deviceKey.clear();
        out->sequence = 0;
        out->device->document.reset();
        TokenRow token;
        token.hash = std::string(64, 'a');
        token.createdAt = noon;
        out->token = token;
        return out;
    });
    ASSERT_TRUE(declared);
    const auto bearer = store().bearer(std::string(64, 'a'), noon);
    ASSERT_TRUE(bearer);
    EXPECT_EQ(bearer->device, declared->device);
    EXPECT_EQ(bearer->license, store().license(id));
    EXPECT_FALSE(bearer->account);

    const ReleaseTerms owner{TransferKind::owner, 1, noon - 90 * day};
    EXPECT_EQ(store().release(id, deviceNumber(2), noon, owner).error().reason, DenialReason::unknownDevice);
    ASSERT_TRUE(store().release(id, deviceNumber(1), noon, owner));
    EXPECT_FALSE(store().bearer(std::string(64, 'a'), noon));
    EXPECT_EQ(store().license(id)->devicesHeld, 0);

    ASSERT_TRUE(activate(store(), id, deviceNumber(2), noon));
    EXPECT_EQ(store().release(id, deviceNumber(2), noon + day, owner).error().reason, DenialReason::transfersSpent);
    ASSERT_TRUE(store().release(id, deviceNumber(2), noon + 90 * day + day, {TransferKind::owner, 1, noon + day}))
        << "ninety days later";
    ASSERT_TRUE(activate(store(), id, deviceNumber(1), noon + day));
    ASSERT_TRUE(store().release(id, deviceNumber(1), noon + day)) << "an admin is not capped";
    const auto rows = store().devices(id);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[2].number, 3) << "one that comes back gets a row of its own";
}

TEST_P(ExchangeTest, OneDeviceIsFoundByItselfTheSeatItHoldsBeforeTheOnesItHeld) {
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 3; });
    EXPECT_FALSE(store().device(id, deviceNumber(1)));
    for (int device = 1; device <= 3; ++device) ASSERT_TRUE(activate(store(), id, deviceNumber(device)));
    EXPECT_EQ(store().device(id, deviceNumber(2))->number, 2);
    ASSERT_TRUE(store().release(id, deviceNumber(2), noon));
    EXPECT_EQ(store().device(id, deviceNumber(2))->releasedAt, noon);
    ASSERT_TRUE(activate(store(), id, deviceNumber(2)));
    EXPECT_EQ(store().device(id, deviceNumber(2))->number, 4);
    EXPECT_EQ(store().device(id, deviceNumber(2)), store().devices(id).back());
    EXPECT_FALSE(store().device(LicenseId{"lic_none"}, deviceNumber(1)));
}

TEST_P(ExchangeTest, WhoWaitsIsAnsweredFromOneLookThatMissesNothing) {
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 2; });
    const auto look = [&](const LicenseId& license) { return store().waitFacts(license, deviceNumber(1)); };
    EXPECT_FALSE(look(LicenseId{"lic_none"}).license);
    EXPECT_EQ(look(id).license, store().license(id));
    EXPECT_FALSE(look(id).device) << "the license is there, the device never was";
    EXPECT_EQ(look(id).keySet, store().keySet());
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    ASSERT_TRUE(activate(store(), id, deviceNumber(2)));
    EXPECT_EQ(look(id).device, store().device(id, deviceNumber(1)));
    ASSERT_TRUE(store().release(id, deviceNumber(1), noon));
    EXPECT_EQ(look(id).device->releasedAt, noon);
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    EXPECT_EQ(look(id).device->number, 3) << "the seat it holds, not the one it held";
    ASSERT_TRUE(store().changeLicense(id, noon, [](LicenseRow row) -> Granted<LicenseRow> {
        row.status = LicenseStatus::revoked;
        return row;
    }));
    EXPECT_EQ(look(id).license->status, LicenseStatus::revoked);
    EXPECT_EQ(look(id).revocationEpoch, 1u);
    EXPECT_EQ(look(id).keySet, store().keySet());
}

TEST_P(ExchangeTest, MachineWithANewKeyTakesItsOwnSeatOverInOneStep) {
    const auto id = sell();
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    const auto enrol = [&](int from, int to) {
        return store().exchange(query(id, to), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
            EXPECT_TRUE(facts.full());
            EXPECT_EQ(facts.others.size(), 1u);
            EXPECT_EQ(facts.others[0].device, deviceNumber(from));
            EXPECT_EQ(facts.enrolments, to - 2);
            ExchangeFacts after = facts;
            after.license.devicesHeld -= 1;
            auto out = takeOrKeepSeat(after, deviceNumber(to), noon);
            out->releases = {{facts.others[0].number, TransferKind::enrol, true}};
            return out;
        });
    };
    for (int to = 2; to <= 4; ++to) {
        const auto made = enrol(to - 1, to);
        ASSERT_TRUE(made);
        EXPECT_EQ(made->license.devicesHeld, 1);
    }
    ASSERT_EQ(held(id).size(), 1u);
    EXPECT_EQ(held(id)[0].device, deviceNumber(4));
    EXPECT_EQ(store().license(id)->devicesHeld, 1);
}

TEST_P(ExchangeTest, LeasesCountUntilTheirEndAlsoOfReleasedDevices) {
    const auto id = sell([](LicenseRow& row) {
        row.deviceLimit = 3;
        row.totalBots = 10;
    });
    const auto lease = [&](int device, std::int64_t bots, Instant now) {
        return store().exchange(query(id, device, now), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
            auto out = takeOrKeepSeat(facts, deviceNumber(device), now);
            if (!out) return out;
            const auto free = *facts.license.totalBots - facts.leasedToOthers;
            out->device->botsLeased = std::min(bots, free);
            out->device->leasedUntil = now + 21 * day;
            return out;
        });
    };
    EXPECT_EQ(lease(1, 7, noon)->device->botsLeased, 7);
    EXPECT_EQ(lease(2, 7, noon)->device->botsLeased, 3);
    ASSERT_TRUE(store().release(id, deviceNumber(1), noon)) << "by an admin: the machine was not asked";
    EXPECT_EQ(lease(2, 10, noon + day)->device->botsLeased, 3);
    EXPECT_EQ(lease(2, 10, noon + 21 * day)->device->botsLeased, 10) << "that lease has ended";
    ASSERT_TRUE(store().release(id, deviceNumber(2), noon + 21 * day, {TransferKind::device, {}, {}}));
    EXPECT_EQ(lease(3, 10, noon + 21 * day)->device->botsLeased, 10) << "given back by the machine itself";
    EXPECT_THROW(store().exchange(query(id, 3),
                                  [&](const ExchangeFacts& facts) -> Granted<Exchange> {
                                      auto out = takeOrKeepSeat(facts, deviceNumber(3), noon);
                                      out->device->botsLeased = 11;
                                      out->device->leasedUntil = noon + day;
                                      return out;
                                  }),
                 std::logic_error)
        << "whatever the code above decides";
}

// Else a machine that comes back from an old image would be told of a fault of ours, and not of its conflict.
TEST_P(ExchangeTest, ConflictIsWrittenAlsoWhereTheLicenseHasFewerBotsThanWereLeased) {
    const auto id = sell([](LicenseRow& row) {
        row.deviceLimit = 2;
        row.totalBots = 10;
    });
    const auto write = [&](int device, const std::function<void(DeviceRow&)>& change) {
        return store().exchange(query(id, device), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
            auto out = takeOrKeepSeat(facts, deviceNumber(device), noon);
            change(*out->device);
            return out;
        });
    };
    const auto leases = [](std::int64_t bots) {
        return [bots](DeviceRow& row) {
            row.botsLeased = bots;
            row.leasedUntil = noon + 21 * day;
        };
    };
    ASSERT_TRUE(write(1, leases(5)));
    ASSERT_TRUE(write(2, leases(5)));
    ASSERT_TRUE(store().changeLicense(id, noon, [](LicenseRow row) -> Granted<LicenseRow> {
        row.totalBots = 4;
        return row;
    }));
    ASSERT_TRUE(write(1, [](DeviceRow& row) { row.conflictAt = noon; }));
    EXPECT_EQ(store().device(id, deviceNumber(1))->conflictAt, noon);
    EXPECT_EQ(store().device(id, deviceNumber(1))->botsLeased, 5);
    EXPECT_THROW((void)write(1, leases(6)), std::logic_error) << "no more than it has";
}

TEST_P(ExchangeTest, TrialIsKnownByItsMachine) {
    const auto first = sell(), second = sell();
    auto ask = query(first, 1);
    ask.trialMarks = {"mark one", "mark two"};
    ASSERT_TRUE(store().exchange(ask, [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        EXPECT_TRUE(facts.otherTrials.empty());
        auto out = takeOrKeepSeat(facts, deviceNumber(1), noon);
        out->trialMarks = ask.trialMarks;
        return out;
    }));
    auto again = query(second, 2);
    again.trialMarks = {"mark two", "mark three"};
    store()
        .exchange(again,
                  [&](const ExchangeFacts& facts) -> Granted<Exchange> {
                      EXPECT_EQ(facts.otherTrials, std::vector{first});
                      return Exchange{};
                  })
        .value();
}

TEST_P(ExchangeTest, KeySetPublishedByAnotherProcessIsSeenByTheNextExchange) {
    const auto id = sell();
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    auto other = another();
    ASSERT_TRUE(other.publishKeySet([&](const KeySetRow& newest, const auto& inUse) -> Granted<KeySetRow> {
        EXPECT_EQ(newest.version, 1u);
        EXPECT_EQ(inUse.at("k4.pid.x"), Instant(std::chrono::ceil<std::chrono::days>(noon + 21 * day)));
        return KeySetRow{2, "second set", noon};
    }));
    EXPECT_EQ(activate(store(), id, deviceNumber(1))->keySet.token, "second set");
    EXPECT_EQ(store().keySet().version, 2u);
}

TEST_P(ExchangeTest, SeatAboveTheLimitIsImpossibleWhateverTheCodeAboveDecides) {
    const auto id = sell();
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    EXPECT_THROW(store().exchange(query(id, 2),
                                  [&](ExchangeFacts facts) -> Granted<Exchange> {
                                      facts.license.devicesHeld = 0;
                                      return takeOrKeepSeat(facts, deviceNumber(2), noon);
                                  }),
                 DatabaseFault);
    EXPECT_THROW(execute("UPDATE licenses SET devices_held = 2"), DatabaseFault);
    EXPECT_THROW(execute("INSERT INTO devices (license_id, number, device_id, device_key, host_label, taken_at) "
                         "SELECT license_id, 2, device_id, device_key, host_label, taken_at FROM devices"),
                 DatabaseFault);
    EXPECT_EQ(held(id).size(), 1u);
}

TEST_P(ExchangeTest, EightProcessesRaceForTheLastSeatsAndNoneIsSoldTwice) {
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 3; });
    const auto codes = inProcesses(8, [&](int i) {
        auto own = another();
        const auto made = activate(own, id, deviceNumber(i));
        if (made) return 0;
        return made.error().reason == DenialReason::deviceLimit ? 1 : 2;
    });
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 3);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 1), 5);
    EXPECT_EQ(held(id).size(), 3u);
    EXPECT_EQ(store().license(id)->devicesHeld, 3);
    EXPECT_EQ(store().attempts(id, 100).size(), 8u);
}

TEST_P(ExchangeTest, LeasesTakenByEightProcessesAtOnceNeverExceedTheTotal) {
    const auto id = sell([](LicenseRow& row) {
        row.deviceLimit = 8;
        row.totalBots = 20;
    });
    const auto codes = inProcesses(8, [&](int i) {
        auto own = another();
        const auto made = own.exchange(query(id, i), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
            auto out = takeOrKeepSeat(facts, deviceNumber(i), noon);
            out->device->botsLeased = std::min<std::int64_t>(6, *facts.license.totalBots - facts.leasedToOthers);
            out->device->leasedUntil = noon + 21 * day;
            return out;
        });
        return static_cast<int>(made->device->botsLeased);
    });
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 6), 3);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 2), 1);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 4);
}

TEST_P(ExchangeTest, EightThreadsRenewingOneLicenseGetNumbersOfTheirOwn) {
    constexpr int threads = 8, renewals = 25;
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = threads; });
    std::vector<std::vector<std::uint64_t>> given(threads);
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
            auto own = another();
            for (int n = 0; n < renewals; ++n)
                given[static_cast<std::size_t>(i)].push_back(
                    activate(own, id, deviceNumber(i), noon + n * day)->device->document->sequence);
        });
    for (auto& thread : running) thread.join();
    std::set<std::uint64_t> all;
    for (const auto& one : given) {
        EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
        all.insert(one.begin(), one.end());
    }
    EXPECT_EQ(all.size(), static_cast<std::size_t>(threads * renewals));
    EXPECT_EQ(*all.rbegin(), static_cast<std::uint64_t>(threads * renewals));
    EXPECT_EQ(held(id).size(), static_cast<std::size_t>(threads));
}

TEST_P(ExchangeTest, SameDeviceActivatingEightTimesAtOnceHoldsOneSeat) {
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 8; });
    const auto codes = inProcesses(8, [&](int) {
        auto own = another();
        return activate(own, id, deviceNumber(1)) ? 0 : 1;
    });
    EXPECT_EQ(codes, std::vector(8, 0));
    EXPECT_EQ(held(id).size(), 1u);
}

TEST_P(ExchangeTest, OneMachineTryingTwoTrialsAtOnceGetsOne) {
    std::vector<LicenseId> trials;
    for (int i = 0; i < 6; ++i) trials.push_back(sell());
    const auto codes = inProcesses(6, [&](int i) {
        auto own = another();
        auto ask = query(trials[static_cast<std::size_t>(i)], i);
        ask.trialMarks = {"this machine"};
        const auto made = own.exchange(ask, [&](const ExchangeFacts& facts) -> Granted<Exchange> {
            if (!facts.otherTrials.empty()) return Denial{DenialReason::trialUsed, "a trial is given once"};
            auto out = takeOrKeepSeat(facts, deviceNumber(i), noon);
            out->trialMarks = ask.trialMarks;
            return out;
        });
        return made ? 0 : 1;
    });
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 1);
}

TEST_P(ExchangeTest, LockedLicenseIsAFaultWithWordsAfterTheWaitAndReadingGoesOn) {
    const auto id = sell();
    auto waiting = another(std::chrono::milliseconds(50));
    ASSERT_TRUE(activate(store(), id, deviceNumber(1)));
    // In a process of its own: within one process SQLite's writers queue before they come to the database.
    const auto locked = store().exchange(query(id, 1), [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        const auto codes = inProcesses(1, [&](int) {
            auto own = another(std::chrono::milliseconds(50));
            try {
                (void)activate(own, id, deviceNumber(1));
            } catch (const DatabaseFault& fault) {
                return std::string(fault.what()).find("locked by another process") != std::string::npos ? 0 : 1;
            }
            return 2;
        });
        EXPECT_EQ(codes, std::vector{0});
        EXPECT_THROW((void)activate(waiting, id, deviceNumber(1)), DatabaseFault) << "and within this one";
        EXPECT_EQ(waiting.license(id), facts.license);
        return Exchange{};
    });
    EXPECT_TRUE(locked);
    EXPECT_TRUE(activate(waiting, id, deviceNumber(1)));
}

}  // namespace
}  // namespace entitle
