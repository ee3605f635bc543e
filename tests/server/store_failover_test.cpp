// A PostgreSQL primary that is lost under load, or is none any more, and the standby that takes its place.
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "server/database_fault.h"
#include "server/event_feed.h"
#include "tests/server/store_fixture.h"

namespace entitle {
namespace {

using testing::activate;
using testing::deviceNumber;
using testing::noon;
using testing::PostgresCluster;

class Failover : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string whyNot;
        primary = PostgresCluster::own(whyNot);
        if (!primary) GTEST_SKIP() << whyNot;
        const auto first = primary->newDatabase();
        auto made = Store::open(first, noon).value();
        ASSERT_TRUE(made.found("desk", {1, "first set", noon}, noon));
        id = LicenseId{"lic_0123456789abcdef"};
        ASSERT_TRUE(made.addLicense([&](std::uint64_t serial) -> Granted<LicenseRow> {
            LicenseRow row;
            row.id = id;
            row.keyIndex = std::string(64, '0');
            row.payload.serial = serial;
            row.type = row.plan = "pro";
            row.maxBots = 100;
            row.createdAt = noon;
            row.deviceLimit = 100'000;
            return row;
        }));
        standby = primary->standby(whyNot);
        if (!standby) GTEST_SKIP() << whyNot;
        name = first.url().substr(first.url().rfind('/') + 1);
        address = primary->database(name, standby.get());
    }
    Store open() { return Store::open(*address, noon, std::chrono::seconds(5)).value(); }

    std::unique_ptr<PostgresCluster> primary, standby;
    std::string name;
    std::optional<DatabaseAddress> address;
    LicenseId id;
};

TEST_F(Failover, PrimaryLostUnderLoadLosesNoAcceptedActivationAndDoublesNone) {
    constexpr int threads = 4;
    std::mutex mutex;
    std::condition_variable changed;
    bool away = false;
    int accepted = 0, faults = 0;
    std::atomic<bool> enough = false;
    std::vector<std::vector<DeviceId>> mine(threads);
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
            auto own = open();
            for (int n = 0; !enough; ++n) {
                const auto device = deviceNumber(i * 100'000 + n);
                for (bool answered = false; !answered && !enough;) {
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
                    if (answered) mine[static_cast<std::size_t>(i)].push_back(device);
                }
            }
        });
    const auto fortyMore = [&](std::unique_lock<std::mutex>& lock) {
        const int before = accepted;
        return changed.wait_for(lock, std::chrono::seconds(30), [&] { return accepted >= before + 40; });
    };
    bool went = false, goesOn = false;
    {
        std::unique_lock lock(mutex);
        went = fortyMore(lock);
        away = true;
    }
    primary->stop(PostgresCluster::Stop::kill);
    standby->promote();
    {
        std::unique_lock lock(mutex);
        away = false;
        changed.notify_all();
        goesOn = fortyMore(lock);
    }
    enough = true;
    for (auto& thread : running) thread.join();
    EXPECT_TRUE(went);
    EXPECT_TRUE(goesOn) << "nobody found the new primary";
    EXPECT_GT(faults, 0) << "the loss was not noticed";
    std::map<DeviceId, int> rows;
    auto store = open();
    for (const auto& row : store.devices(id)) ++rows[row.device];
    std::size_t all = 0;
    for (const auto& devices : mine) {
        all += devices.size();
        for (const auto& device : devices) EXPECT_EQ(rows[device], 1) << device.value;
    }
    EXPECT_GE(all, 80u);
    EXPECT_EQ(store.license(id)->devicesHeld, static_cast<int>(rows.size()));
}

// No connection is lost, and every write on it fails: it was kept for ever.
TEST_F(Failover, ConnectionToAServerThatTakesNoWritesAnyMoreIsNotKept) {
    auto store = open();
    EventFeed feed(*address);
    ASSERT_TRUE(activate(store, id, deviceNumber(1)));
    EXPECT_EQ(feed.next(std::chrono::milliseconds(0)).size(), 0u);
    standby->promote();
    primary->run("ALTER SYSTEM SET synchronous_standby_names = ''");
    primary->run("ALTER SYSTEM SET default_transaction_read_only = on");
    primary->run("SELECT pg_reload_conf()");
    const auto takesWrites = [&] {
        try {
            primary->run("CREATE TABLE witness (x INTEGER)");
            primary->run("DROP TABLE witness");
            return true;
        } catch (const std::exception&) {
            return false;
        }
    };
    for (int i = 0; takesWrites(); ++i) ASSERT_LT(i, 1000) << "it is no standby yet";
    ASSERT_TRUE(activate(store, id, deviceNumber(2))) << "once more, at the server that takes writes";
    EXPECT_EQ(store.devices(id).size(), 2u);
    store.changeLicense(id, noon, [](LicenseRow row) -> Granted<LicenseRow> {
        row.note = "told";
        return row;
    });
    bool heard = false;
    for (int i = 0; i < 20 && !heard; ++i) heard = !feed.next(std::chrono::milliseconds(200)).empty();
    EXPECT_TRUE(heard) << "its news come from there";
}

TEST_F(Failover, AStandbyAloneIsNotReady) {
    auto store = open();
    EXPECT_NO_THROW(store.ping());
    auto alone = Store::bare(standby->database(name), std::chrono::seconds(2));
    try {
        alone.ping();
        ADD_FAILURE() << "it takes no writes";
    } catch (const DatabaseFault& fault) {
        EXPECT_NE(std::string(fault.what()).find("read-only"), std::string::npos) << fault.what();
    }
    primary->stop(PostgresCluster::Stop::fast);
    EXPECT_THROW(store.ping(), DatabaseFault);
    standby->promote();
    EXPECT_NO_THROW(store.ping());
    EXPECT_NO_THROW(alone.ping());
}

TEST(DatabaseAddress, SeveralHostsAreSeenAndNoPasswordIsTakenForOne) {
    const auto several = [](const char* url) { return DatabaseAddress::parse(url).value().hasSeveralHosts(); };
    EXPECT_TRUE(several("postgresql://entitle@one,two/entitle"));
    EXPECT_TRUE(several("postgresql://one:5432,two:5433/entitle"));
    EXPECT_FALSE(several("postgresql://entitle:hush,hush@one/entitle"));
    EXPECT_FALSE(several("postgresql://entitle@one/entitle?options=a,b"));
    EXPECT_EQ(DatabaseAddress::parse("postgresql://entitle:hush@one,two/entitle?x=y").value().shown(),
              "postgresql://entitle@one,two/entitle");
}

}  // namespace
}  // namespace entitle
