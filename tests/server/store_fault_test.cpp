// Faults below the store: processes killed in the middle, a server that goes away under load, locks taken crosswise.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "server/database.h"
#include "server/store.h"
#include "tests/server/store_fixture.h"

namespace entitle {
namespace {

using testing::activate;
using testing::day;
using testing::deviceNumber;
using testing::noon;
using testing::takeOrKeepSeat;

class FaultTest : public testing::StoreContract {
  protected:
    // What must hold whatever happened: the counter is the number of held seats, no device holds two, every document
    // has a number of its own.
    void expectSound(const LicenseId& id) {
        std::map<DeviceId, int> held;
        std::uint64_t highest = 0;
        for (const auto& row : store().devices(id)) {
            ASSERT_TRUE(row.document);
            highest = std::max(highest, row.document->sequence);
            if (!row.releasedAt) ++held[row.device];
        }
        const auto license = store().license(id);
        EXPECT_EQ(license->devicesHeld, static_cast<int>(held.size()));
        EXPECT_LE(license->devicesHeld, license->deviceLimit);
        EXPECT_EQ(license->lastSequence, highest);
        for (const auto& [device, seats] : held) EXPECT_EQ(seats, 1) << device.value;
    }
    bool holds(const LicenseId& id, const DeviceId& device) {
        for (const auto& row : store().devices(id))
            if (row.device == device && !row.releasedAt) return true;
        return false;
    }
};
ENTITLE_ON_BOTH_DATABASES(FaultTest);

TEST_P(FaultTest, KilledBetweenReadingAndWritingLeavesNothingAndNoLock) {
    const auto id = sell();
    const auto license = store().license(id);
    const auto codes = testing::inProcesses(1, [&](int) {
        auto own = another();
        const ExchangeQuery query{id, deviceNumber(1), noon, noon, {}, false};
        (void)own.exchange(query, [](const ExchangeFacts&) -> Granted<Exchange> {
            ::raise(SIGKILL);
            return Exchange{};
        });
        return 0;
    });
    EXPECT_EQ(codes, std::vector{-1});
    EXPECT_EQ(store().license(id), license);
    EXPECT_TRUE(store().attempts(id, 10).empty());
    EXPECT_TRUE(activate(store(), id, deviceNumber(2)));
}

TEST_P(FaultTest, KilledAtAnyMomentLosesNoAcceptedActivationAndLeavesNoHalfOne) {
    constexpr int rounds = 25;
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 100'000; });
    for (int round = 0; round < rounds; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            try {
                auto own = another();
                for (int n = 0; n < 1000; ++n) {
                    const int number = round * 1000 + n;
                    if (!activate(own, id, deviceNumber(number))) ::_exit(1);
                    if (::write(ends[1], &number, sizeof number) != sizeof number) ::_exit(2);
                }
            } catch (const std::exception&) {
                ::_exit(3);
            }
            ::_exit(0);
        }
        ::close(ends[1]);
        // After a different number of acceptances each time; the kill then falls wherever the next one has come to.
        std::vector<int> accepted;
        int number = 0;
        while (::read(ends[0], &number, sizeof number) == sizeof number) {
            accepted.push_back(number);
            if (accepted.size() == static_cast<std::size_t>(round) + 1) ::kill(child, SIGKILL);
        }
        ::close(ends[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
        for (const int one : accepted) ASSERT_TRUE(holds(id, deviceNumber(one))) << "round " << round;
        expectSound(id);
        const auto taken = store().license(id)->devicesHeld;
        ASSERT_TRUE(activate(store(), id, deviceNumber(round * 1000 + 999)));
        ASSERT_EQ(store().license(id)->devicesHeld, taken + 1);
    }
}

class PostgresqlTest : public FaultTest {};
INSTANTIATE_TEST_SUITE_P(Alone, PostgresqlTest, ::testing::Values(Dialect::postgresql), testing::dialectName);

TEST_P(PostgresqlTest, RestartedUnderLoadLosesNoAcceptedActivationAndDoublesNone) {
    constexpr int threads = 4;
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 100'000; });
    std::mutex mutex;
    std::condition_variable changed;
    bool away = false;  // the server is being restarted
    int accepted = 0, faults = 0;
    std::atomic<bool> enough = false;

    std::vector<std::vector<DeviceId>> mine(threads);
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
            auto own = another();
            for (int n = 0; !enough; ++n) {
                const auto device = deviceNumber(i * 100'000 + n);
                // As a daemon does: the same request again until there is an answer.
                for (bool answered = false; !answered;) {
                    try {
                        answered = activate(own, id, device).has_value();
                        std::lock_guard lock(mutex);
                        ++accepted;
                        changed.notify_all();
                    } catch (const DatabaseFault&) {
                        std::unique_lock lock(mutex);
                        ++faults;
                        changed.wait(lock, [&] { return !away; });
                    }
                }
                mine[static_cast<std::size_t>(i)].push_back(device);
            }
        });
    for (const auto how : {testing::PostgresCluster::Stop::fast, testing::PostgresCluster::Stop::immediate,
                           testing::PostgresCluster::Stop::immediate}) {
        {
            std::unique_lock lock(mutex);
            const int before = accepted;
            ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return accepted >= before + 40; }));
            away = true;
        }
        cluster().restart(how);
        {
            std::lock_guard lock(mutex);
            away = false;
        }
        changed.notify_all();
    }
    {
        std::unique_lock lock(mutex);
        const int before = accepted;
        changed.wait_for(lock, std::chrono::seconds(60), [&] { return accepted >= before + 40; });
    }
    enough = true;
    for (auto& thread : running) thread.join();

    EXPECT_GT(faults, 0) << "the restarts were noticed";
    std::map<DeviceId, int> rows;
    for (const auto& row : store().devices(id)) ++rows[row.device];
    std::size_t all = 0;
    for (const auto& devices : mine) {
        all += devices.size();
        for (const auto& device : devices) EXPECT_EQ(rows[device], 1) << device.value;
    }
    EXPECT_EQ(rows.size(), all);
    expectSound(id);
}

TEST_P(PostgresqlTest, IdleConnectionThatTheServerClosedIsReplacedWithoutAWord) {
    const auto id = sell();
    cluster().restart(testing::PostgresCluster::Stop::fast);
    EXPECT_EQ(store().authority(), "desk");
    cluster().restart(testing::PostgresCluster::Stop::immediate);
    EXPECT_TRUE(activate(store(), id, deviceNumber(1)));
}

TEST_P(PostgresqlTest, ConnectionLostDuringACommitSaysThatTheOutcomeIsUnknownAndTheSameRequestSettlesIt) {
    const auto id = sell();
    // The server ends this very connection before it is asked to commit: nothing is lost, and the work is done again.
    int calls = 0;
    const ExchangeQuery query{id, deviceNumber(1), noon, noon, {}, false};
    const auto made = store().exchange(query, [&](const ExchangeFacts& facts) {
        if (++calls == 1) {
            Database killer(address(), std::chrono::seconds(5));
            killer.read([](Sql& sql) {
                return sql.number(
                    "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                    "datname = current_database() AND pid <> pg_backend_pid()");
            });
        }
        return takeOrKeepSeat(facts, deviceNumber(1), noon);
    });
    EXPECT_TRUE(made);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(store().devices(id).size(), 1u);
    // At the commit itself: nobody can know.
    Database database(address(), std::chrono::seconds(5));
    int runs = 0;
    try {
        database.write([&](Sql& sql) {
            ++runs;
            sql.run("INSERT INTO settings (name, value) VALUES ('x', 'y')");
            // The deferred constraint makes the COMMIT itself do the ending.
            sql.session() << "CREATE FUNCTION end_me() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                             "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$";
            sql.session() << "CREATE CONSTRAINT TRIGGER end_me AFTER INSERT ON settings DEFERRABLE INITIALLY DEFERRED "
                             "FOR EACH ROW EXECUTE FUNCTION end_me()";
            sql.run("INSERT INTO settings (name, value) VALUES ('z', 'y')");
            return true;
        });
        FAIL() << "the connection should be gone";
    } catch (const DatabaseFault& fault) {
        EXPECT_NE(std::string(fault.what()).find("made or not"), std::string::npos) << fault.what();
    }
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(store().setting("x"), std::nullopt);
}

TEST_P(PostgresqlTest, LocksTakenCrosswiseAreTriedAgain) {
    const auto first = sell(), second = sell();
    std::mutex mutex;
    std::condition_variable changed;
    int atTheMiddle = 0;
    std::atomic<int> runs = 0;
    const auto cross = [&](const LicenseId& one, const LicenseId& two) {
        Database database(address(), std::chrono::seconds(20));
        bool met = false;
        const std::string text = "UPDATE licenses SET note = note || 'x' WHERE id = :id";
        database.write([&](Sql& sql) {
            ++runs;
            sql.run(text, one.value);
            if (!std::exchange(met, true)) {
                std::unique_lock lock(mutex);
                ++atTheMiddle;
                changed.notify_all();
                changed.wait_for(lock, std::chrono::seconds(20), [&] { return atTheMiddle == 2; });
            }
            return sql.run(text, two.value);
        });
    };
    std::thread other([&] { cross(second, first); });
    cross(first, second);
    other.join();
    EXPECT_GE(runs, 3) << "one of the two was chosen as the victim";
    EXPECT_EQ(store().license(first)->note, "xx");
    EXPECT_EQ(store().license(second)->note, "xx");
}

TEST_P(PostgresqlTest, ServerThatIsNotThereIsAFaultThatNamesItWithoutItsPassword) {
    const auto nowhere = DatabaseAddress::parse("postgresql://entitle:hush@%2Fnowhere/entitle?sslmode=disable").value();
    try {
        (void)Store::open(nowhere, noon, std::chrono::seconds(1));
        FAIL() << "nothing answers there";
    } catch (const DatabaseFault& fault) {
        EXPECT_NE(std::string(fault.what()).find("cannot be reached"), std::string::npos) << fault.what();
        EXPECT_NE(std::string(fault.what()).find("postgresql://entitle@%2Fnowhere/entitle"), std::string::npos);
        EXPECT_EQ(std::string(fault.what()).find("hush"), std::string::npos) << fault.what();
    }
}

TEST_P(PostgresqlTest, MigrationsOfEightProcessesAtOnceAreAppliedOnce) {
    const auto empty = cluster().newDatabase();
    const auto codes = testing::inProcesses(8, [&](int) { return Store::open(empty, noon) ? 0 : 1; });
    EXPECT_EQ(codes, std::vector(8, 0));
    EXPECT_EQ(Store::open(empty, noon)->authority(), "");
}

}  // namespace
}  // namespace entitle
