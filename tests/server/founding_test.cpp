#include "server/founding.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "tests/server/desk.h"

namespace entitle {
namespace {

namespace fs = std::filesystem;
using testing::noon;
using testing::TemporaryDirectory;

class FoundingTest : public ::testing::Test {
  protected:
    Granted<Founded> found(const fs::path& directory, const fs::path& roots, const std::string& name = "desk") {
        return foundAuthority({directory, roots, name, secret_}, noon);
    }
    DenialReason reasonFor(const fs::path& directory, const fs::path& roots) {
        const auto founded = found(directory, roots);
        EXPECT_FALSE(founded);
        return founded ? DenialReason::usage : founded.error().reason;
    }
    static int modeOf(const fs::path& path) {
        struct stat facts {};
        EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
        return static_cast<int>(facts.st_mode & 07777);
    }

    TemporaryDirectory temporary_;
    fs::path directory_ = temporary_.path() / "authority";
    fs::path roots_ = temporary_.path() / "roots";
    std::optional<std::string> secret_;
};

TEST_F(FoundingTest, EverySecretIsItsOwnersAloneAndRootsLieApart) {
    ASSERT_TRUE(found(directory_, roots_));
    for (const auto& entry : fs::recursive_directory_iterator(temporary_.path())) {
        const bool open = entry.path().filename() == "roots.pub";
        EXPECT_EQ(modeOf(entry.path()), entry.is_directory() ? 0700 : open ? 0644 : 0600) << entry.path();
    }
    const Roots anchor = readRoots(directory_ / "roots.pub").value();
    ASSERT_EQ(anchor.keys.size(), 2u);
    EXPECT_EQ(readSecretKey(roots_ / "root-active.key").value().verifyKey(), anchor.keys[0]);
    EXPECT_EQ(readSecretKey(roots_ / "root-standby.key").value().verifyKey(), anchor.keys[1]);
    EXPECT_EQ(findRootSecret(directory_, anchor), std::nullopt);
    EXPECT_FALSE(fs::exists(temporary_.path() / ".authority.unfinished"));
}

TEST_F(FoundingTest, FirstKeySetIsSignedByTheActiveRoot) {
    const auto founded = found(directory_, roots_);
    ASSERT_TRUE(founded);
    auto authority = Authority::open(directory_, noon, std::chrono::seconds(1));
    ASSERT_TRUE(authority);
    const auto token = authority->store().keySet().token;
    EXPECT_EQ(tokenKeyId(token).value(), founded->anchor.keys[0].keyId());
    const auto set = verifyKeySet(token, founded->anchor, 0).value();
    EXPECT_EQ(set, founded->keySet);
    EXPECT_EQ(set.version, 1u);
    ASSERT_EQ(set.keys.size(), 1u);
    EXPECT_EQ(set.keys[0].notBefore, noon);
}

TEST_F(FoundingTest, RootsInsideOrAroundTheAuthorityAreRefusedAndNothingIsMade) {
    fs::create_directory_symlink(temporary_.path(), temporary_.path() / "alias");
    EXPECT_EQ(reasonFor(directory_, directory_), DenialReason::rootsInReach);
    EXPECT_EQ(reasonFor(directory_, directory_ / "roots"), DenialReason::rootsInReach);
    EXPECT_EQ(reasonFor(directory_, directory_ / ".." / "authority" / "roots"), DenialReason::rootsInReach);
    EXPECT_EQ(reasonFor(directory_, temporary_.path() / "alias" / "authority"), DenialReason::rootsInReach);
    EXPECT_EQ(reasonFor(directory_, temporary_.path()), DenialReason::rootsInReach);
    EXPECT_EQ(reasonFor(directory_ / "", directory_), DenialReason::rootsInReach);
    EXPECT_FALSE(fs::exists(directory_));
    EXPECT_TRUE(found(directory_, temporary_.path() / "authority-roots")) << "a longer name is not inside";
}

TEST_F(FoundingTest, ExistingAuthorityIsNeverOverwritten) {
    ASSERT_TRUE(found(directory_, roots_));
    const auto before = testing::readFile(directory_ / "authority.db");
    EXPECT_EQ(reasonFor(directory_, temporary_.path() / "other-roots"), DenialReason::alreadyFounded);
    EXPECT_EQ(reasonFor(directory_, roots_), DenialReason::alreadyFounded);
    EXPECT_EQ(testing::readFile(directory_ / "authority.db"), before);
    EXPECT_FALSE(fs::exists(temporary_.path() / ".authority.unfinished"));
}

TEST_F(FoundingTest, RootsOfAnotherAuthorityAreNeverOverwritten) {
    ASSERT_TRUE(found(directory_, roots_));
    const auto before = testing::readFile(roots_ / "root-active.key");
    EXPECT_EQ(reasonFor(temporary_.path() / "second", roots_), DenialReason::alreadyFounded);
    EXPECT_EQ(testing::readFile(roots_ / "root-active.key"), before);
    EXPECT_FALSE(fs::exists(temporary_.path() / "second"));
    EXPECT_FALSE(fs::exists(temporary_.path() / ".second.unfinished"));
}

TEST_F(FoundingTest, AnEmptyDirectoryIsTakenAndAFullOneIsNot) {
    fs::create_directory(directory_);
    testing::writeFile(directory_ / "diary", "mine");
    EXPECT_EQ(reasonFor(directory_, roots_), DenialReason::alreadyFounded);
    EXPECT_EQ(testing::readFile(directory_ / "diary"), "mine");
    fs::remove(directory_ / "diary");
    EXPECT_TRUE(found(directory_, roots_));
    EXPECT_EQ(modeOf(directory_), 0700);
}

TEST_F(FoundingTest, LinkOrFileInPlaceOfTheDirectoryIsRefused) {
    fs::create_directory(temporary_.path() / "elsewhere");
    testing::writeFile(temporary_.path() / "file", "");
    EXPECT_EQ(reasonFor(temporary_.path() / "file", roots_), DenialReason::alreadyFounded);
    fs::create_directory_symlink(temporary_.path() / "elsewhere", roots_);
    const auto founded = found(directory_, roots_);  // a link names its target: the roots go there
    ASSERT_FALSE(founded) << "a directory that others can read is no place for roots";
    EXPECT_EQ(founded.error().reason, DenialReason::unsafeFile);
}

TEST_F(FoundingTest, NameMustBeAnAuthorityId) {
    for (const auto* name : {"", "ab", "Upper", "a b c", "naïve", "a/b/c", "'; DROP TABLE licenses; --"}) {
        const auto founded = found(directory_, roots_, name);
        ASSERT_FALSE(founded) << name;
        EXPECT_EQ(founded.error().reason, DenialReason::usage);
    }
    EXPECT_FALSE(fs::exists(directory_));
    EXPECT_TRUE(isAuthorityId(randomAuthorityId()));
    EXPECT_NE(randomAuthorityId(), randomAuthorityId());
}

TEST_F(FoundingTest, SecretFromTheEnvironmentIsKeptAndABadOneIsRefused) {
    secret_ = "not hex";
    EXPECT_EQ(reasonFor(directory_, roots_), DenialReason::badSecret);
    EXPECT_FALSE(fs::exists(directory_));
    EXPECT_FALSE(fs::exists(roots_));
    secret_ = LicenseSecrets::generate();
    ASSERT_TRUE(found(directory_, roots_));
    EXPECT_EQ(testing::readFile(directory_ / "license-secret"), *secret_ + "\n");
}

TEST_F(FoundingTest, UnfinishedOneAndItsRootsAreClearedAndFoundedAnew) {
    // As after a kill between writing the roots and the last rename.
    ASSERT_TRUE(found(directory_, roots_));
    fs::rename(directory_, temporary_.path() / ".authority.unfinished");
    const auto abandoned = readRoots(roots_ / "roots.pub").value();
    ASSERT_TRUE(found(directory_, roots_));
    const auto anchor = readRoots(roots_ / "roots.pub").value();
    EXPECT_NE(anchor, abandoned);
    EXPECT_EQ(anchor, readRoots(directory_ / "roots.pub").value());
    EXPECT_FALSE(fs::exists(temporary_.path() / ".authority.unfinished"));
}

TEST_F(FoundingTest, UnfinishedOneNeverCostsAnotherAuthorityItsRoots) {
    ASSERT_TRUE(found(temporary_.path() / "living", roots_));
    ASSERT_TRUE(found(directory_, temporary_.path() / "lost-roots"));
    fs::rename(directory_, temporary_.path() / ".authority.unfinished");
    const auto before = testing::readFile(roots_ / "root-active.key");
    EXPECT_EQ(reasonFor(directory_, roots_), DenialReason::alreadyFounded);
    EXPECT_EQ(testing::readFile(roots_ / "root-active.key"), before);
}

TEST_F(FoundingTest, OpeningWhatWasNeverFoundedSaysWhatToType) {
    for (const auto& path : {directory_, temporary_.path()}) {
        const auto opened = Authority::open(path, noon, std::chrono::seconds(1));
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().reason, DenialReason::noAuthority);
        EXPECT_NE(opened.error().message.find("init"), std::string::npos);
    }
    EXPECT_FALSE(fs::exists(directory_)) << "looking must not create";
}

}  // namespace
}  // namespace entitle
