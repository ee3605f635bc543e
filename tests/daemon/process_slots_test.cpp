// Slots of real programs, killed, forked and reconnected.
#include <csignal>

#include "tests/daemon/licensed_daemon.h"

namespace entitle::testing {
namespace {

TEST_F(ProcessTest, KilledHolderReturnsItsSlots) {
    auto bot = daemon.puppet(daemon.query());
    ASSERT_TRUE(bot->ask("acquire 2").starts_with("held"));
    ASSERT_TRUE(inUse(2));
    bot->kill();
    EXPECT_TRUE(eventually([&] { return inUse(0); }));
}

TEST_F(ProcessTest, ForkedChildThatOutlivesItsKilledHolderKeepsNothing) {
    auto bot = daemon.puppet(daemon.query());
    ASSERT_TRUE(bot->ask("acquire 2").starts_with("held"));
    auto child = static_cast<pid_t>(std::stol(secretOf(bot->ask("fork"))));
    bot->kill();
    EXPECT_TRUE(eventually([&] { return inUse(0); }));
    EXPECT_EQ(::kill(child, 0), 0) << "the child lives, and its socket is open";
    ::kill(child, SIGKILL);
}

TEST_F(ProcessTest, ForkWithoutExecTakesNothingFromItsParent) {
    auto bot = daemon.puppet(daemon.query());
    ASSERT_TRUE(bot->ask("acquire 1").starts_with("held"));
    auto child = static_cast<pid_t>(std::stol(secretOf(bot->ask("fork"))));
    ::kill(child, SIGKILL);
    EXPECT_EQ(bot->ask("held"), "held 1");
    EXPECT_TRUE(inUse(1));
    EXPECT_EQ(bot->ask("release"), "ok");
    EXPECT_TRUE(inUse(0));
}

TEST_F(ProcessTest, SlotsOutliveKilledDaemonAndAreNotCountedTwice) {
    auto bot = daemon.puppet(daemon.query());
    auto secret = secretOf(bot->ask("acquire 2"));
    restart();
    EXPECT_TRUE(inUse(2)) << "they await their holder";
    ASSERT_EQ(bot->ask("connect " + daemon.query()), "ok");
    EXPECT_TRUE(bot->ask("reclaim " + secret).starts_with("held"));
    EXPECT_TRUE(inUse(2));
    EXPECT_EQ(bot->ask("held"), "held 2");
    EXPECT_EQ(bot->ask("acquire 2"), "denied 13") << "three is the limit, and two are in use";
    bot->kill();
    EXPECT_TRUE(eventually([&] { return inUse(0); }));
}

TEST_F(ProcessTest, StopSaysSoExitsCleanlyAndLeavesTheSlotsToTheSuccessor) {
    auto bot = daemon.puppet(daemon.query());
    auto secret = secretOf(bot->ask("acquire 2"));
    daemon.child->signal(SIGTERM);
    daemon.waitNotified("STOPPING=1");
    EXPECT_EQ(daemon.child->end(), 0);
    daemon.start();
    EXPECT_TRUE(inUse(2));
    ASSERT_EQ(bot->ask("connect " + daemon.query()), "ok");
    EXPECT_TRUE(bot->ask("reclaim " + secret).starts_with("held"));
}

TEST_F(ProcessTest, OfTwoReclaimsAtOnceTheLatestWins) {
    auto one = daemon.puppet(daemon.query());
    auto secret = secretOf(one->ask("acquire 1"));
    restart();
    ASSERT_EQ(one->ask("connect " + daemon.query()), "ok");
    auto two = daemon.puppet(daemon.query());
    one->say("reclaim " + secret);
    two->say("reclaim " + secret);
    EXPECT_TRUE(one->hear().starts_with("held"));
    EXPECT_TRUE(two->hear().starts_with("held"));
    auto first = one->ask("held"), second = two->ask("held");
    EXPECT_TRUE((first == "held 1" && second == "held 0") || (first == "held 0" && second == "held 1"))
        << first << ", " << second;
    EXPECT_TRUE(inUse(1));
    (first == "held 0" ? one : two)->kill();  // the loser's end frees nothing
    EXPECT_EQ((first == "held 0" ? two : one)->ask("held"), "held 1");
    EXPECT_TRUE(inUse(1));
}

TEST_F(ProcessTest, RestartDuringAcquireLeaksNothingBeyondTheReclaimWindow) {
    daemon.configure("[slots]\nreclaim_window_s = 1\n");
    restart();
    for (int round = 0; round < 4; ++round) {
        auto bot = daemon.puppet(daemon.query());
        bot->say("acquire 3");
        restart();
        (void)bot->hear();  // held, or disconnected: either may be
        bot->kill();
        EXPECT_TRUE(eventually([&] { return inUse(0); }));
    }
}

TEST_F(ProcessTest, StolenSecretIsRefusedToAnotherUser) {
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to become another user";
    openDirectories();
    auto bot = daemon.puppet(daemon.query());
    auto secret = secretOf(bot->ask("acquire 1"));
    restart();
    auto thief = daemon.puppet(daemon.query());
    ASSERT_EQ(thief->ask("uid 65534"), "ok");
    ASSERT_EQ(thief->ask("connect " + daemon.query()), "ok");
    EXPECT_EQ(thief->ask("reclaim " + secret), "other-user");
    ASSERT_EQ(bot->ask("connect " + daemon.query()), "ok");
    EXPECT_TRUE(bot->ask("reclaim " + secret).starts_with("held"));
}

TEST_F(ProcessTest, TenThousandSlotsOfAKilledHolderAreFreedAtOnce) {
    license(unlimited);
    auto fleet = daemon.puppet(daemon.query());
    ASSERT_EQ(fleet->ask("many 10000"), "held 10000");
    ASSERT_TRUE(inUse(10'000));
    auto child = static_cast<pid_t>(std::stol(secretOf(fleet->ask("fork"))));  // no hint from the socket
    auto watcher = daemon.puppet(daemon.query());
    fleet->kill();
    // All or none: whoever looks sees no part of it.
    std::string seen;
    EXPECT_TRUE(eventually([&] {
        seen = watcher->ask("status");
        return !seen.ends_with(" 10000");
    }));
    EXPECT_TRUE(seen.ends_with(" 0")) << seen;
    ::kill(child, SIGKILL);
}

TEST_F(ProcessTest, CapabilitiesKeptAfterDeactivationGrantNothing) {
    license(100);
    auto bot = daemon.puppet(daemon.query());
    ASSERT_EQ(bot->ask("many 5"), "held 5");
    EXPECT_EQ(bot->ask("check live_trading"), "yes");
    ASSERT_EQ(daemon.puppet(daemon.admin())->ask("admin deactivate"), "answered");
    EXPECT_EQ(bot->ask("check live_trading"), "no");
    EXPECT_EQ(bot->ask("held"), "held 1 1 1 0 0") << "demo's three, the oldest";
    EXPECT_EQ(bot->ask("acquire 1"), "denied 13");
}

TEST_F(ProcessTest, ObserverHearsTheLatestStateAndOneCallAtATime) {
    auto bot = daemon.puppet(daemon.query());
    EXPECT_EQ(bot->ask("subscribe"), "told 1 latest") << "the present state, at once";
    license(100);
    ASSERT_EQ(daemon.puppet(daemon.admin())->ask("admin deactivate"), "answered");
    EXPECT_EQ(bot->ask("told"), "told 1 old") << "the first call is not answered yet";
    EXPECT_EQ(bot->ask("answer"), "told 2 latest") << "two changes, one call";
    EXPECT_EQ(bot->ask("answer"), "told 2 latest");
}

}  // namespace
}  // namespace entitle::testing
