// The real daemon and its key: on a TPM, beside one that is away, cleared or another, and with systemd's credential.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/key_form.h"
#include "tests/daemon/licensed_daemon.h"
#include "tests/daemon/software_tpm.h"

namespace entitle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KeyTest : public ProcessTest {
  protected:
    void SetUp() override {
        NEEDS_SOFTWARE_TPM();
        tpm = std::make_unique<SoftwareTpm>();
        daemon.writeRoots(printRoots(issuer.roots()));
    }
    // The configuration's last table is [development].
    void configure(const std::string& key = "", const SoftwareTpm* which = nullptr) {
        daemon.configure("tcti = \"" + (which ? which : tpm.get())->tcti() + "\"\n" +
                         (key.empty() ? "" : "[key]\nprotection = \"" + key + "\"\n"));
    }
    std::string keyFile() const { return daemon.files / "state/device.key"; }
    std::string level() const {
        const auto form = readKey(readFile(keyFile()));
        if (const auto* sealed = std::get_if<SealedKey>(&form)) return std::string(toString(sealed->level));
        return std::holds_alternative<PlainKey>(form) ? "file" : "none";
    }
    bool active() { return status().starts_with("status 1 100 "); }
    // A request file is signed by the key, so it tells who the device is.
    std::optional<DeviceId> device() {
        const auto path = daemon.files / "who";
        if (daemon.puppet(daemon.admin())->ask("request " + path) != "ok") return std::nullopt;
        return verifyOfflineRequest(parseRequestFile(readFile(path)).value()).value().device();
    }

    std::unique_ptr<SoftwareTpm> tpm;
};

TEST_F(KeyTest, ANewMachineSealsItsKeyAndFindsItAgainAfterEveryRestart) {
    configure();
    daemon.start();
    EXPECT_EQ(level(), "tpm2");
    license(100);
    EXPECT_TRUE(active());
    const auto before = device();
    restart();
    EXPECT_TRUE(active());
    daemon.crash();
    tpm->switchOff();
    tpm->switchOn();
    daemon.start();
    EXPECT_TRUE(active());
    EXPECT_EQ(device(), before);
    EXPECT_THAT(daemon.log(), Not(HasSubstr("error")));
}

TEST_F(KeyTest, AKeyInTheClearMovesIntoTheTpmAndBackWhenItIsTold) {
    daemon.configure("");
    daemon.start();
    EXPECT_EQ(level(), "file");
    license(100);
    const auto before = device();
    for (const auto* told : {"", "file", "tpm2", "file", ""}) {
        daemon.crash();
        configure(told);
        daemon.start();
        EXPECT_EQ(level(), std::string(told) == "file" ? "file" : "tpm2");
        EXPECT_TRUE(active());
        EXPECT_EQ(device(), before);
    }
}

TEST_F(KeyTest, ATpmThatIsAwayStopsNobodyAndIsFoundAgainWithoutARestart) {
    configure();
    daemon.start();
    license(100);
    const auto before = device();
    daemon.crash();
    tpm->switchOff();
    daemon.start();
    EXPECT_TRUE(active()) << "the license is in force";
    EXPECT_THAT(daemon.log(), HasSubstr("out of reach"));
    EXPECT_EQ(device(), std::nullopt) << "nothing can be signed";
    EXPECT_THAT(daemon.puppet(daemon.admin())->ask("request " + (daemon.files / "who")), HasSubstr("key-out-of-reach"));
    tpm->switchOn();
    EXPECT_TRUE(eventually([&] { return daemon.log().find("in reach again") != std::string::npos; })) << daemon.log();
    EXPECT_EQ(device(), before);
    EXPECT_TRUE(active());
}

TEST_F(KeyTest, AClearedTpmOrAnotherOneLeavesTheLicenseInForceUntilItIsAskedForAnew) {
    configure();
    daemon.start();
    license(100);
    SoftwareTpm other;
    std::uint64_t sequence = 1;
    for (const bool cleared : {true, false}) {
        const auto now = device();
        daemon.crash();
        if (cleared) {
            tpm->clear();
        } else {
            configure("", &other);
        }
        daemon.start();
        EXPECT_EQ(level(), "tpm2");
        EXPECT_TRUE(active()) << daemon.log();
        EXPECT_NE(device(), now);
        EXPECT_THAT(daemon.log(), HasSubstr("a new one was made"));
        restart();
        EXPECT_TRUE(active()) << "after every restart";
        license(100, ++sequence);  // the way back: a document for the new key
        EXPECT_TRUE(active());
    }
}

TEST_F(KeyTest, AnExplicitLevelThatIsNotThereIsRefusedWithWhatToDo) {
    configure("tpm2");
    tpm->switchOff();
    EXPECT_EQ(daemon.startRefused(), 1);
    EXPECT_THAT(daemon.log(), HasSubstr("[key] protection"));
    EXPECT_FALSE(std::filesystem::exists(keyFile()));
    configure("systemd-creds");
    EXPECT_EQ(daemon.startRefused(), 1);
    EXPECT_THAT(daemon.log(), HasSubstr("entitled-key.service"));
    tpm->switchOn();
    configure("tpm2");
    daemon.start();
    EXPECT_EQ(level(), "tpm2");
}

TEST_F(KeyTest, SystemdsCredentialIsTakenWhereThereIsNoTpm) {
    daemon.configure("");
    const auto credentials = daemon.files / "credentials";
    writeFile(credentials + "/entitled.wrap", std::string(32, 'w'));
    daemon.environment["CREDENTIALS_DIRECTORY"] = credentials;
    daemon.start();
    EXPECT_EQ(level(), "systemd-creds");
    license(100);
    restart();
    EXPECT_TRUE(active());
    const auto before = device();
    daemon.crash();
    writeFile(credentials + "/entitled.wrap", "none");  // as the unit says where systemd cannot decrypt it
    daemon.start();
    EXPECT_TRUE(active());
    EXPECT_EQ(device(), std::nullopt);
    daemon.crash();
    writeFile(credentials + "/entitled.wrap", std::string(32, 'w'));
    configure();
    daemon.start();
    EXPECT_EQ(level(), "tpm2") << "and moves up where one appears";
    EXPECT_EQ(device(), before);
}

TEST_F(KeyTest, AFrozenTpmDelaysTheStartAndDoesNotPreventIt) {
    configure();
    daemon.start();
    license(100);
    daemon.crash();
    tpm->freeze();
    daemon.start();
    EXPECT_TRUE(active());
    EXPECT_THAT(daemon.log(), HasSubstr("did not answer in time"));
    tpm->thaw();
    EXPECT_TRUE(eventually([&] { return daemon.log().find("in reach again") != std::string::npos; })) << daemon.log();
}

TEST_F(KeyTest, ANewKeyIsMadeOnlyWhileNoDaemonRuns) {
    configure();
    daemon.start();
    license(100);
    const auto before = device();
    const std::vector<std::string> command{ENTITLED_BINARY, "--config", daemon.config(), "--new-key"};
    EXPECT_EQ(Child(command, daemon.files / "log").end(), 4);
    daemon.crash();
    tpm->switchOff();
    EXPECT_EQ(Child(command, daemon.files / "log").end(), 0) << daemon.log();
    daemon.start();
    EXPECT_EQ(level(), "file");
    EXPECT_TRUE(active()) << "what was in force stays so";
    EXPECT_NE(device(), before);
}

TEST_F(KeyTest, ATpmThatReturnsAndOpensNothingIsSaidWithTheWayBack) {
    configure();
    daemon.start();
    license(100);
    const auto before = device();
    daemon.crash();
    tpm->clear();
    tpm->switchOff();
    daemon.start();
    EXPECT_THAT(daemon.log(), HasSubstr("Nothing is lost"));
    tpm->switchOn();
    ASSERT_TRUE(eventually([&] { return daemon.log().find("the device key is lost") != std::string::npos; }))
        << daemon.log();
    EXPECT_THAT(daemon.log(), HasSubstr("Restart entitled: it makes a new key. Then activate"));
    EXPECT_EQ(daemon.puppet(daemon.admin())->ask("request " + (daemon.files / "who")), "key-out-of-reach");
    EXPECT_TRUE(active());
    restart();
    EXPECT_TRUE(active());
    EXPECT_NE(device(), std::nullopt);
    EXPECT_NE(device(), before);
    license(100, 2);
    EXPECT_TRUE(active());
}

TEST_F(KeyTest, AKeyThatIsLostTwiceLeavesTheLicenseInForce) {
    configure();
    daemon.start();
    license(100);
    daemon.crash();
    const std::vector<std::string> command{ENTITLED_BINARY, "--config", daemon.config(), "--new-key"};
    for (int i = 0; i < 2; ++i) ASSERT_EQ(Child(command, daemon.files / "log").end(), 0) << daemon.log();
    daemon.start();
    EXPECT_TRUE(active());
    daemon.crash();
    tpm->clear();
    daemon.start();
    EXPECT_TRUE(active()) << "nor does a third loss";
}

TEST_F(KeyTest, TheDaemonKeepsNothingOfTheTpmsLibrariesAndNoProcess) {
    configure();
    daemon.start();
    const auto process = "/proc/" + std::to_string(daemon.child->pid());
    EXPECT_THAT(readFile(process + "/maps"), Not(HasSubstr("libtss2")));
    EXPECT_EQ(readFile(process + "/task/" + std::to_string(daemon.child->pid()) + "/children"), "");
}

}  // namespace
}  // namespace entitle::testing
