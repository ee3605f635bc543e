// One state directory, twice: copied to another machine, or put back from a backup.
#include <filesystem>

#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Copies : public Online {
  protected:
    void SetUp() override {
        Online::SetUp();
        license = server.license();
        activate(license);
    }
    static void copy(const std::string& from, const std::string& to) {
        fs::remove_all(to);
        fs::copy(from, to, fs::copy_options::recursive);
    }
    // Every right, for 72 hours at most, and words that say so.
    void keepsItsRightsFor72Hours(const Machine& of) {
        // It hears of the conflict, asks to be enrolled anew, and hears that this has to wait.
        ASSERT_TRUE(eventually([&] { return text(statusOf(of), "authority_code") == "conflict_waits"; })) << of.log();
        const auto now = statusOf(of);
        EXPECT_EQ(text(now, "standing"), "grace") << now;
        EXPECT_EQ(of.ctl({"check", "live_trading"}).status, 0);
        ASSERT_FALSE(text(now, "conflict_at").empty());
        EXPECT_EQ(fromRfc3339(text(now, "grace_until")).value() - fromRfc3339(text(now, "conflict_at")).value(),
                  std::chrono::hours{72});
        EXPECT_THAT(text(now, "authority_message"), HasSubstr("Another copy"));
        const auto shown = of.ctl({"status"});
        EXPECT_THAT(shown.out, HasSubstr("saw a copy of this device"));
        EXPECT_THAT(of.ctl({"doctor"}).out, HasSubstr("conflict_waits"));
    }
    License license;
};

TEST_F(Copies, TwoOfOneStateAreNoticedByTheSecondRoundAndNobodyIsRevoked) {
    EXPECT_EQ(machine.stopDaemon(), 0);
    Machine other;  // the same hardware: a cloned virtual machine
    copy(machine.stateDirectory(), other.stateDirectory());
    other.write(other.rootsFile(), machine.read(machine.rootsFile()));
    other.configure("[authority]\nurl = \"" + proxy->url() + "\"\n");
    machine.start();
    other.start();
    // The first round: whoever comes first is the device.
    EXPECT_EQ(machine.ctl({"refresh"}).status, 0);
    EXPECT_EQ(standing(), "active");
    // The second: the other comes with what was used up already.
    auto typed = other.startCtl({"refresh"});
    keepsItsRightsFor72Hours(other);
    const auto seats = server.seats(license);
    ASSERT_EQ(seats.size(), 1u);
    EXPECT_FALSE(seats[0].at("conflict_at").is_null());
    EXPECT_EQ(text(server.show(license), "status"), "active");
    // The first goes on as if nothing had been; the copy does not get between.
    EXPECT_EQ(machine.ctl({"refresh"}).status, 0);
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 0);
    EXPECT_EQ(other.ctl({"check", "live_trading"}).status, 0);
}

TEST_F(Copies, AStateFromABackupIsInConflictAndKeepsItsRightsUntilItEnrolsAnew) {
    EXPECT_EQ(machine.stopDaemon(), 0);
    const auto backup = machine.directory() + "/backup";
    copy(machine.stateDirectory(), backup);
    machine.start();
    for (int round = 0; round < 3; ++round) ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    EXPECT_EQ(machine.stopDaemon(), 0);
    copy(backup, machine.stateDirectory());
    machine.start();
    EXPECT_EQ(standing(), "active");
    auto typed = machine.startCtl({"refresh"});
    keepsItsRightsFor72Hours(machine);
    // It asks again by itself, before its rights end and after the authority is sure that there is no other.
    const auto now = status();
    EXPECT_GE(text(now, "grace_until"), text(now, "next_contact"));
    // Whoever cannot wait activates the license once more.
    typed.signal(9);
    EXPECT_EQ(server.seats(license).size(), 1u);
}

}  // namespace
}  // namespace entitle::e2e
