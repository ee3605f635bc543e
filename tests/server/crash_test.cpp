// Several processes at once, and SIGKILL before every system call that changes a file.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/server/program.h"

namespace entitle {
namespace {

namespace fs = std::filesystem;
using testing::Desk;
using testing::importFile;
using testing::Machine;
using testing::noon;
using testing::Program;
using testing::readFile;
using testing::writeFile;

std::string machineText(int number) {
    return "host " + std::to_string(number);
}

TEST(Together, EightDevicesAskingAtOnceGiveOneSeatAndOneWinner) {
    Desk desk;
    const Program program;
    const auto id = desk.mint("pro").row.id;
    std::vector<std::vector<std::string>> all;
    for (int i = 0; i < 8; ++i) {
        const auto file = desk.scratch("request" + std::to_string(i));
        writeFile(file, Machine(machineText(i)).file("desk"));
        all.push_back({"--dir", desk.directory().string(), "issue", "--license", id.value, "--request", file.string()});
    }
    const auto outcomes = program.runTogether(all);
    EXPECT_EQ(std::count_if(outcomes.begin(), outcomes.end(), [](const auto& one) { return one.exitCode == 0; }), 1);
    for (const auto& one : outcomes) {
        if (one.exitCode == 0) continue;
        EXPECT_EQ(one.exitCode, 1) << one.err;
        EXPECT_NE(one.err.find("is held by"), std::string::npos) << one.err;
    }
    EXPECT_EQ(desk.store().devices(id).size(), 1u);
    EXPECT_EQ(desk.store().documents(id).size(), 1u);
    EXPECT_EQ(desk.store().attempts(id, 100).size(), 8u);
}

TEST(Together, SameRequestEightTimesAtOnceGivesTheSameBytesAndOneSeat) {
    Desk desk;
    const Program program;
    const auto id = desk.mint("pro").row.id;
    const auto file = desk.scratch("request");
    writeFile(file, Machine().file("desk"));
    const std::vector<std::string> command{
        "--dir", desk.directory().string(), "issue", "--license", id.value, "--request", file.string()};
    const auto outcomes = program.runTogether(std::vector(8, command));
    for (const auto& one : outcomes) {
        EXPECT_EQ(one.exitCode, 0) << one.err;
        EXPECT_EQ(one.out, outcomes[0].out);
    }
    EXPECT_EQ(desk.store().devices(id).size(), 1u);
    EXPECT_EQ(desk.store().documents(id).size(), 1u);
}

TEST(Together, LicensesMintedAtOnceHaveSerialsAndKeysOfTheirOwn) {
    Desk desk;
    const Program program;
    const std::vector<std::string> command{"--dir", desk.directory().string(), "license", "new", "--type", "pro"};
    for (const auto& one : program.runTogether(std::vector(8, command))) EXPECT_EQ(one.exitCode, 0) << one.err;
    const auto licenses = desk.store().licenses();
    ASSERT_EQ(licenses.size(), 8u);
    for (std::size_t i = 0; i < licenses.size(); ++i) EXPECT_EQ(licenses[i].license.payload.serial, i + 1);
}

TEST(Together, TwoFoundingsOfOneDirectoryLeaveOneWholeAuthority) {
    const Program program;
    const auto directory = program.directory() / "authority";
    std::vector<std::vector<std::string>> all;
    for (int i = 0; i < 6; ++i)
        all.push_back({"init", "--dir", directory.string(), "--roots",
                       (program.directory() / ("roots" + std::to_string(i))).string()});
    const auto outcomes = program.runTogether(all);
    EXPECT_EQ(std::count_if(outcomes.begin(), outcomes.end(), [](const auto& one) { return one.exitCode == 0; }), 1);
    for (const auto& one : outcomes) EXPECT_TRUE(one.exitCode == 0 || one.exitCode == 1) << one.err;
    EXPECT_EQ(program.run({"--dir", directory.string(), "license", "new", "--type", "pro"}).exitCode, 0);
}

// A template authority with one free license; every kill works on a copy of its own.
class Killed : public ::testing::Test {
  protected:
    Killed() {
        license_ = desk_.mint("pro").row.id;
        request_ = desk_.scratch("request");
        out_ = desk_.scratch("machine.license");
        writeFile(request_, machine_.file("desk"));
        desk_.close();
    }
    fs::path copy() {
        const auto where = desk_.scratch("copy");
        fs::remove_all(where);
        fs::remove(out_);
        fs::copy(desk_.directory(), where, fs::copy_options::recursive);
        return where;
    }
    std::vector<std::string> issueCommand(const fs::path& where) const {
        return {"--dir",     where.string(),    "issue", "--license",  license_.value,
                "--request", request_.string(), "--out", out_.string()};
    }

    Desk desk_;
    Program program_;
    Machine machine_;
    LicenseId license_;
    fs::path request_, out_;
};

TEST_F(Killed, AtAnyStepOfAnIssueLeavesNoSeatWithoutADocumentAndTheNextRunFinishes) {
    int kills = 0, committed = 0;
    for (int nth = 1;; ++nth) {
        const auto where = copy();
        const auto death = program_.killAtChange(issueCommand(where), nth);
        if (death == Program::Death::cannotTrace) GTEST_SKIP() << "needs ptrace, which is not allowed here";
        if (death == Program::Death::finished) break;
        ++kills;
        std::string stored;
        {
            auto store = Store::open(where / "authority.db", noon);
            ASSERT_TRUE(store) << "kill " << nth;
            const auto seats = store->devices(license_);
            const auto documents = store->documents(license_);
            ASSERT_EQ(seats.size(), documents.size()) << "kill " << nth;
            ASSERT_LE(seats.size(), 1u);
            ASSERT_EQ(store->license(license_)->lastSequence, documents.size());
            if (!documents.empty()) stored = documents[0].token;
        }
        if (fs::exists(out_)) {
            ASSERT_EQ(parseLicenseFile(readFile(out_)).value().documentToken, stored) << "kill " << nth;
        }

        const auto again = program_.run(issueCommand(where));
        ASSERT_EQ(again.exitCode, 0) << "kill " << nth << ": " << again.err;
        const auto text = readFile(out_);
        if (!stored.empty()) {
            ++committed;
            ASSERT_EQ(parseLicenseFile(text).value().documentToken, stored) << "kill " << nth;
        }
        auto authority = Authority::open(where, noon, std::chrono::seconds(1));
        ASSERT_TRUE(authority);
        ASSERT_TRUE(importFile(text, authority->roots(), machine_.device())) << "kill " << nth;
        ASSERT_EQ(authority->store().devices(license_).size(), 1u);
        ASSERT_EQ(authority->store().documents(license_).size(), 1u);
    }
    EXPECT_GT(kills, 20);
    EXPECT_GT(committed, 0) << "some kills must fall behind the commit";
    EXPECT_LT(committed, kills) << "and some before it";
}

TEST_F(Killed, AtAnyStepOfARotationLeavesAnAuthorityThatSigns) {
    int kills = 0, published = 0;
    for (int nth = 1;; ++nth) {
        const auto where = copy();
        const auto death = program_.killAtChange(
            {"--dir", where.string(), "keys", "rotate", "--roots", desk_.roots().string(), "--overlap", "30"}, nth);
        if (death == Program::Death::cannotTrace) GTEST_SKIP() << "needs ptrace, which is not allowed here";
        if (death == Program::Death::finished) break;
        ++kills;
        const auto issued = program_.run(issueCommand(where));
        ASSERT_EQ(issued.exitCode, 0) << "kill " << nth << ": " << issued.err;
        auto authority = Authority::open(where, noon, std::chrono::seconds(1));
        ASSERT_TRUE(authority);
        ASSERT_TRUE(importFile(readFile(out_), authority->roots(), machine_.device())) << "kill " << nth;
        if (authority->keySet().version == 2) ++published;
    }
    EXPECT_GT(kills, 20);
    EXPECT_GT(published, 0);
    EXPECT_LT(published, kills);
}

TEST_F(Killed, AtAnyStepOfABackupLeavesAWholeFileOrNoneAndTheNextRunFinishes) {
    int kills = 0, whole = 0;
    for (int nth = 1;; ++nth) {
        const auto where = copy();
        const auto file = desk_.scratch("backup.db");
        fs::remove(file);
        const std::vector<std::string> command{"--dir", where.string(), "backup", "--out", file.string()};
        const auto death = program_.killAtChange(command, nth);
        if (death == Program::Death::cannotTrace) GTEST_SKIP() << "needs ptrace, which is not allowed here";
        if (death == Program::Death::finished) break;
        ++kills;
        if (fs::exists(file)) {
            ++whole;
        } else {
            const auto again = program_.run(command);
            ASSERT_EQ(again.exitCode, 0) << "kill " << nth << ": " << again.err;
        }
        for (const auto* suffix : {"", "-wal", "-shm"}) fs::remove((where / "authority.db").string() + suffix);
        const auto restored = program_.run({"--dir", where.string(), "restore", "--from", file.string()});
        ASSERT_EQ(restored.exitCode, 0) << "kill " << nth << ": " << restored.err;
        ASSERT_EQ(program_.run(issueCommand(where)).exitCode, 0) << "kill " << nth;
    }
    EXPECT_GT(kills, 20);
    EXPECT_GT(whole, 0) << "some kills must fall behind the last step";
    EXPECT_LT(whole, kills);
}

TEST_F(Killed, AtAnyStepOfARestoreLeavesAWholeDatabaseOrNoneAndTheNextRunFinishes) {
    const auto file = desk_.scratch("backup.db");
    ASSERT_EQ(program_.run({"--dir", desk_.directory().string(), "backup", "--out", file.string()}).exitCode, 0);
    int kills = 0, whole = 0;
    for (int nth = 1;; ++nth) {
        const auto where = copy();
        for (const auto* suffix : {"", "-wal", "-shm"}) fs::remove((where / "authority.db").string() + suffix);
        const std::vector<std::string> command{"--dir", where.string(), "restore", "--from", file.string()};
        const auto death = program_.killAtChange(command, nth);
        if (death == Program::Death::cannotTrace) GTEST_SKIP() << "needs ptrace, which is not allowed here";
        if (death == Program::Death::finished) break;
        ++kills;
        const auto again = program_.run(command);
        if (fs::exists(where / "authority.db") && again.exitCode == 1) {
            ++whole;
            ASSERT_NE(again.err.find("never overwritten"), std::string::npos) << again.err;
        } else {
            ASSERT_EQ(again.exitCode, 0) << "kill " << nth << ": " << again.err;
        }
        const auto issued = program_.run(issueCommand(where));
        ASSERT_EQ(issued.exitCode, 0) << "kill " << nth << ": " << issued.err;
    }
    EXPECT_GT(kills, 20);
    EXPECT_GT(whole, 0) << "some kills must fall behind the last step";
    EXPECT_LT(whole, kills);
}

TEST(KilledFounding, AtAnyStepCanBeRunAgainAndLeavesNothingHalfUsable) {
    Program program;
    int kills = 0, founded = 0;
    for (int nth = 1;; ++nth) {
        const auto where = program.directory() / "try";
        fs::remove_all(where);
        const auto directory = where / "authority";
        const std::vector<std::string> command{"init", "--dir", directory.string(), "--roots",
                                               (where / "roots").string()};
        const auto death = program.killAtChange(command, nth);
        if (death == Program::Death::cannotTrace) GTEST_SKIP() << "needs ptrace, which is not allowed here";
        if (death == Program::Death::finished) break;
        ++kills;
        if (fs::exists(directory)) {
            // Renamed: then it is whole, and a second run refuses to touch it.
            ++founded;
            ASSERT_EQ(program.run(command).exitCode, 1) << "kill " << nth;
        } else {
            const auto again = program.run(command);
            ASSERT_EQ(again.exitCode, 0) << "kill " << nth << ": " << again.err;
        }
        ASSERT_FALSE(fs::exists(where / ".authority.unfinished")) << "kill " << nth;
        const auto rotated =
            program.run({"--dir", directory.string(), "keys", "rotate", "--roots", (where / "roots").string()});
        ASSERT_EQ(rotated.exitCode, 0) << "kill " << nth << ": " << rotated.err;
    }
    EXPECT_GT(kills, 40);
    EXPECT_GT(founded, 0) << "some kills must fall behind the rename";
    EXPECT_LT(founded, kills);
}

}  // namespace
}  // namespace entitle
