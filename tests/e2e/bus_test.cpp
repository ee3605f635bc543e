// The daemon on a system bus: what foreign tools read there, and what a bus that is missing, lost or hostile does to
// it.
#include <csignal>
#include <fstream>

#include "tests/e2e/bus_fixture.h"

namespace entitle::e2e {
namespace {

using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Bus : public OnBus {};

TEST_F(Bus, AnyUsersToolReadsTheLicense) {
    startBoth();
    EXPECT_EQ(bus.property("Standing"), "s \"demo\"");
    EXPECT_EQ(bus.property("MaxBots"), "x 3");
    EXPECT_EQ(bus.property("BotsInUse"), "t 0");
    EXPECT_EQ(bus.property("ExpiresAt"), "t 0");
    EXPECT_EQ(bus.property("FingerprintState"), "s \"unbound\"");
    const auto shown = bus.busctl({"introspect", entitledName, entitledPath});
    EXPECT_THAT(shown.out, HasSubstr(".GraceUntil"));
    const auto asked = bus.call("CheckFeature", {"s", "live_trading"});
    EXPECT_THAT(asked.out, HasSubstr("bsst false \"demo-limited\"")) << asked.both();
    EXPECT_EQ(bus.call("ListSlots").out, "a(tsusuitb) 0\n");
    EXPECT_THAT(doctor(), HasSubstr("On the system bus as"));
}

TEST_F(Bus, TheObjectIsAsItsDescriptionSays) {
    startBoth();
    auto judge = bus.launch({"/usr/bin/python3", ENTITLE_SOURCE_DIR "/tests/e2e/bus_contract.py",
                             ENTITLE_SOURCE_DIR "/systemd/org.cryptoorchestrator.Entitled1.xml"});
    EXPECT_EQ(judge->readLine(), "as described") << machine.read(machine.directory() + "/clients.log");
}

TEST_F(Bus, WithoutOneTheDaemonMissesNothing) {
    machine.start();
    EXPECT_TRUE(logged("no system bus: there is none at " + machine.busSocket()));
    EXPECT_EQ(machine.ctl({"status"}).status, 0);
    EXPECT_THAT(doctor(), HasSubstr("not on the system bus"));
    const auto maps = machine.read("/proc/" + std::to_string(machine.daemon().pid()) + "/maps");
    EXPECT_THAT(maps, Not(HasSubstr("libsystemd"))) << "nothing is loaded that is not needed";
    // And takes one that comes later, when it is told to look again.
    bus.start();
    machine.daemon().signal(SIGHUP);
    EXPECT_TRUE(bus.waitNamed(entitledName)) << machine.log();
}

TEST_F(Bus, SwitchedOffItStaysAway) {
    bus.start();
    machine.configure("[bus]\nenabled = false\n");
    machine.start();
    EXPECT_THAT(doctor(), HasSubstr("switched off"));
    EXPECT_FALSE(bus.named(entitledName));
    machine.configure("");
    machine.daemon().signal(SIGHUP);
    EXPECT_TRUE(bus.waitNamed(entitledName));
    machine.configure("[bus]\nenabled = false\n");
    machine.daemon().signal(SIGHUP);
    EXPECT_TRUE(busEventually([&] { return !bus.named(entitledName); }));
}

TEST_F(Bus, OneThatIsKilledAndComesBackIsTakenAgain) {
    startBoth();
    for (int round = 0; round < 2; ++round) {
        bus.kill();
        EXPECT_TRUE(busEventually([&] { return doctor().find("not on the system bus") != std::string::npos; }));
        EXPECT_EQ(machine.ctl({"status"}).status, 0);
        bus.start();
        EXPECT_TRUE(bus.waitNamed(entitledName)) << machine.log();
        EXPECT_EQ(bus.property("Standing"), "s \"demo\"");
    }
}

TEST_F(Bus, ANameThatIsTakenIsWaitedFor) {
    bus.start();
    auto other = bus.launch({"/usr/bin/python3", "-m", "dbusmock", "--system", entitledName, "/", "org.example.Other"});
    ASSERT_TRUE(bus.waitNamed(entitledName));
    machine.start();
    EXPECT_TRUE(logged("another program has the name"));
    EXPECT_THAT(doctor(), HasSubstr("Another program has the name"));
    EXPECT_THAT(bus.property("Standing"), Not(HasSubstr("demo")));
    other.reset();
    EXPECT_TRUE(busEventually([&] { return bus.property("Standing") == "s \"demo\""; })) << machine.log();
}

TEST_F(Bus, ANameThatIsRefusedIsSaidOnceAndAskedForAgainOnReload) {
    bus.start("<deny own=\"org.cryptoorchestrator.Entitled1\"/>\n");
    machine.start();
    EXPECT_TRUE(logged("does not give us the name"));
    EXPECT_THAT(doctor(), HasSubstr("system.d"));
    EXPECT_EQ(machine.ctl({"status"}).status, 0);
    bus.kill();
    bus.start();
    machine.daemon().signal(SIGHUP);
    EXPECT_TRUE(bus.waitNamed(entitledName)) << machine.log();
}

TEST_F(Bus, SlotsThatComeAndGoAreToldOnceASecondAtMost) {
    startBoth();
    auto listening = bus.listen();
    // Three bots come, one goes: whatever is told, the last word is 2, and it is not told once for each.
    auto first = machine.startBot("first"), second = machine.startBot("second");
    {
        auto third = machine.startBot("third");
        for (auto* bot : {&first, &second, &third}) ASSERT_TRUE(bot->readLine());
    }
    std::string last;
    int signals = 0;
    while (last.find("'BotsInUse': <uint64 2>") == std::string::npos) {
        const auto line = listening->readLine();
        ASSERT_TRUE(line) << last;
        last = *line;
        ++signals;
    }
    EXPECT_LE(signals, 4);
    EXPECT_EQ(bus.property("BotsInUse"), "t 2");
}

TEST_F(Bus, WhoMayNotAskIsNotToldBySignalsEither) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root, to become another user";
    bus.start();
    auto config = machine.read(machine.configFile());
    config.insert(config.find("[query]\n") + 8, "group = \"daemon\"\n");
    machine.write(machine.configFile(), config);
    machine.start();
    ASSERT_TRUE(bus.waitNamed(entitledName)) << machine.log();
    const auto asked = bus.busctl({"get-property", entitledName, entitledPath, entitledName, "Plan"}, stranger);
    EXPECT_NE(asked.status, 0);
    EXPECT_THAT(asked.err, HasSubstr("Access denied"));
    EXPECT_THAT(bus.refusal("CheckFeature", {"live_trading"}, stranger), HasSubstr("Only members of the group"));
    EXPECT_EQ(bus.property("Standing"), "s \"demo\"") << "root may";
    auto listening = bus.listen();
    auto bot = machine.startBot("bot");
    const auto line = listening->readLine();
    ASSERT_TRUE(line);
    EXPECT_THAT(*line, HasSubstr("@a{sv} {}, ['BotsInUse'")) << "what changed, and not to what";
}

TEST_F(Bus, CallsWithoutEndAreServedAndHinderNobody) {
    startBoth();
    // Thousands of calls whose answers nobody waits for, from programs that leave in the middle of it.
    for (int round = 0; round < 3; ++round) {
        auto flood = bus.launch({"/usr/bin/python3", ENTITLE_SOURCE_DIR "/tests/e2e/bus_flood.py", "3000"});
        ASSERT_EQ(flood->readLine(), "sent") << machine.read(machine.directory() + "/clients.log");
        EXPECT_EQ(machine.ctl({"status"}).status, 0);
        EXPECT_EQ(bus.property("Standing"), "s \"demo\"");
    }
    EXPECT_EQ(machine.stopDaemon(), 0) << machine.log();
}

}  // namespace
}  // namespace entitle::e2e
