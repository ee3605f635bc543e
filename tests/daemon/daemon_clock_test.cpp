// What a wrong clock does to a license, and what heals it.
#include "tests/daemon/core_fixture.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

class DaemonClock : public DaemonTest {
  protected:
    // Suspended or not, an hour is an hour; the daemon is woken at least as often as it asks to be.
    void run(int hours) {
        for (; hours > 0; --hours) {
            clock.pass(1h);
            daemon->wake();
        }
    }
    void setWall(Instant wall) {
        clock.now_.wall = wall;
        clock.now_.synced = false;
        daemon->wake();
    }
    void reboot() {
        clock.now_.bootId = "0a1bd1a0-3c5d-4e0e-9f5b-0b6f6c0c2b1" + std::to_string(++boots_);
        clock.now_.boottime = 1min;
        restart();
    }
    Finding clockFinding() {
        for (const auto& finding : daemon->diagnose())
            if (finding.check == "clock") return finding;
        return {};
    }

  private:
    int boots_ = 0;
};

TEST_F(DaemonClock, TurnedBackItKeepsTheLicenseForTheBudgetAndNoLonger) {
    importPro();
    run(1);
    setWall(today - std::chrono::days{30});
    EXPECT_EQ(daemon->status().clockFlag, ClockFlag::rollback);
    EXPECT_EQ(daemon->status().believed, today + 1h);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(clockFinding().level, Finding::Level::problem);
    run(71);
    EXPECT_EQ(daemon->status().clockBudgetLeft, 1h);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    ASSERT_TRUE(armed);
    EXPECT_LE(*armed, clock.now().wall + 1h);
    run(1);
    EXPECT_EQ(daemon->status().standing, Standing::expired);
    EXPECT_FALSE(daemon->check("live_trading").allowed);
    EXPECT_NE(daemon->status().message.find("clock"), std::string::npos) << daemon->status().message;
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::expired) << "also after a restart";
    reboot();
    EXPECT_EQ(daemon->status().standing, Standing::expired) << "also after a boot";
}

TEST_F(DaemonClock, SetRightAgainTheLicenseIsBack) {
    importPro();
    setWall(today - std::chrono::days{30});
    run(72);
    ASSERT_EQ(daemon->status().standing, Standing::expired);
    setWall(today + 72h);
    EXPECT_EQ(daemon->status().clockFlag, ClockFlag::none);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
}

TEST_F(DaemonClock, ANewerFileHealsAndOneThatIsRefusedDoesNot) {
    importPro();
    setWall(today - std::chrono::days{30});
    run(72);
    ASSERT_EQ(daemon->status().standing, Standing::expired);
    License foreign = pro(7);
    foreign.issuedAt = today + 1h;
    foreign.fingerprint = enroll(hardwareOf("1234").facts);
    EXPECT_EQ(importing(issuer.file(foreign)), "wrong-device");
    EXPECT_EQ(daemon->status().clockBudgetLeft, 0s);
    License newer = pro(8);
    newer.issuedAt = today + 1h;
    EXPECT_EQ(importing(issuer.file(newer)), "");
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(daemon->status().clockBudgetLeft, 72h);
}

TEST_F(DaemonClock, DeadBatteryAccusesNobodyAndRunsOnUptime) {
    importPro();
    run(10);
    reboot();
    setWall(Instant{});
    EXPECT_EQ(daemon->status().clockFlag, ClockFlag::unset);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_NE(clockFinding().message.find("not set"), std::string::npos);
    EXPECT_EQ(lastAudit(), "clock");
}

TEST_F(DaemonClock, UptimeIsKeptHourlyAndOverBoots) {
    importPro();
    run(100);
    const auto uptime = store.saved->clock.uptime;
    EXPECT_GE(uptime, 99h);
    reboot();
    run(2);
    EXPECT_GE(store.saved->clock.uptime, uptime + 1h);
}

TEST_F(DaemonClock, ALicenseEndsByUptimeWhateverTheWallSays) {
    importPro();
    for (int i = 0; i < 22 * 24; ++i) {
        clock.now_.boottime += 1h;  // the wall stands still
        if (i % 20 == 0) clock.now_.wall += 20h - 1s;
        daemon->wake();
    }
    EXPECT_EQ(daemon->status().standing, Standing::expired);
}

TEST_F(DaemonClock, WithoutALicenseNothingIsWrittenAndNothingIsArmed) {
    clock.pass(std::chrono::days{3});
    daemon->wake();
    EXPECT_EQ(store.saves, 0u);
    EXPECT_FALSE(armed);
}

}  // namespace
}  // namespace entitle::testing
