// What stands in the place of the audit log or the device key, and was not made by the daemon: refused with words,
// without waiting for it and without touching it. (The record: store_test; the configuration: config_test.)
#include <filesystem>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <gtest/gtest.h>

#include "daemon/audit.h"
#include "daemon/key_vault.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using testing::readFile;
using testing::TemporaryDirectory;
using testing::writeFile;

class ForeignFile : public ::testing::TestWithParam<const char*> {
  protected:
    // Why the file of the parameter's name is refused; fails the test if it is taken.
    FileFault refusal() {
        const auto directory = OwnedDirectory::open(place.path(), OwnedDirectory::Privacy::secret).value();
        FileProblem problem;
        if (GetParam() == std::string("audit.log")) {
            const DeviceKey key = SecretKey::fromSeed({7});
            const auto opened = AuditLog::open(*directory, key, {}, std::nullopt, {});
            EXPECT_TRUE(opened.has_error()) << "it was taken";
            if (opened.has_error()) problem = opened.error();
        } else {
            DeviceKeyVault vault(*directory, std::nullopt, {});
            const auto opened = vault.open();
            EXPECT_TRUE(opened.has_error()) << "it was taken";
            EXPECT_TRUE(vault.replace().has_error()) << "it was replaced";
            if (opened.has_error()) problem = opened.error();
        }
        EXPECT_NE(problem.message.find(file), std::string::npos) << problem.message;
        return problem.fault;
    }

    TemporaryDirectory place;
    const std::string file = place / GetParam();
};

TEST_P(ForeignFile, FifoIsRefusedWithoutWaiting) {
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    EXPECT_EQ(refusal(), FileFault::notRegular);
}

TEST_P(ForeignFile, DeviceIsRefused) {
    if (::mknod(file.c_str(), S_IFCHR | 0600, makedev(1, 5)) != 0) {
        GTEST_SKIP() << "making a device node needs root with CAP_MKNOD";
    }
    EXPECT_EQ(refusal(), FileFault::notRegular);
}

TEST_P(ForeignFile, SecondNameOfAnotherFileIsRefused) {
    writeFile(place / "victim", "precious\n");
    std::filesystem::create_hard_link(place / "victim", file);
    EXPECT_EQ(refusal(), FileFault::insecure);
    EXPECT_EQ(readFile(place / "victim"), "precious\n");
}

TEST_P(ForeignFile, SymbolicLinkIsRefused) {
    writeFile(place / "victim", "precious\n");
    std::filesystem::create_symlink("victim", file);
    EXPECT_EQ(refusal(), FileFault::insecure);
    EXPECT_EQ(readFile(place / "victim"), "precious\n");
}

TEST_P(ForeignFile, DirectoryIsRefused) {
    std::filesystem::create_directory(file);
    EXPECT_EQ(refusal(), FileFault::notRegular);
}

INSTANTIATE_TEST_SUITE_P(InPlaceOf, ForeignFile, ::testing::Values("audit.log", "device.key"),
                         [](const auto& named) { return named.index == 0 ? "AuditLog" : "DeviceKey"; });

}  // namespace
}  // namespace entitle
