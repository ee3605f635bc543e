// What an older release wrote is still there after the newer one opened it.
#include "server/database.h"
#include "server/migrations.h"
#include "server/store.h"
#include "tests/server/store_fixture.h"

namespace entitle {
namespace {

using testing::activate;
using testing::deviceNumber;
using testing::noon;

class MigrationTest : public testing::StoreContract {
  protected:
    // A database as the release with this schema would have left it.
    DatabaseAddress withSchema(int schema) {
        if (!onPostgresql()) testing::writeFile(scratch("old.db"), "");
        const auto where = onPostgresql() ? cluster().newDatabase() : DatabaseAddress(scratch("old.db"));
        Database database(where, std::chrono::seconds(5));
        database.write([&](Sql& sql) {
            sql.session() << "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, "
                             "applied_at BIGINT NOT NULL)";
            for (int i = 0; i < schema; ++i) {
                const auto& migration = migrations()[static_cast<std::size_t>(i)];
                for (const auto statement : splitStatements(migration.sql)) sql.session() << std::string(statement);
                sql.run("INSERT INTO schema_migrations (number, name, applied_at) VALUES (:number, :name, 0)",
                        migration.number, std::string(migration.name));
            }
            return true;
        });
        return where;
    }
    static void execute(const DatabaseAddress& where, const std::vector<std::string>& statements) {
        Database(where, std::chrono::seconds(5)).write([&](Sql& sql) {
            for (const auto& statement : statements) sql.run(statement);
            return true;
        });
    }
};
ENTITLE_ON_BOTH_DATABASES(MigrationTest);

TEST_P(MigrationTest, SeatsOfTheFirstSchemaBecomeDevicesAndKeepTheirHold) {
    const auto where = withSchema(1);
    const std::string license = "INSERT INTO licenses VALUES ";
    const std::string zeros(62, '0');
    execute(where, {"INSERT INTO authority VALUES (1, 'desk', 1, 2)", "INSERT INTO key_sets VALUES (1, 'set', 1)",
                    license + "('lic_held', '" + zeros +
                        "01', 3, 1, 1, 0, 700, 12345, 'pro', 'pro', 'live_trading', 100, "
                        "NULL, 1900000000, 'a note', 1, 1)",
                    license + "('lic_free', '" + zeros +
                        "02', 3, 2, 1, 0, 700, 12345, 'trial', 'free', '', 3, 1209600, "
                        "NULL, '', 1, 0)",
                    "INSERT INTO seats VALUES ('lic_held', 1, 'first', 'k4.public.a', 'laptop', 5, 6)",
                    "INSERT INTO seats VALUES ('lic_held', 2, 'second', 'k4.public.b', 'desktop', 7, NULL)",
                    "INSERT INTO documents VALUES ('lic_held', 1, 2, '" + zeros +
                        "09', 'k4.pid.x', 1, 7, 8, 9, 'desktop', "
                        "'v4.public.x')",
                    "INSERT INTO attempts VALUES ('lic_held', 1, 7, 'second', 'granted')"});
    auto opened = Store::open(where, noon);
    ASSERT_TRUE(opened) << opened.error().message;
    auto& store = *opened;
    EXPECT_EQ(store.schema(), migrations().back().number);
    EXPECT_EQ(store.authority(), "desk");

    const auto held = store.license(LicenseId{"lic_held"});
    ASSERT_TRUE(held);
    EXPECT_EQ(held->devicesHeld, 1);
    EXPECT_EQ(held->deviceLimit, 1);
    EXPECT_EQ(held->status, LicenseStatus::active);
    EXPECT_EQ(held->note, "a note");
    EXPECT_EQ(held->endsAt, Instant(Seconds(1900000000)));
    EXPECT_EQ(store.license(LicenseId{"lic_free"})->devicesHeld, 0);
    const auto devices = store.devices(held->id);
    ASSERT_EQ(devices.size(), 2u);
    EXPECT_EQ(devices[0].releasedAt, Instant(Seconds(6)));
    EXPECT_EQ(devices[1].device, DeviceId{"second"});
    EXPECT_EQ(devices[1].hostLabel, "desktop");
    EXPECT_FALSE(devices[1].releasedAt);
    EXPECT_EQ(devices[1].rolling, RollingState{});
    EXPECT_EQ(store.documents(held->id)[0].seat, 2);
    EXPECT_EQ(store.attempts(held->id, 5).size(), 1u);

    EXPECT_EQ(activate(store, held->id, deviceNumber(1)).error().reason, DenialReason::deviceLimit);
    EXPECT_TRUE(activate(store, held->id, DeviceId{"second"})) << "the holder goes on";
    EXPECT_TRUE(store.release(held->id, DeviceId{"second"}, noon));
    EXPECT_TRUE(activate(store, held->id, deviceNumber(1)));
}

TEST_P(MigrationTest, FailingMigrationLeavesTheOldSchemaWhole) {
    const auto where = withSchema(1);
    execute(where, {"CREATE TABLE accounts (in_the_way INTEGER)"});
    EXPECT_THROW((void)Store::open(where, noon), DatabaseFault);
    EXPECT_EQ(Store::bare(where).schema(), 1);
    execute(where, {"INSERT INTO authority VALUES (1, 'desk', 1, 2)", "DELETE FROM seats", "DROP TABLE accounts"});
    auto opened = Store::open(where, noon);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->authority(), "desk");
}

TEST_P(MigrationTest, NewerSchemaIsRefusedWithWords) {
    execute(address(), {"INSERT INTO schema_migrations (number, name, applied_at) VALUES (99, '0099_future', 0)"});
    const auto opened = Store::open(address(), noon);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().reason, DenialReason::newerSchema);
}

}  // namespace
}  // namespace entitle
