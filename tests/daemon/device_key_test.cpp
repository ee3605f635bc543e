#include "daemon/device_key.h"

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

struct Place {
    TemporaryDirectory temporary;
    FaultyCalls calls;
    std::unique_ptr<OwnedDirectory> directory =
        OwnedDirectory::open(temporary.path(), OwnedDirectory::Privacy::secret, calls).value();
    DeviceKeyFile vault{*directory};
    std::string file = temporary / "device.key";
};

TEST(DeviceKey, IsMadeOnceAndComesBackTheSame) {
    Place place;
    EXPECT_EQ(place.vault.open().error().fault, FileFault::missing);
    const auto made = place.vault.create().value().verifyKey();
    EXPECT_EQ(place.vault.open().value().verifyKey(), made);
    EXPECT_EQ(place.vault.level(), "file");
}

TEST(DeviceKey, RestsInAFileThatOnlyItsOwnerMayRead) {
    Place place;
    ASSERT_TRUE(place.vault.create().has_value());
    struct stat status {};
    ASSERT_EQ(::stat(place.file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    ASSERT_EQ(::chmod(place.file.c_str(), 0640), 0);
    EXPECT_EQ(place.vault.open().error().fault, FileFault::insecure);
}

TEST(DeviceKey, IsNeverOverwritten) {
    Place place;
    ASSERT_TRUE(place.vault.create().has_value());
    const auto before = readFile(place.file);
    EXPECT_TRUE(place.vault.create().has_error());
    writeFile(place.file, std::string(5'000, 'x'));
    EXPECT_TRUE(place.vault.create().has_error()) << "not even a damaged one";
    writeFile(place.file, before);
    EXPECT_TRUE(place.vault.open().has_value());
}

TEST(DeviceKey, EveryChangedByteAndEveryTruncationIsNoticed) {
    Place place;
    ASSERT_TRUE(place.vault.create().has_value());
    const auto whole = readFile(place.file);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto damaged = whole;
        damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
        writeFile(place.file, damaged);
        const auto opened = place.vault.open();
        ASSERT_TRUE(opened.has_error()) << i;
        ASSERT_EQ(opened.error().fault, FileFault::corrupt);
        writeFile(place.file, whole.substr(0, i));
        ASSERT_TRUE(place.vault.open().has_error()) << i;
    }
    writeFile(place.file, whole + "\n");
    EXPECT_EQ(place.vault.open().error().fault, FileFault::corrupt);
}

TEST(DeviceKey, ADamagedOneIsSaidInWordsThatDoNotShowItAndCanBeSetAside) {
    Place place;
    ASSERT_TRUE(place.vault.create().has_value());
    const auto damaged = readFile(place.file).substr(0, 60) + "\n";
    writeFile(place.file, damaged);
    const auto problem = place.vault.open().error();
    EXPECT_THAT(problem.message, HasSubstr("backup"));
    EXPECT_THAT(problem.message, ::testing::Not(HasSubstr(damaged.substr(10, 20))));
    EXPECT_EQ(place.vault.setAside().value(), "device.key.corrupt-1");
    EXPECT_TRUE(place.vault.create().has_value());
    EXPECT_EQ(readFile(place.temporary / "device.key.corrupt-1"), damaged);
}

TEST(DeviceKey, DeathAtAnyCallOfItsMakingLeavesNoneOrAWholeOne) {
    for (unsigned at = 1;; ++at) {
        Place place;
        place.calls.arm(at, testing::Fault::leave);
        try {
            (void)place.vault.create();
        } catch (const testing::Killed&) {
        }
        if (!place.calls.struck()) break;
        place.calls.arm(0, testing::Fault::eio);
        const auto opened = place.vault.open();
        EXPECT_TRUE(opened.has_value() || opened.error().fault == FileFault::missing) << "call " << at;
        if (opened.has_error()) {
            EXPECT_TRUE(place.vault.create().has_value()) << "call " << at;
        }
    }
}

TEST(DeviceKey, ASymbolicLinkInItsPlaceIsRefused) {
    Place place;
    writeFile(place.temporary / "other", SecretKey::fromSeed({1}).paserk() + "\n");
    std::filesystem::create_symlink("other", place.file);
    EXPECT_EQ(place.vault.open().error().fault, FileFault::insecure);
    EXPECT_TRUE(place.vault.create().has_error());
}

}  // namespace
}  // namespace entitle
