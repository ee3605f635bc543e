#include "daemon/clock.h"

#include <poll.h>

#include <gtest/gtest.h>
#include <time.h>

namespace entitle {
namespace {

bool readable(int descriptor, int milliseconds) {
    pollfd wait{descriptor, POLLIN, 0};
    return ::poll(&wait, 1, milliseconds) == 1;
}

TEST(Clock, TellsWhatTheSystemTells) {
    SystemClock clock;
    const auto before = clock.now(), after = clock.now();
    EXPECT_LE(std::abs((before.wall - Instant{Seconds{::time(nullptr)}}).count()), 2);
    EXPECT_GT(before.boottime.count(), 0);
    EXPECT_GE(after.boottime, before.boottime);
    EXPECT_EQ(before.bootId.size(), 36U);
    EXPECT_EQ(SystemClock().now().bootId, before.bootId);
}

TEST(WallTimer, FiresAtOnceForAMomentInThePast) {
    WallTimer timer;
    timer.arm(SystemClock().now().wall - Seconds{5});
    EXPECT_TRUE(readable(timer.descriptor(), 2'000));
    EXPECT_EQ(timer.drain(), WallTimer::Fired::deadline);
    EXPECT_EQ(timer.drain(), WallTimer::Fired::nothing);
}

TEST(WallTimer, FiresWhenItsMomentComesAndNotBefore) {
    WallTimer timer;
    SystemClock clock;
    const auto due = clock.now().wall + Seconds{2};
    timer.arm(due);
    ASSERT_FALSE(readable(timer.descriptor(), 0));
    ASSERT_TRUE(readable(timer.descriptor(), 10'000));
    EXPECT_GE(clock.now().wall, due);
}

TEST(WallTimer, UnarmedOrFarAheadItStaysSilent) {
    WallTimer timer;
    EXPECT_FALSE(readable(timer.descriptor(), 0));
    timer.arm(latestInstant);
    EXPECT_FALSE(readable(timer.descriptor(), 0));
    timer.arm(Instant{Seconds{0}});
    EXPECT_TRUE(readable(timer.descriptor(), 2'000)) << "1970 is the past, not a way to disarm";
    timer.arm(std::nullopt);
    EXPECT_EQ(timer.drain(), WallTimer::Fired::nothing) << "arming anew forgets what had fired";
}

}  // namespace
}  // namespace entitle
