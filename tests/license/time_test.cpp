#include "license/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace entitle {
namespace {

Instant instant(std::int64_t seconds) {
    return Instant{Seconds{seconds}};
}

TEST(Time, PrintsRfc3339) {
    EXPECT_EQ(toRfc3339(instant(0)), "1970-01-01T00:00:00Z");
    EXPECT_EQ(toRfc3339(instant(-1)), "1969-12-31T23:59:59Z");
    EXPECT_EQ(toRfc3339(instant(951'782'400)), "2000-02-29T00:00:00Z");
    EXPECT_EQ(toRfc3339(instant(2'147'483'648)), "2038-01-19T03:14:08Z");
    EXPECT_EQ(toRfc3339(instant(4'294'967'296)), "2106-02-07T06:28:16Z");
    EXPECT_EQ(toRfc3339(earliestInstant), "2020-01-01T00:00:00Z");
    EXPECT_EQ(toRfc3339(latestInstant), "9999-12-31T23:59:59Z");
}

TEST(Time, PrintsEveryInstantThereIs) {
    EXPECT_EQ(toRfc3339(latestInstant + Seconds{1}), "10000-01-01T00:00:00Z");
    EXPECT_EQ(toRfc3339(Instant::max()), "292277026596-12-04T15:30:07Z");
    EXPECT_EQ(toRfc3339(Instant::min()), "-292277022657-01-27T08:29:52Z");
}

TEST(Time, ReadsOnlyTheFormItPrints) {
    EXPECT_EQ(fromRfc3339("2026-11-22T09:15:00Z"), instant(1'795'338'900));
    for (const char* text : {"",
                             "2026-11-22",
                             "2026-11-22T09:15:00",
                             "2026-11-22T09:15:00z",
                             "2026-11-22t09:15:00Z",
                             "2026-11-22 09:15:00Z",
                             "2026-11-22T09:15:00+00:00",
                             "2026-11-22T09:15:00.0Z",
                             " 2026-11-22T09:15:00Z",
                             "2026-11-22T09:15:00Z ",
                             "2026-11-22T24:00:00Z",
                             "2026-11-22T09:60:00Z",
                             "2016-12-31T23:59:60Z",
                             "2026-02-29T00:00:00Z",
                             "2100-02-29T00:00:00Z",
                             "2026-04-31T00:00:00Z",
                             "2026-00-10T00:00:00Z",
                             "2026-13-10T00:00:00Z",
                             "2026-11-00T00:00:00Z",
                             "+026-11-22T09:15:00Z",
                             "-026-11-22T09:15:00Z",
                             "20x6-11-22T09:15:00Z",
                             "2026-11-22T09:15:0\xc2",
                             "12026-11-22T09:15:00Z"})
        EXPECT_EQ(fromRfc3339(text), std::nullopt) << text;
}

RC_GTEST_PROP(Time, WhatIsPrintedReadsBack, ()) {
    // The years 0000 to 9999: what has four digits.
    const Instant t =
        instant(*rc::gen::inRange<std::int64_t>(-62'167'219'200, latestInstant.time_since_epoch().count() + 1));
    RC_ASSERT(fromRfc3339(toRfc3339(t)) == t);
}

RC_GTEST_PROP(Time, LaterInstantsPrintGreaterText, ()) {
    const auto within = rc::gen::inRange<std::int64_t>(-62'167'219'200, latestInstant.time_since_epoch().count() + 1);
    const Instant a = instant(*within);
    const Instant b = instant(*within);
    RC_ASSERT((a < b) == (toRfc3339(a) < toRfc3339(b)));
}

RC_GTEST_PROP(Time, ReadingAnyTextIsTotal, (const std::string& text)) {
    if (const auto t = fromRfc3339(text)) RC_ASSERT(toRfc3339(*t) == text);
}

TEST(Time, DurationsAreSaidInAtMostTwoUnits) {
    EXPECT_EQ(describeDuration(Seconds{0}), "0 seconds");
    EXPECT_EQ(describeDuration(Seconds{-5}), "0 seconds");
    EXPECT_EQ(describeDuration(Seconds{1}), "1 second");
    EXPECT_EQ(describeDuration(Seconds{59}), "59 seconds");
    EXPECT_EQ(describeDuration(Seconds{60}), "1 minute");
    EXPECT_EQ(describeDuration(Seconds{12 * 60 + 5}), "12 minutes 5 seconds");
    EXPECT_EQ(describeDuration(Seconds{3600}), "1 hour");
    EXPECT_EQ(describeDuration(Seconds{3600 + 5}), "1 hour");
    EXPECT_EQ(describeDuration(Seconds{3 * 86'400 + 4 * 3600 + 59 * 60}), "3 days 4 hours");
    EXPECT_EQ(describeDuration(Seconds{3 * 86'400 + 59 * 60}), "3 days");
    EXPECT_EQ(describeDuration(Seconds::min()), "0 seconds");
    EXPECT_EQ(describeDuration(Seconds::max()), "106751991167300 days 15 hours");
}

TEST(Time, SumsStopAtTheEndsOfTheRange) {
    EXPECT_EQ(plus(instant(10), Seconds{5}), instant(15));
    EXPECT_EQ(plus(instant(10), Seconds{-15}), instant(-5));
    EXPECT_EQ(plus(Instant::max(), Seconds{1}), Instant::max());
    EXPECT_EQ(plus(instant(1), Seconds::max()), Instant::max());
    EXPECT_EQ(plus(instant(-2), Seconds::min()), Instant::min());
    EXPECT_EQ(plus(Instant::min(), Seconds::max()), instant(-1));
}

}  // namespace
}  // namespace entitle
