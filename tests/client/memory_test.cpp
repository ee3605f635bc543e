#include "client/memory.h"

#include <gtest/gtest.h>

#include "client/fallback.h"
#include "license/entitlements.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;

const Memory::Now start{std::chrono::system_clock::time_point{1'800'000'000s},
                        std::chrono::steady_clock::time_point{1000s}};

Memory::Now later(std::chrono::seconds wall, std::chrono::seconds steady) {
    return {start.wall + wall, start.steady + steady};
}

Answer allowed(std::optional<std::chrono::seconds> until = {}) {
    Answer out;
    out.allowed = true;
    if (until) out.until = std::chrono::time_point_cast<std::chrono::seconds>(start.wall) + *until;
    return out;
}

TEST(Memory, GivesWhatItWasTold) {
    Memory memory;
    EXPECT_FALSE(memory.answer("live_trading", start));
    memory.keep("live_trading", allowed(), start);
    ASSERT_TRUE(memory.answer("live_trading", start));
    EXPECT_TRUE(memory.answer("live_trading", start)->allowed);
    EXPECT_FALSE(memory.answer("advanced_ml", start));
}

TEST(Memory, ForgetsAnAnswerWhenItSaysItMayChange) {
    Memory memory;
    memory.keep("live_trading", allowed(60s), start);
    EXPECT_TRUE(memory.answer("live_trading", later(59s, 59s)));
    EXPECT_FALSE(memory.answer("live_trading", later(60s, 60s)));
}

TEST(Memory, AClockSetBackProlongsNothingBeyondADay) {
    Memory memory;
    memory.keep("live_trading", allowed(60s), start);
    memory.keep("advanced_ml", allowed(), start);
    EXPECT_TRUE(memory.answer("advanced_ml", later(0s, rememberFor)));
    EXPECT_FALSE(memory.answer("advanced_ml", later(-100h, rememberFor + 1s)));
    EXPECT_FALSE(memory.answer("live_trading", later(-100h, rememberFor + 1s)));
}

TEST(Memory, AnotherStandingMakesOldAnswersVoid) {
    Memory memory;
    Status status;
    status.standing = Status::Standing::active;
    memory.keep(status, start);
    memory.keep("live_trading", allowed(), start);
    memory.keep(status, start);
    EXPECT_TRUE(memory.answer("live_trading", start)) << "nothing has changed";
    status.standing = Status::Standing::revoked;
    memory.keep(status, start);
    EXPECT_FALSE(memory.answer("live_trading", start));
}

TEST(Memory, AStatusEndsWithItsRights) {
    Memory memory;
    Status status;
    status.standing = Status::Standing::active;
    status.graceUntil = std::chrono::time_point_cast<std::chrono::seconds>(start.wall) + 3600s;
    memory.keep(status, start);
    EXPECT_TRUE(memory.status(later(3599s, 3599s)));
    EXPECT_FALSE(memory.status(later(3600s, 3600s)));
}

TEST(Memory, InventedNamesDoNotGrowIt) {
    Memory memory;
    for (int i = 0; i < 10'000; ++i) memory.keep(std::to_string(i), allowed(), start);
    EXPECT_TRUE(memory.answer("0", start));
    EXPECT_FALSE(memory.answer("9999", start));
}

TEST(Fallback, NamesAndNumbersOfReasonsAreTheCores) {
    for (int number = 0; number < static_cast<int>(Answer::Reason::other); ++number) {
        EXPECT_EQ(std::string_view(toString(static_cast<Answer::Reason>(number))),
                  toString(static_cast<Reason>(number)))
            << number;
    }
}

TEST(Fallback, SaysWhatTheDaemonWouldSayInDemoMode) {
    const Origin origin{Source::demo, Unavailable::notRunning, "why"};
    const auto live = fallback::check("live_trading", origin);
    EXPECT_FALSE(live.allowed);
    EXPECT_EQ(live.message, "Upgrade to Basic");
    EXPECT_EQ(live.origin.why, Unavailable::notRunning);
    EXPECT_EQ(fallback::check("no_such_thing", origin).reason, Answer::Reason::unknownName);
    EXPECT_EQ(fallback::check("No Name", origin).reason, Answer::Reason::badName);
    EXPECT_EQ(fallback::features(origin).list.size(), builtinCatalogue().features.size());
}

}  // namespace
}  // namespace entitle
