// The judgement of a suspicious clock, case by case.
#include "license/clock_guard.h"

#include <gtest/gtest.h>

#include "license/clock_claims.h"
#include "tests/license/machine_clock.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;
using test::MachineClock;
using test::utc;

constexpr Seconds aDay = std::chrono::days{1};
constexpr Seconds aYear = std::chrono::days{365};

class ClockGuard : public ::testing::Test {
  protected:
    ClockJudgement look() { return machine.look(); }

    MachineClock machine{utc("2026-11-22T12:00:00Z")};
};

TEST_F(ClockGuard, BelievesTheWallClockOfAFreshMachine) {
    const auto judgement = look();
    EXPECT_EQ(judgement.flag, ClockFlag::none);
    EXPECT_EQ(judgement.believed, machine.truth);
    EXPECT_EQ(judgement.forDocuments, machine.truth);
    EXPECT_EQ(judgement.lower, std::nullopt);
    EXPECT_EQ(judgement.budgetLeft, 72h);
    EXPECT_FALSE(judgement.renew);
}

TEST_F(ClockGuard, LowerBoundGrowsWithUptimeOverBoots) {
    machine.contact();
    machine.pass(10h);
    EXPECT_EQ(look().lower, machine.truth);
    machine.off(30 * aDay);
    machine.pass(2h);
    EXPECT_EQ(look().lower, machine.truth - 30 * aDay);
    machine.pass(1h);
    EXPECT_EQ(look().lower, machine.truth - 30 * aDay);
}

TEST_F(ClockGuard, ManyShortLooksLoseNoFractionOfASecond) {
    machine.contact();
    for (int i = 0; i < 10'000; ++i) {
        machine.boottime += 100ms;
        look();
    }
    EXPECT_EQ(look().lower, machine.truth + 1000s);
}

TEST_F(ClockGuard, RollbackIsMoreThan26HoursBehindTheLowerBound) {
    machine.contact();
    machine.error = -26h;
    EXPECT_EQ(look().flag, ClockFlag::none);
    machine.error = -26h - 1s;
    const auto judgement = look();
    EXPECT_EQ(judgement.flag, ClockFlag::rollback);
    EXPECT_EQ(judgement.believed, machine.truth);
    EXPECT_EQ(judgement.forDocuments, machine.truth);
    EXPECT_TRUE(judgement.renew);
}

TEST_F(ClockGuard, SynchronisedClockRaisesTheWatermarkAtOnce) {
    machine.synced = true;
    look();
    machine.off(40 * aDay);
    machine.synced = true;
    EXPECT_EQ(machine.trust.watermark, machine.truth - 40 * aDay);
    look();
    EXPECT_EQ(machine.trust.watermark, machine.truth);
    machine.error = -27h;
    EXPECT_EQ(look().flag, ClockFlag::rollback);
    EXPECT_EQ(look().believed, machine.truth);
}

TEST_F(ClockGuard, OtherClocksRaiseTheWatermarkAfterSixSteadyHours) {
    look();
    machine.pass(6h - 1s);
    look();
    EXPECT_EQ(machine.trust.watermark, std::nullopt);
    machine.pass(1s);
    look();
    EXPECT_EQ(machine.trust.watermark, machine.truth);
}

TEST_F(ClockGuard, SettingTheClockBeginsTheSixHoursAnew) {
    look();
    machine.pass(5h);
    machine.error = 61s;
    look();
    machine.pass(2h);
    look();
    EXPECT_EQ(machine.trust.watermark, std::nullopt);
    machine.pass(4h);
    look();
    EXPECT_EQ(machine.trust.watermark, machine.truth + 61s);
}

TEST_F(ClockGuard, DriftOfSecondsIsNoSetting) {
    look();
    for (int hour = 0; hour < 6; ++hour) {
        machine.pass(1h);
        machine.error += 5s;
        look();
    }
    EXPECT_EQ(machine.trust.watermark, machine.truth + 30s);
}

TEST_F(ClockGuard, AnotherBootBeginsTheSixHoursAnew) {
    look();
    machine.pass(5h);
    look();
    machine.off(1min);
    machine.pass(5h);
    look();
    EXPECT_EQ(machine.trust.watermark, std::nullopt);
}

TEST_F(ClockGuard, BeforeTheBuildIsUnset) {
    machine.rules.builtAt = machine.truth - 100 * aDay;
    machine.error = -100 * aDay - 26h;  // the tolerance holds here too: a machine may be installed on the build's day
    EXPECT_EQ(look().flag, ClockFlag::none);
    machine.error -= 1s;
    EXPECT_EQ(look().flag, ClockFlag::unset);
    EXPECT_EQ(look().believed, machine.rules.builtAt);
}

TEST_F(ClockGuard, AYearBeforeTheNewestSignedTimeIsUnset) {
    machine.contact();
    machine.error = -aYear;
    EXPECT_EQ(look().flag, ClockFlag::rollback);
    machine.error = -aYear - 1s;
    EXPECT_EQ(look().flag, ClockFlag::unset);
    EXPECT_EQ(look().forDocuments, machine.truth);
}

TEST_F(ClockGuard, BoottimeRunningBackwardsWithinOneBootIsASnapshot) {
    machine.contact();
    machine.pass(10h);
    look();
    machine.boottime -= 5h;
    const auto judgement = look();
    EXPECT_EQ(judgement.flag, ClockFlag::snapshot);
    EXPECT_EQ(judgement.lower, machine.truth) << "what was counted stays counted";
    EXPECT_TRUE(judgement.renew);
    machine.pass(8h);
    EXPECT_EQ(look().flag, ClockFlag::snapshot) << "also when boottime has caught up";
    EXPECT_EQ(look().lower, machine.truth);
    EXPECT_EQ(look().budgetLeft, 64h);
    machine.off(1h);
    EXPECT_EQ(look().flag, ClockFlag::snapshot) << "also in the next boot";
    machine.contact();
    EXPECT_EQ(look().flag, ClockFlag::none);
}

TEST_F(ClockGuard, ALowerBoottimeInAnotherBootIsNoSnapshot) {
    look();
    machine.pass(10h);
    look();
    machine.off(1s);
    EXPECT_EQ(look().flag, ClockFlag::none);
}

TEST_F(ClockGuard, PlatformsWithoutABootIdAreNeverAccusedOfSnapshots) {
    machine.hasBootId = false;
    machine.contact();
    machine.pass(10h);
    look();
    machine.off(1h);
    machine.pass(1h);
    const auto judgement = look();
    EXPECT_EQ(judgement.flag, ClockFlag::none);
    EXPECT_EQ(judgement.lower, machine.truth - 1h);
}

// An upgrade of the service's sandbox once hid /proc: the same boot then looked like two, and its uptime counted twice.
TEST_F(ClockGuard, ABootIdThatComesOrGoesCountsNoUptimeTwice) {
    machine.pass(100 * aDay);
    machine.contact();
    machine.hasBootId = false;
    EXPECT_EQ(look().lower, machine.truth);
    machine.pass(1h);
    machine.hasBootId = true;
    EXPECT_EQ(look().lower, machine.truth);
    EXPECT_EQ(look().flag, ClockFlag::none);
}

TEST_F(ClockGuard, BudgetIsUptimeUnderAFlagAndThenNoMore) {
    machine.contact();
    machine.error = -10 * aDay;
    EXPECT_EQ(look().budgetLeft, 72h);
    machine.pass(71h);
    EXPECT_EQ(look().budgetLeft, 1h);
    EXPECT_FALSE(look().spent());
    machine.pass(1h);
    EXPECT_TRUE(look().spent());
    machine.pass(1000h);
    EXPECT_EQ(look().budgetLeft, 0s);
}

TEST_F(ClockGuard, TimeSwitchedOffCostsNoBudget) {
    machine.contact();
    machine.error = -10 * aDay;
    look();
    machine.off(300 * aDay);
    machine.error = -310 * aDay;
    machine.pass(1h);
    EXPECT_EQ(look().budgetLeft, 71h);
}

TEST_F(ClockGuard, BudgetIsTheDocuments) {
    machine.rules.budget = 2h;
    machine.contact();
    machine.error = -2 * aDay;
    look();
    machine.pass(90min);
    EXPECT_EQ(look().budgetLeft, 30min);
    machine.rules.budget = -5s;
    EXPECT_TRUE(look().spent());
}

TEST_F(ClockGuard, ARightedClockEndsTheFlagButOnlyContactRefillsTheBudget) {
    machine.contact();
    machine.error = -2 * aDay;
    look();
    machine.pass(70h);
    machine.error = 0s;
    EXPECT_EQ(look().flag, ClockFlag::none);
    machine.pass(100h);
    EXPECT_EQ(look().budgetLeft, 2h) << "right time costs nothing";
    machine.error = -2 * aDay;
    look();
    machine.pass(2h);
    EXPECT_TRUE(look().spent());
    machine.error = 0s;
    EXPECT_FALSE(look().spent());
    machine.contact();
    EXPECT_EQ(look().budgetLeft, 72h);
}

TEST_F(ClockGuard, AFlagAsksForARenewalOnceAndAgainAtTheNextBoot) {
    machine.contact();
    machine.error = -2 * aDay;
    EXPECT_TRUE(look().renew);
    machine.pass(1h);
    EXPECT_FALSE(look().renew);
    machine.contact();
    EXPECT_FALSE(look().renew) << "a clock that stays wrong does not ask in a loop";
    EXPECT_EQ(look().flag, ClockFlag::rollback);
    EXPECT_EQ(look().budgetLeft, 72h);
    machine.off(1min);
    EXPECT_TRUE(look().renew);
}

TEST_F(ClockGuard, AnswerCountsUpToFiveMinutesAfterItsRequest) {
    machine.error = -2 * aDay;
    machine.contact();
    look();
    machine.pass(10h);
    const auto asked = sentAt(machine.now());
    machine.pass(5min);
    EXPECT_TRUE(machine.contact(asked));
    EXPECT_EQ(look().budgetLeft, 72h);
    machine.pass(1h);
    const auto late = sentAt(machine.now());
    machine.pass(5min + 1s);
    EXPECT_FALSE(machine.contact(late));
    EXPECT_EQ(look().budgetLeft, 72h - 1h - 5min - 1s);
}

TEST_F(ClockGuard, AnAnswerHeldBackOverABootProvesOnlyThatItsTimeHasBeen) {
    machine.contact();
    const auto asked = sentAt(machine.now());
    machine.off(10 * aDay);
    machine.boottime = asked.boottime;
    EXPECT_FALSE(machine.contact(asked));
    EXPECT_EQ(look().lower, machine.truth);
}

TEST_F(ClockGuard, AnAnswerToARequestOfTheFutureDoesNotCount) {
    auto asked = sentAt(machine.now());
    asked.boottime += 1s;
    EXPECT_FALSE(machine.contact(asked));
}

TEST_F(ClockGuard, ContactRestoresWhateverTheClockHadDone) {
    for (const char* wall : {"1970-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "2038-01-19T03:14:08Z",
                             "2106-02-07T06:28:16Z", "9999-12-31T23:59:59Z"}) {
        SCOPED_TRACE(wall);
        MachineClock other{machine.truth};
        other.rules.builtAt = other.truth - 30 * aDay;
        other.contact();
        other.off(1h);
        other.set(utc(wall));
        other.synced = true;
        other.look();
        other.pass(80h);
        other.look();
        other.contact();
        auto judgement = other.look();
        EXPECT_EQ(judgement.forDocuments, other.truth) << "while the clock is still wrong";
        EXPECT_EQ(judgement.budgetLeft, 72h);
        other.error = 0s;
        judgement = other.look();
        EXPECT_EQ(judgement.flag, ClockFlag::none);
        EXPECT_EQ(judgement.forDocuments, other.truth);
    }
}

TEST_F(ClockGuard, WrongYearsBehindAreUnsetAndWrongYearsAheadAreBelievedUntilContact) {
    machine.rules.builtAt = machine.truth - 30 * aDay;
    machine.contact();
    machine.off(1h);
    for (const char* wall : {"1970-01-01T00:00:00Z", "2000-01-01T00:00:00Z"}) {
        machine.set(utc(wall));
        EXPECT_EQ(look().flag, ClockFlag::unset) << wall;
        EXPECT_EQ(look().forDocuments, machine.truth - 1h) << wall;
    }
    for (const char* wall : {"2038-01-19T03:14:08Z", "2106-02-07T06:28:16Z", "9999-12-31T23:59:59Z"}) {
        machine.set(utc(wall));
        EXPECT_EQ(look().flag, ClockFlag::none) << wall;
        EXPECT_EQ(look().forDocuments, utc(wall)) << wall;
    }
}

TEST_F(ClockGuard, AClockSetFarAheadAfterAContactOfThisBootIsNotBelieved) {
    machine.contact();
    machine.error = 26h;
    EXPECT_EQ(look().forDocuments, machine.truth + 26h);
    machine.error = 26h + 1s;
    machine.synced = true;
    EXPECT_EQ(look().forDocuments, machine.truth);
    EXPECT_EQ(look().flag, ClockFlag::none);
    machine.error = 0s;
    EXPECT_EQ(look().flag, ClockFlag::none) << "it has raised no watermark";
}

TEST_F(ClockGuard, ABriefForwardSettingIsForgottenOnceFixed) {
    machine.contact();
    machine.off(1min);
    machine.error = 4 * aYear;
    EXPECT_EQ(look().forDocuments, machine.truth + 4 * aYear);
    machine.pass(1h);
    machine.error = 0s;
    const auto judgement = look();
    EXPECT_EQ(judgement.flag, ClockFlag::none);
    EXPECT_EQ(judgement.forDocuments, machine.truth);
}

TEST_F(ClockGuard, ALongForwardSettingIsSuspectOnceFixedButEndsNothingByItself) {
    machine.contact();
    machine.off(1min);
    machine.error = 4 * aYear;
    look();
    machine.pass(7h);
    look();
    machine.error = 0s;
    auto judgement = look();
    EXPECT_EQ(judgement.flag, ClockFlag::rollback);
    EXPECT_EQ(judgement.believed, machine.truth + 4 * aYear);
    EXPECT_EQ(judgement.forDocuments, machine.truth - 1min) << "documents are held against the lower bound";
    EXPECT_EQ(judgement.budgetLeft, 72h);
    EXPECT_TRUE(judgement.renew);
    machine.pass(72h);
    EXPECT_TRUE(look().spent());
    EXPECT_TRUE(machine.import(machine.truth - 1h));
    judgement = look();
    EXPECT_EQ(judgement.flag, ClockFlag::none);
    EXPECT_EQ(judgement.forDocuments, machine.truth);
}

TEST_F(ClockGuard, OnlyANewerFileHeals) {
    EXPECT_TRUE(machine.import(machine.truth - 10 * aDay));
    EXPECT_EQ(look().lower, machine.truth - 10 * aDay);
    machine.error = -11 * aDay - 3h;
    look();
    machine.pass(10h);
    EXPECT_FALSE(machine.import(machine.truth - 10h - 10 * aDay)) << "the same file again";
    EXPECT_EQ(look().budgetLeft, 62h);
    EXPECT_TRUE(machine.import(machine.truth - 9 * aDay));
    EXPECT_EQ(look().budgetLeft, 72h);
    EXPECT_EQ(look().lower, machine.truth - 9 * aDay);
}

TEST_F(ClockGuard, AFileTellsNothingOfClocksAheadOfIt) {
    machine.import(machine.truth - 100 * aDay);
    EXPECT_EQ(look().forDocuments, machine.truth);
}

TEST_F(ClockGuard, AServerWhoseClockWentBackLowersNothing) {
    machine.contact();
    const auto before = look().lower;
    EXPECT_TRUE(machine.contactAt(machine.truth - 1h));
    EXPECT_EQ(look().lower, before);
    EXPECT_EQ(machine.trust.signedAt, machine.truth);
}

TEST_F(ClockGuard, WakesWhenTheWallOrTheUptimeBringsTheMoment) {
    machine.contact();
    machine.error = -10h;
    const Instant moment = machine.truth + 1h;
    auto judgement = look();
    // By the wall alone it would be eleven hours: the lower bound is there before.
    EXPECT_EQ(wallWhen(judgement, machine.now(), moment), machine.now().wall + 1h);
    machine.error = 10h;
    judgement = look();
    EXPECT_EQ(wallWhen(judgement, machine.now(), moment), machine.now().wall) << "it has passed";
    EXPECT_EQ(wallWhen(judgement, machine.now(), machine.truth + 12h), machine.truth + 12h);
    machine.error = -10 * aDay;
    judgement = look();
    EXPECT_EQ(wallWhen(judgement, machine.now(), moment), machine.now().wall + 1h);
}

TEST_F(ClockGuard, NothingButTheClockWakesAMachineThatKnowsNoTime) {
    machine.rules.builtAt = machine.truth;
    machine.error = -50 * aYear;
    EXPECT_EQ(wallWhen(look(), machine.now(), machine.truth + 1h), std::nullopt);
}

TEST_F(ClockGuard, EveryExtremeIsAnswered) {
    const Instant moments[] = {Instant::min(), Instant{Seconds{-1}},        Instant{},
                               latestInstant,  Instant{Seconds{1LL << 32}}, machine.truth,
                               Instant::max()};
    const std::chrono::nanoseconds boottimes[] = {std::chrono::nanoseconds::min(), -1s, 0s, 1h,
                                                  std::chrono::nanoseconds::max()};
    const Seconds budgets[] = {Seconds::min(), 0s, 72h, Seconds::max()};
    const std::string ids[] = {"", "a", "b", std::string(100, 'x'), std::string("\xff\0\n", 3)};
    int judged = 0;
    for (const Instant wall : moments)
        for (const Instant signedAt : moments)
            for (const auto boottime : boottimes)
                for (const auto& id : ids) {
                    ClockTrust trust = imported({}, {machine.truth, 2h, "a", true}, signedAt).trust;
                    const Now now{wall, boottime, id, true};
                    trust = contact(trust, now, signedAt, {id, boottime}).trust;
                    for (const Instant built : moments)
                        for (const Seconds budget : budgets) {
                            const auto look = judge(trust, now, {built, budget});
                            EXPECT_GE(look.judgement.budgetLeft, 0s);
                            EXPECT_GE(look.judgement.lower, signedAt);
                            EXPECT_GE(look.judgement.believed, look.judgement.forDocuments);
                            (void)wallWhen(look.judgement, now, latestInstant);
                            const auto again = judge(look.trust, {built, 1h, "a", false}, {built, budget});
                            ASSERT_EQ(decodeClockTrust(encodeClockTrust(again.trust)), again.trust);
                            ++judged;
                        }
                }
    EXPECT_EQ(judged, 7 * 7 * 5 * 5 * 7 * 4);
}

TEST(ClockClaims, KeepEveryField) {
    ClockTrust trust;
    EXPECT_EQ(decodeClockTrust(encodeClockTrust(trust)), trust);
    trust.signedAt = utc("2026-11-22T12:00:00Z");
    trust.anchor = *trust.signedAt + 5s;
    trust.uptime = 123'456'789'012ns;
    trust.anchoredHere = true;
    trust.suspected = 1ns;
    trust.bootId = "6d1bd1a0-3c5d-4e0e-9f5b-0b6f6c0c2b11";
    trust.boottime = 7ns;
    trust.flag = ClockFlag::snapshot;
    trust.rewound = true;
    trust.watermark = latestInstant;
    trust.steady = ClockTrust::Steady{*trust.signedAt, 6ns};
    EXPECT_EQ(encodeClockTrust(trust),
              R"({"v":1,"signed_at":1795348800,"anchor":1795348805,"uptime_ns":123456789012,"anchored_here":true,)"
              R"("suspected_ns":1,"boot":"6d1bd1a0-3c5d-4e0e-9f5b-0b6f6c0c2b11","boottime_ns":7,"flag":3,)"
              R"("rewound":true,"watermark":253402300799,"steady_wall":1795348800,"steady_ns":6})");
    EXPECT_EQ(decodeClockTrust(encodeClockTrust(trust)), trust);
}

TEST(ClockClaims, RefuseEverythingElse) {
    const std::string good = encodeClockTrust({});
    ASSERT_TRUE(decodeClockTrust(good));
    const auto edited = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return decodeClockTrust(text.replace(at, from.size(), to));
    };
    EXPECT_FALSE(edited(R"("v":1)", R"("v":2)"));
    EXPECT_FALSE(edited(R"("v":1)", R"("v": 1)"));
    EXPECT_FALSE(edited(R"("flag":0)", R"("flag":4)"));
    EXPECT_FALSE(edited(R"("flag":0)", R"("flag":-1)"));
    EXPECT_FALSE(edited(R"("uptime_ns":0)", R"("uptime_ns":-1)"));
    EXPECT_FALSE(edited(R"("uptime_ns":0)", R"("uptime_ns":0.5)"));
    EXPECT_FALSE(edited(R"("uptime_ns":0)", R"("uptime_ns":9223372036854775808)"));
    EXPECT_FALSE(edited(R"("anchor":0)", R"("anchor":1)")) << "an anchor without a signed time";
    EXPECT_FALSE(edited(R"("anchored_here":false)", R"("anchored_here":true)"));
    EXPECT_FALSE(edited(R"("rewound":false)", R"("rewound":false,"more":1)"));
    EXPECT_FALSE(edited(R"("rewound":false)", R"("rewound":false,"steady_wall":1)"));
    EXPECT_FALSE(edited(R"("rewound":false)", R"("rewound":false,"steady_wall":1,"steady_ns":1)")) << "not yet";
    EXPECT_FALSE(edited(R"("rewound":false)", R"("rewound":null)"));
    for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(decodeClockTrust(good.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace entitle
