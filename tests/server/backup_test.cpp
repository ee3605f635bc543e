// Put away and taken out again: whole, of this authority, and over nothing that exists.
#include "server/backup.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "server/founding.h"
#include "server/mint.h"
#include "server/signing.h"
#include "tests/server/desk.h"
#include "tests/server/postgres_cluster.h"

namespace entitle {
namespace {

namespace fs = std::filesystem;
using testing::Desk;
using testing::Machine;
using testing::noon;
using testing::readFile;
using testing::writeFile;

class Backup : public ::testing::Test {
  protected:
    fs::path database() const { return desk_.directory() / "authority.db"; }
    void loseTheDatabase() {
        desk_.close();
        for (const auto* suffix : {"", "-wal", "-shm"}) fs::remove(database().string() + suffix);
    }
    void expectRefused(const fs::path& file, DenialReason reason) {
        const auto restored = restore(desk_.directory(), file, noon);
        ASSERT_FALSE(restored);
        EXPECT_EQ(toString(restored.error().reason), toString(reason)) << restored.error().message;
        EXPECT_FALSE(fs::exists(desk_.directory() / ".authority.db.unfinished"));
    }

    Desk desk_;
    fs::path file_ = desk_.scratch("backup.db");
};

TEST_F(Backup, TakenWhileTheDatabaseIsInUseHoldsEverythingThatWasCommitted) {
    const auto first = desk_.mint("pro").row;
    ASSERT_TRUE(desk_.answer(first.id, Machine().file("desk")));
    ASSERT_TRUE(backUp(desk_.authority(), file_)) << "the authority is open, and its log not folded in";
    const auto later = desk_.mint("basic").row;
    struct stat facts {};
    ASSERT_EQ(::stat(file_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);

    loseTheDatabase();
    const auto restored = restore(desk_.directory(), file_, noon);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->licenses, 1u);
    desk_.reopen();
    EXPECT_EQ(desk_.store().license(first.id)->lastSequence, 1u);
    EXPECT_EQ(desk_.store().devices(first.id).size(), 1u);
    EXPECT_EQ(desk_.store().license(later.id), std::nullopt);
    EXPECT_TRUE(desk_.answer(first.id, Machine().file("another")).has_error());
}

TEST_F(Backup, NothingIsOverwritten) {
    writeFile(file_, "precious");
    const auto over = backUp(desk_.authority(), file_);
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().reason, DenialReason::databaseExists);
    EXPECT_EQ(readFile(file_), "precious");

    const auto good = desk_.scratch("good.db");
    ASSERT_TRUE(backUp(desk_.authority(), good));
    desk_.close();
    const auto before = readFile(database());
    expectRefused(good, DenialReason::databaseExists);
    EXPECT_EQ(readFile(database()), before);
    fs::remove(database());
    writeFile(database().string() + "-wal", "left by a crash");
    expectRefused(good, DenialReason::databaseExists);
}

TEST_F(Backup, WhatAKilledBackupLeftIsClearedByTheNext) {
    writeFile(desk_.scratch(".backup.db.unfinished"), "half");
    ASSERT_TRUE(backUp(desk_.authority(), file_));
    EXPECT_FALSE(fs::exists(desk_.scratch(".backup.db.unfinished")));
}

TEST_F(Backup, OfAnotherAuthorityOrDamagedIsRefusedAndNothingIsLeft) {
    Desk other;
    desk_.mint("pro");
    ASSERT_TRUE(backUp(desk_.authority(), file_));
    auto bytes = readFile(file_);
    loseTheDatabase();

    testing::TemporaryDirectory scratch;
    const auto founded =
        foundAuthority({scratch.path() / "a", scratch.path() / "r", "stranger", std::nullopt, std::nullopt}, noon);
    ASSERT_TRUE(founded);
    expectRefused(scratch.path() / "a" / "authority.db", DenialReason::badBackup);
    expectRefused(desk_.scratch("nowhere.db"), DenialReason::unreadable);
    const auto damaged = desk_.scratch("damaged.db");
    writeFile(damaged, "this is no database at all, but it is long enough to look like one" + std::string(500, 'x'));
    expectRefused(damaged, DenialReason::badBackup);
    writeFile(damaged, bytes.substr(0, bytes.size() / 2));
    expectRefused(damaged, DenialReason::badBackup);
    writeFile(damaged, "");
    expectRefused(damaged, DenialReason::badBackup);
    std::fill(bytes.begin() + 5 * 4096, bytes.begin() + 9 * 4096, '\x5a');
    writeFile(damaged, bytes);
    expectRefused(damaged, DenialReason::badBackup);
    EXPECT_FALSE(fs::exists(database()));
    EXPECT_TRUE(restore(desk_.directory(), file_, noon));
}

TEST(PostgresqlBackup, FoundedBackedUpLostAndRestored) {
    std::string whyNot;
    auto* cluster = testing::PostgresCluster::shared(whyNot);
    if (cluster == nullptr) GTEST_SKIP() << whyNot;
    testing::TemporaryDirectory temporary;
    const auto directory = temporary.path() / "authority", roots = temporary.path() / "roots";
    const auto database = cluster->newDatabase();
    ASSERT_TRUE(foundAuthority({directory, roots, "desk", std::nullopt, database}, noon));
    EXPECT_FALSE(fs::exists(directory / "authority.db"));
    const auto twice = foundAuthority(
        {temporary.path() / "second", temporary.path() / "roots2", "desk2", std::nullopt, database}, noon);
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().reason, DenialReason::alreadyFounded);

    const auto file = temporary.path() / "backup.dump";
    LicenseRow sold;
    {
        auto authority = Authority::open(directory, noon, std::chrono::seconds(5));
        ASSERT_TRUE(authority) << authority.error().message;
        const auto secrets = LicenseSecrets::read(authority->files(), std::nullopt);
        NewLicense wish;
        wish.type = "pro";
        const auto minted = mintLicense(authority->store(), *secrets, wish, noon);
        ASSERT_TRUE(minted);
        sold = minted->row;
        ASSERT_TRUE(answerRequest(*authority, sold.id, Machine().file("desk"), IssueTerms{}, IssueRights{}, noon));
        const auto made = backUp(*authority, file);
        ASSERT_TRUE(made) << made.error().message;
    }
    const auto full = restore(directory, file, noon);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().reason, DenialReason::databaseExists);

    fs::remove(directory / "database-url");
    writeFile(directory / "database-url", cluster->newDatabase().url() + "\n");
    fs::permissions(directory / "database-url", fs::perms::owner_read | fs::perms::owner_write);
    const auto restored = restore(directory, file, noon);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->licenses, 1u);
    auto authority = Authority::open(directory, noon, std::chrono::seconds(5));
    ASSERT_TRUE(authority);
    EXPECT_EQ(authority->store().devices(sold.id).size(), 1u);
    EXPECT_EQ(authority->store().license(sold.id)->devicesHeld, 1);
}

}  // namespace
}  // namespace entitle
