#include "daemon/owned_directory.h"

#include <filesystem>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/faulty_calls.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using testing::FaultyCalls;
using ::testing::HasSubstr;
using testing::readFile;
using testing::TemporaryDirectory;
using testing::writeFile;
using Privacy = OwnedDirectory::Privacy;

FileProblem refusal(const std::string& path, Privacy privacy = Privacy::secret, FileCalls& calls = systemFileCalls()) {
    const auto opened = OwnedDirectory::open(path, privacy, calls);
    EXPECT_TRUE(opened.has_error()) << path << " was taken";
    return opened.has_error() ? opened.error() : FileProblem{};
}

mode_t modeOf(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
}

TEST(OwnedDirectory, IsMadeWithTheModeItsPrivacyAsksFor) {
    const TemporaryDirectory place;
    ASSERT_TRUE(OwnedDirectory::open(place / "state", Privacy::secret).has_value());
    ASSERT_TRUE(OwnedDirectory::open(place / "run/", Privacy::shared).has_value());
    EXPECT_EQ(modeOf(place / "state"), 0700U);
    EXPECT_EQ(modeOf(place / "run"), 0755U);
}

TEST(OwnedDirectory, OneThatIsMissingWithItsParentIsSaidInWords) {
    const TemporaryDirectory place;
    const auto problem = refusal(place / "no/such");
    EXPECT_EQ(problem.fault, FileFault::missing);
    EXPECT_THAT(problem.message, HasSubstr(place / "no/such"));
}

TEST(OwnedDirectory, OneThatOthersMayWriteIsRefused) {
    const TemporaryDirectory place;
    for (const auto privacy : {Privacy::secret, Privacy::shared}) {
        for (const mode_t mode : {0777, 0722, 0770, 01777}) {
            std::filesystem::create_directory(place / "open");
            ASSERT_EQ(::chmod((place / "open").c_str(), mode), 0);
            const auto problem = refusal(place / "open", privacy);
            EXPECT_EQ(problem.fault, FileFault::insecure);
            EXPECT_THAT(problem.message, HasSubstr("chmod "));
            std::filesystem::remove(place / "open");
        }
    }
}

TEST(OwnedDirectory, ASecretOneThatOthersMayReadIsRefused) {
    const TemporaryDirectory place;
    ASSERT_EQ(::chmod(place.path().c_str(), 0755), 0);
    EXPECT_THAT(refusal(place.path()).message, HasSubstr("chmod 0700"));
    EXPECT_TRUE(OwnedDirectory::open(place.path(), Privacy::shared).has_value());
}

TEST(OwnedDirectory, OneInsideADirectoryThatAnybodyMayWriteIsRefusedUnlessSticky) {
    const TemporaryDirectory place;
    std::filesystem::create_directory(place / "public");
    ASSERT_EQ(::chmod((place / "public").c_str(), 0777), 0);
    EXPECT_THAT(refusal(place / "public/state").message, HasSubstr("anybody could replace"));
    ASSERT_EQ(::chmod((place / "public").c_str(), 01777), 0);
    EXPECT_TRUE(OwnedDirectory::open(place / "public/state", Privacy::secret).has_value());
}

TEST(OwnedDirectory, ASymbolicLinkToOneIsRefusedEvenWithATrailingSlash) {
    const TemporaryDirectory place;
    std::filesystem::create_directory(place / "real");
    std::filesystem::create_directory_symlink("real", place / "link");
    EXPECT_THAT(refusal(place / "link").message, HasSubstr("symbolic link"));
    EXPECT_THAT(refusal(place / "link///").message, HasSubstr("symbolic link"));
}

TEST(OwnedDirectory, AFileInItsPlaceIsRefused) {
    const TemporaryDirectory place;
    writeFile(place / "file", "x");
    EXPECT_EQ(refusal(place / "file").fault, FileFault::notRegular);
}

TEST(OwnedDirectory, OneOfAnotherOwnerIsRefused) {
    const TemporaryDirectory place;
    FaultyCalls calls;
    calls.owner = 54321;
    const auto problem = refusal(place.path(), Privacy::secret, calls);
    EXPECT_EQ(problem.fault, FileFault::insecure);
    EXPECT_THAT(problem.message, HasSubstr("belongs to user 54321"));
}

TEST(OwnedDirectory, IsNeverSharedByTwo) {
    const TemporaryDirectory place;
    auto first = OwnedDirectory::open(place.path(), Privacy::secret);
    ASSERT_TRUE(first.has_value());
    const auto problem = refusal(place.path());
    EXPECT_EQ(problem.fault, FileFault::locked);
    EXPECT_THAT(problem.message, HasSubstr("in use by another entitled"));
    first->reset();
    EXPECT_TRUE(OwnedDirectory::open(place.path(), Privacy::secret).has_value());
}

TEST(OwnedDirectory, SettingAsideNeverReplacesWhatWasSetAsideBefore) {
    const TemporaryDirectory place;
    const auto directory = OwnedDirectory::open(place.path(), Privacy::secret).value();
    for (const auto* content : {"a", "b", "c"}) {
        writeFile(place / "state", content);
        ASSERT_TRUE(directory->setAside("state").has_value());
    }
    EXPECT_EQ(
        readFile(place / "state.corrupt-1") + readFile(place / "state.corrupt-2") + readFile(place / "state.corrupt-3"),
        "abc");
}

TEST(OwnedDirectory, SettingAsideStopsAtSixteenAndDeletesNone) {
    const TemporaryDirectory place;
    const auto directory = OwnedDirectory::open(place.path(), Privacy::secret).value();
    for (int n = 1; n <= 16; ++n) {
        writeFile(place / "state", std::to_string(n));
        ASSERT_EQ(directory->setAside("state").value(), "state.corrupt-" + std::to_string(n));
    }
    writeFile(place / "state", "17");
    const auto more = directory->setAside("state");
    ASSERT_TRUE(more.has_error());
    EXPECT_THAT(more.error().message, HasSubstr("move them away"));
    for (int n = 1; n <= 16; ++n)
        EXPECT_EQ(readFile(place / ("state.corrupt-" + std::to_string(n))), std::to_string(n));
    EXPECT_EQ(readFile(place / "state"), "17");
    std::filesystem::remove(place / "state.corrupt-5");
    EXPECT_EQ(directory->setAside("state").value(), "state.corrupt-5");
}

TEST(OwnedDirectory, ANewLogIsInTheDirectoryForGoodBeforeItIsWritten) {
    const TemporaryDirectory place;
    FaultyCalls calls;
    const auto directory = OwnedDirectory::open(place.path(), Privacy::secret, calls).value();
    ASSERT_TRUE(directory->openAppend("log").has_value());
    EXPECT_EQ(calls.journal().back(), "fsync") << "of the directory: else a power cut takes the whole file";
    calls.clearJournal();
    ASSERT_TRUE(directory->openAppend("log").has_value());
    EXPECT_EQ(calls.journal(), std::vector<std::string>{"open log"}) << "one that is there needs none";
}

TEST(OwnedDirectory, ANewLogThatCannotBeMadeLastingIsNotTakenForOneLater) {
    const TemporaryDirectory place;
    FaultyCalls calls;
    const auto directory = OwnedDirectory::open(place.path(), Privacy::secret, calls).value();
    calls.arm(3, testing::Fault::eio);  // open, create, fsync
    EXPECT_EQ(directory->openAppend("log").error().fault, FileFault::io);
    EXPECT_FALSE(std::filesystem::exists(place / "log"));
    calls.arm(0, testing::Fault::eio);
    calls.clearJournal();
    ASSERT_TRUE(directory->openAppend("log").has_value());
    EXPECT_EQ(calls.journal().back(), "fsync");
}

TEST(OwnedDirectory, AnAppendThatFailsHalfwayIsCutOffAgain) {
    const TemporaryDirectory place;
    FaultyCalls calls;
    const auto directory = OwnedDirectory::open(place.path(), Privacy::secret, calls).value();
    const auto file = directory->openAppend("log").value();
    ASSERT_TRUE(file->append("first\n").has_value());
    calls.arm(1, testing::Fault::halfThenFail);
    EXPECT_EQ(file->append("second\n").error().fault, FileFault::full);
    EXPECT_EQ(readFile(place / "log"), "first\n");
    calls.arm(0, testing::Fault::eio);
    ASSERT_TRUE(file->append("third\n").has_value());
    EXPECT_EQ(readFile(place / "log"), "first\nthird\n");
    EXPECT_EQ(file->size(), 12U);
}

}  // namespace
}  // namespace entitle
