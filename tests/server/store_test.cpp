#include "server/store.h"

#include <sys/stat.h>

#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "server/database.h"
#include "server/migrations.h"
#include "server/store_rows.h"
#include "tests/server/desk.h"

namespace entitle {
namespace {

using testing::Desk;
using testing::Machine;
using testing::noon;

constexpr auto sqlText = "'; DROP TABLE licenses; --";

std::filesystem::path databaseOf(const Desk& desk) {
    return desk.directory() / "authority.db";
}

soci::session besides(const Desk& desk) {
    return soci::session(*soci::factory_sqlite3(), "dbname=\"" + databaseOf(desk).string() + "\"");
}

TEST(Migrations, AreNumberedWithoutGapsAndSplitIntoStatements) {
    ASSERT_FALSE(migrations().empty());
    for (std::size_t i = 0; i < migrations().size(); ++i) {
        EXPECT_EQ(migrations()[i].number, static_cast<int>(i) + 1);
        EXPECT_FALSE(splitStatements(migrations()[i].sql).empty());
    }
    EXPECT_EQ(splitStatements("-- only words\n\n").size(), 0u);
    EXPECT_EQ(splitStatements("-- a; b\nCREATE x;\nCREATE y (\n  z;z\n);\n-- end\n").size(), 2u);
    EXPECT_EQ(splitStatements("CREATE x;\nCREATE y").size(), 2u);
}

TEST(Migrations, AppliedTwiceAreHarmless) {
    Desk desk;
    const auto minted = desk.mint("pro");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(Store::open(databaseOf(desk), noon));
    int applied = 0;
    besides(desk) << "SELECT COUNT(*) FROM schema_migrations", soci::into(applied);
    EXPECT_EQ(applied, static_cast<int>(migrations().size()));
    EXPECT_EQ(desk.store().license(minted.row.id), minted.row);
}

TEST(Migrations, NewerSchemaIsRefusedWithWordsAndLeftAlone) {
    Desk desk;
    desk.execute("INSERT INTO schema_migrations (number, name, applied_at) VALUES (99, '0099_future', 0)");
    const auto opened = Store::open(databaseOf(desk), noon);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().reason, DenialReason::newerSchema);
    EXPECT_NE(opened.error().message.find("99"), std::string::npos);
}

TEST(Store, KeepsAWriteAheadLogSyncsInFullAndEnforcesForeignKeys) {
    Desk desk;
    Database database(databaseOf(desk), std::chrono::milliseconds(100));
    database.read([](Sql& sql) {
        EXPECT_EQ(sql.fetch<TextColumn>("PRAGMA journal_mode"), std::vector<std::string>{"wal"});
        EXPECT_EQ(sql.number("PRAGMA synchronous"), 2);
        EXPECT_EQ(sql.number("PRAGMA foreign_keys"), 1);
        return true;
    });
}

TEST(Store, LogBesideTheDatabaseIsItsOwnersAloneToo) {
    Desk desk;
    desk.mint("pro");
    for (const auto* name : {"authority.db-wal", "authority.db-shm"}) {
        struct stat facts {};
        ASSERT_EQ(::stat((desk.directory() / name).c_str(), &facts), 0) << name;
        EXPECT_EQ(facts.st_mode & 0777, 0600u) << name;
    }
}

TEST(Store, SqlTextInEveryFieldIsStoredAsText) {
    Desk desk;
    NewLicense wish;
    wish.type = "pro";
    wish.note = sqlText;
    const auto minted = desk.mint(wish);
    const Machine machine(sqlText);
    const auto issued = desk.answer(minted.row.id, machine.file("desk"));
    ASSERT_TRUE(issued) << issued.error().message;
    desk.reopen();
    EXPECT_EQ(desk.store().license(minted.row.id)->note, sqlText);
    EXPECT_EQ(desk.store().devices(minted.row.id)[0].hostLabel, sqlText);
    EXPECT_EQ(desk.store().documents(minted.row.id)[0].hostLabel, sqlText);
    EXPECT_EQ(desk.store().license(LicenseId{sqlText}), std::nullopt);
    EXPECT_EQ(desk.store().licenseByKey("' OR '1'='1"), std::nullopt);
    EXPECT_EQ(desk.store().release(minted.row.id, DeviceId{"' OR '1'='1"}, noon).error().reason,
              DenialReason::unknownDevice);
    EXPECT_EQ(desk.store().licenses().size(), 1u);
}

TEST(Store, LockedDatabaseIsAFaultWithWordsAfterTheWaitAndChangesNothing) {
    Desk desk;
    const auto minted = desk.mint("pro");
    auto waiting = Store::open(databaseOf(desk), noon, std::chrono::milliseconds(30));
    ASSERT_TRUE(waiting);
    auto other = besides(desk);
    other << "BEGIN IMMEDIATE";
    try {
        waiting->release(minted.row.id, Machine().device(), noon);
        FAIL() << "the lock was not respected";
    } catch (const DatabaseFault& fault) {
        EXPECT_NE(std::string(fault.what()).find("locked by another process"), std::string::npos);
    }
    EXPECT_EQ(waiting->license(minted.row.id), minted.row) << "reading goes on meanwhile";
    other << "ROLLBACK";
    EXPECT_EQ(waiting->release(minted.row.id, Machine().device(), noon).error().reason, DenialReason::unknownDevice);
}

TEST(Store, SecondSeatIsImpossibleWhateverTheCodeAboveDecides) {
    Desk desk;
    const auto id = desk.mint("pro").row.id;
    const Machine first, second;
    const auto decideAlways = [&](const Machine& machine) {
        return [&](const IssueFacts& facts) -> Granted<Issue> {
            Issue made;
            made.write.device.emplace();
            made.write.device->device = machine.device();
            made.write.device->deviceKey = "k4.public.x";
            made.write.sequence = facts.license.lastSequence + 1;
            made.document.emplace();
            made.document->sequence = made.write.sequence;
            made.document->requestHash = std::string(63, '0') + std::to_string(made.document->sequence);
            made.document->keySetVersion = facts.keySet.version;
            return made;
        };
    };
    const auto query = [&](const Machine& machine) {
        return ExchangeQuery{id, machine.device(), noon, noon - 90 * testing::day, {}, false};
    };
    ASSERT_TRUE(desk.store().issue(query(first), "hash one", decideAlways(first)));
    EXPECT_ANY_THROW((void)desk.store().issue(query(second), "hash two", decideAlways(second)));
    EXPECT_THROW(desk.execute("INSERT INTO devices SELECT license_id, 2, device_id, device_key, host_label, taken_at, "
                              "released_at FROM devices"),
                 soci::soci_error);
    ASSERT_EQ(desk.store().devices(id).size(), 1u);
}

TEST(Store, DamagedDatabaseIsAFaultWithWordsNotACrash) {
    Desk desk;
    desk.close();
    auto bytes = testing::readFile(databaseOf(desk));
    std::fill(bytes.begin(), bytes.begin() + 100, 'x');
    testing::writeFile(databaseOf(desk), bytes);
    try {
        (void)Store::open(databaseOf(desk), noon);
        FAIL() << "garbage was opened";
    } catch (const DatabaseFault& fault) {
        EXPECT_NE(std::string(fault.what()).find("backup"), std::string::npos) << fault.what();
    }
}

TEST(Store, DamagedKeySetInTheDatabaseIsAFaultAndSignsNothing) {
    Desk desk;
    const auto id = desk.mint("pro").row.id;
    desk.execute("UPDATE key_sets SET token = replace(token, 'v4.public.', 'v4.public.A')");
    EXPECT_THROW((void)desk.answer(id, Machine().file("desk")), std::runtime_error);
    EXPECT_TRUE(desk.store().devices(id).empty());
}

TEST(Store, DatabaseOpenToOthersIsRefused) {
    Desk desk;
    desk.close();
    ASSERT_EQ(::chmod(databaseOf(desk).c_str(), 0644), 0);
    const auto opened = Authority::open(desk.directory(), noon, std::chrono::seconds(1));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().reason, DenialReason::unsafeFile);
    ASSERT_EQ(::chmod(databaseOf(desk).c_str(), 0600), 0);
    ASSERT_EQ(::chmod(desk.directory().c_str(), 0750), 0);
    EXPECT_EQ(Authority::open(desk.directory(), noon, std::chrono::seconds(1)).error().reason,
              DenialReason::unsafeFile);
}

TEST(Store, RootsFileOfAnotherAuthorityIsAFault) {
    Desk desk, other;
    desk.close();
    const auto foreign = Roots{"another", other.authority().roots().keys};
    testing::writeFile(desk.directory() / "roots.pub", printRoots(foreign) + "\n");
    EXPECT_THROW((void)Authority::open(desk.directory(), noon, std::chrono::seconds(1)), std::runtime_error);
}

}  // namespace
}  // namespace entitle
