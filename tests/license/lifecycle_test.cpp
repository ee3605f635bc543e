#include "license/lifecycle.h"

#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/license/sample_license.h"

namespace entitle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Effects as text, so that order and content are compared at a glance.
std::vector<std::string> told(const std::vector<Effect>& effects) {
    std::vector<std::string> lines;
    for (const Effect& effect : effects) {
        if (std::holds_alternative<Persist>(effect)) lines.emplace_back("persist");
        if (const auto* shrink = std::get_if<ShrinkSlots>(&effect))
            lines.push_back("shrink " +
                            (shrink->windDownUntil ? toRfc3339(*shrink->windDownUntil) : std::string("now")));
        if (const auto* notify = std::get_if<Notify>(&effect))
            lines.push_back(std::string(toString(notify->from)) + " to " + std::string(toString(notify->to)));
    }
    return lines;
}

std::string shrinkAt(Instant t) {
    return "shrink " + toRfc3339(t);
}

License withEnd(Instant end) {
    License license = sampleLicense();
    license.endsAt = end;
    return license;
}

State revokedAt(Instant t) {
    State state = licensed();
    state.ended = Ended{Standing::revoked, t};
    return step(state, Tick{}, at(t)).state;
}

// --- time in a document
// -----------------------------------------------------------------------------------------------
TEST(Lifecycle, NoLicenseIsDemoForEver) {
    EXPECT_EQ(standingOf({}, at(noon)), Standing::demo);
    EXPECT_EQ(nextWake({}, at(noon)), std::nullopt);
    EXPECT_EQ(deadlineOf({}, at(noon)), std::nullopt);
    EXPECT_EQ(holdOf({}, at(noon)), Hold{});
}

TEST(Lifecycle, ActiveThenGraceThenExpiredFollowFromTimeAlone) {
    const State state = licensed();
    EXPECT_EQ(standingOf(state, at(noon - Seconds{1})), Standing::notYetValid);
    EXPECT_EQ(standingOf(state, at(noon)), Standing::active);
    EXPECT_EQ(standingOf(state, at(noon + 14 * day - Seconds{1})), Standing::active);
    EXPECT_EQ(standingOf(state, at(noon + 14 * day)), Standing::grace);
    EXPECT_EQ(standingOf(state, at(noon + 21 * day - Seconds{1})), Standing::grace);
    EXPECT_EQ(standingOf(state, at(noon + 21 * day)), Standing::expired);
}

TEST(Lifecycle, SilenceOfTheAuthorityNeverEndsHeldSlots) {
    const State state = licensed();
    EXPECT_EQ(holdOf(state, at(noon + 21 * day)), (Hold{true, std::nullopt}));
    EXPECT_EQ(holdOf(state, at(latestInstant)), (Hold{true, std::nullopt}));
    const Step expired = step(state, Tick{}, at(noon + 21 * day));
    EXPECT_THAT(told(expired.effects), ElementsAre("persist", "active to expired"));
}

TEST(Lifecycle, RealEndStartsTheWindDown) {
    const Instant end = noon + 10 * day;
    const State state = licensed(withEnd(end));
    EXPECT_EQ(standingOf(state, at(end - Seconds{1})), Standing::active);
    EXPECT_EQ(standingOf(state, at(end)), Standing::windingDown);
    EXPECT_EQ(holdOf(state, at(end)), (Hold{false, end + day}));
    EXPECT_EQ(standingOf(state, at(end + day - Seconds{1})), Standing::windingDown);
    EXPECT_EQ(standingOf(state, at(end + day)), Standing::expired);
    EXPECT_EQ(holdOf(state, at(end + day)), Hold{});
}

TEST(Lifecycle, GraceNeverPassesTheRealEnd) {
    const Instant end = noon + 16 * day;
    const State state = licensed(withEnd(end));
    EXPECT_EQ(standingOf(state, at(end - Seconds{1})), Standing::grace);
    EXPECT_EQ(deadlineOf(state, at(end - Seconds{1})), end);
    EXPECT_EQ(standingOf(state, at(end)), Standing::windingDown);
}

TEST(Lifecycle, RealEndAfterGraceStillEndsHeldSlots) {
    const Instant end = noon + 30 * day;
    const State state = licensed(withEnd(end));
    EXPECT_EQ(standingOf(state, at(noon + 21 * day)), Standing::expired);
    EXPECT_EQ(holdOf(state, at(end - Seconds{1})), (Hold{true, std::nullopt}));
    EXPECT_EQ(holdOf(state, at(end)), (Hold{false, end + day}));
    EXPECT_EQ(standingOf(state, at(end)), Standing::expired);
    EXPECT_EQ(holdOf(state, at(end + day)), Hold{});
    EXPECT_EQ(nextWake(state, at(noon + 21 * day)), end);
    EXPECT_EQ(nextWake(state, at(end)), end + day);
    EXPECT_EQ(nextWake(state, at(end + day)), std::nullopt);
}

TEST(Lifecycle, WindDownIsToldAtItsBeginAndAtItsEnd) {
    const Instant end = noon + 10 * day;
    const Step begin = step(licensed(withEnd(end)), Tick{}, at(end));
    EXPECT_THAT(told(begin.effects), ElementsAre("persist", shrinkAt(end + day), "active to winding-down"));
    EXPECT_THAT(told(step(begin.state, Tick{}, at(end + Seconds{1})).effects), IsEmpty());
    const Step over = step(begin.state, Tick{}, at(end + day));
    EXPECT_THAT(told(over.effects), ElementsAre("persist", "shrink now", "winding-down to expired"));
    EXPECT_THAT(told(step(over.state, Tick{}, at(end + 2 * day)).effects), IsEmpty());
}

TEST(Lifecycle, WindDownMissedWhileTheMachineSleptEndsSlotsAtOnce) {
    const Instant end = noon + 10 * day;
    const Step late = step(licensed(withEnd(end)), Resumed{}, at(end + 5 * day));
    EXPECT_THAT(told(late.effects), ElementsAre("persist", "shrink now", "active to expired"));
}

TEST(Lifecycle, NoWindDownMeansSlotsEndWithTheLicense) {
    License license = withEnd(noon + 10 * day);
    license.windDown = Seconds{0};
    const Step end = step(licensed(license), Tick{}, at(noon + 10 * day));
    EXPECT_EQ(end.state.reported, Standing::expired);
    EXPECT_THAT(told(end.effects), ElementsAre("persist", "shrink now", "active to expired"));
}

TEST(Lifecycle, ClockBeforeTheDocumentGrantsNothingAndEndsNoSlot) {
    const Step early = step(licensed(), Tick{}, at(Instant{}));
    EXPECT_EQ(early.state.reported, Standing::notYetValid);
    EXPECT_EQ(holdOf(early.state, at(Instant{})), (Hold{true, std::nullopt}));
    EXPECT_EQ(deadlineOf(early.state, at(Instant{})), noon);
    EXPECT_EQ(nextWake(early.state, at(Instant{})), noon);
    EXPECT_EQ(step(early.state, Tick{}, at(noon)).state.reported, Standing::active);
}

TEST(Lifecycle, DeadlinesAreThoseAPersonWaitsFor) {
    const State state = licensed();
    EXPECT_EQ(deadlineOf(state, at(noon)), noon + 14 * day);
    EXPECT_EQ(deadlineOf(state, at(noon + 15 * day)), noon + 21 * day);
    EXPECT_EQ(deadlineOf(state, at(noon + 22 * day)), std::nullopt);
    EXPECT_EQ(deadlineOf(licensed(withEnd(noon + 10 * day)), at(noon + 10 * day)), noon + 11 * day);
}

TEST(Lifecycle, ImpossibleSpansAndDatesAreAnswered) {
    License license = sampleLicense();
    license.grace = Seconds::max();
    license.windDown = Seconds::min();
    license.endsAt = Instant::max();
    const State state = licensed(license);
    EXPECT_EQ(standingOf(state, at(latestInstant)), Standing::grace);
    EXPECT_EQ(standingOf(state, at(Instant::min())), Standing::notYetValid);
    EXPECT_EQ(nextWake(state, at(noon + 14 * day)), Instant::max());
}

// --- a signed no
// ------------------------------------------------------------------------------------------------------
TEST(Lifecycle, SignedNoEndsRightsAtAnyTimeAndWindsDown) {
    const State state = revokedAt(noon + day);
    for (const Instant t : {Instant{}, noon, noon + day, noon + 30 * day, latestInstant})
        EXPECT_EQ(standingOf(state, at(t)), Standing::revoked) << toRfc3339(t);
    EXPECT_EQ(holdOf(state, at(noon + day)), (Hold{false, noon + 2 * day}));
    EXPECT_EQ(nextWake(state, at(noon + day)), noon + 2 * day);
    EXPECT_THAT(told(step(state, Tick{}, at(noon + 2 * day)).effects), ElementsAre("persist", "shrink now"));
}

TEST(Lifecycle, SignedNoAfterTheEndProlongsNothing) {
    State state = licensed(withEnd(noon + day));
    state.ended = Ended{Standing::revoked, noon + day + hours{12}};
    EXPECT_EQ(holdOf(state, at(noon + day + hours{13})), (Hold{false, noon + 2 * day}));
}

TEST(Lifecycle, NewerSignedYesLiftsTheNo) {
    const State suspended = [] {
        State state = licensed();
        state.ended = Ended{Standing::suspended, noon + day};
        return step(state, Tick{}, at(noon + day)).state;
    }();
    EXPECT_EQ(suspended.reported, Standing::suspended);
    EXPECT_EQ(step(suspended, Imported{sampleLicense()}, at(noon + day)).state.reported, Standing::suspended)
        << "the document that was suspended lifts nothing";
    License newer = sampleLicense();
    newer.sequence = 6;
    EXPECT_EQ(step(suspended, Imported{newer}, at(noon + day)).state.reported, Standing::active);
}

// --- import
// -----------------------------------------------------------------------------------------------------------
TEST(Import, ValidLicenseIsStoredAndTold) {
    const Step imported = step({}, Imported{sampleLicense()}, at(noon));
    EXPECT_EQ(imported.refusal, Refusal::none);
    EXPECT_EQ(imported.state.current, sampleLicense());
    EXPECT_EQ(minimumSequenceOf(imported.state, sampleLicense().id), 5u);
    EXPECT_EQ(highestSequence(imported.state), 5u);
    EXPECT_THAT(told(imported.effects), ElementsAre("persist", "demo to active"));
}

TEST(Import, SameDocumentAgainChangesNothing) {
    const State state = licensed();
    const Step again = step(state, Imported{sampleLicense()}, at(noon + day));
    EXPECT_EQ(again.refusal, Refusal::none);
    EXPECT_EQ(again.state, state);
    EXPECT_THAT(again.effects, IsEmpty());
}

void expectRefused(const State& state, const License& license, Instant t, Refusal refusal, Match match = Match::same) {
    const State settled = step(state, Tick{}, at(t)).state;
    const Step refused = step(settled, Imported{license, match}, at(t));
    EXPECT_EQ(refused.refusal, refusal) << toString(refused.refusal);
    EXPECT_EQ(refused.state, settled);
    EXPECT_THAT(refused.effects, IsEmpty());
}

TEST(Import, OlderDocumentIsRefused) {
    License older = sampleLicense();
    older.sequence = 4;
    expectRefused(licensed(), older, noon, Refusal::lowerSequence);
}

TEST(Import, OtherDocumentOfTheSameNumberIsRefused) {
    License twin = sampleLicense();
    twin.maxBots = unlimited;
    expectRefused(licensed(), twin, noon, Refusal::lowerSequence);
}

TEST(Import, NumbersOfDifferentLicensesDoNotCompare) {
    License other = sampleLicense();
    other.id = {"lic_other00000000000"};
    other.sequence = 1;
    const Step imported = step(licensed(), Imported{other}, at(noon));
    EXPECT_EQ(imported.refusal, Refusal::none);
    EXPECT_EQ(imported.state.current, other);
    const Step back = step(imported.state, Imported{sampleLicense()}, at(noon));
    EXPECT_EQ(back.refusal, Refusal::none) << "number 5 was seen, and nothing newer";
    License older = sampleLicense();
    older.sequence = 4;
    expectRefused(imported.state, older, noon, Refusal::lowerSequence);
}

TEST(Import, DocumentOfTheFutureIsRefused) {
    expectRefused({}, sampleLicense(), noon - Seconds{1}, Refusal::notYetValid);
    expectRefused({}, sampleLicense(), Instant{}, Refusal::notYetValid);
}

TEST(Import, DocumentInGraceIsTakenAndOnePastItIsRefused) {
    EXPECT_EQ(step({}, Imported{sampleLicense()}, at(noon + 21 * day - Seconds{1})).state.reported, Standing::grace);
    expectRefused({}, sampleLicense(), noon + 21 * day, Refusal::alreadyOver);
    expectRefused({}, withEnd(noon + day), noon + day, Refusal::alreadyOver);
    expectRefused({}, sampleLicense(), latestInstant, Refusal::alreadyOver);
}

TEST(Import, AnswerToAnotherRequestIsRefused) {
    License answer = sampleLicense();
    answer.nonce = "BBBBBBBBBBBBBBBBBBBBBB";
    expectRefused({}, answer, noon, Refusal::otherNonce);
    const State waiting = step({}, Requested{{"CCCCCCCCCCCCCCCCCCCCCC", noon}}, at(noon)).state;
    expectRefused(waiting, answer, noon, Refusal::otherNonce);
}

TEST(Import, AnswerToOurRequestSettlesIt) {
    const State waiting = step({}, Requested{{"BBBBBBBBBBBBBBBBBBBBBB", noon}}, at(noon)).state;
    ASSERT_TRUE(waiting.pending);
    License answer = sampleLicense();
    answer.nonce = "BBBBBBBBBBBBBBBBBBBBBB";
    const Step imported = step(waiting, Imported{answer}, at(noon));
    EXPECT_EQ(imported.refusal, Refusal::none);
    EXPECT_FALSE(imported.state.pending);
    License renewed = answer;  // a later document of the same request
    renewed.sequence = 6;
    EXPECT_EQ(step(imported.state, Imported{renewed}, at(noon)).refusal, Refusal::none);
}

TEST(Import, UnaskedDocumentLeavesOurRequestWaiting) {
    const State waiting = step({}, Requested{{"BBBBBBBBBBBBBBBBBBBBBB", noon}}, at(noon)).state;
    const Step imported = step(waiting, Imported{sampleLicense()}, at(noon));
    EXPECT_EQ(imported.state.reported, Standing::active);
    EXPECT_EQ(imported.state.pending, waiting.pending);
}

TEST(Import, DocumentOfOtherHardwareIsRefused) {
    expectRefused({}, sampleLicense(), noon, Refusal::wrongDevice, Match::different);
    expectRefused(licensed(), sampleLicense(), noon, Refusal::wrongDevice, Match::different);
}

TEST(Import, DriftingHardwareIsTakenForAWeek) {
    const Step imported = step({}, Imported{sampleLicense(), Match::drift}, at(noon));
    EXPECT_EQ(imported.state.reported, Standing::active);
    EXPECT_EQ(deadlineOf(imported.state, at(noon)), noon + 7 * day);
    EXPECT_EQ(standingOf(imported.state, at(noon + 7 * day)), Standing::wrongDevice);
}

TEST(Import, SmallerDocumentWindsDownWhatIsAboveIt) {
    License smaller = sampleLicense();
    smaller.sequence = 6;
    smaller.maxBots = 10;
    const Step imported = step(licensed(), Imported{smaller}, at(noon + day));
    EXPECT_THAT(told(imported.effects), ElementsAre("persist", shrinkAt(noon + 2 * day)));
    EXPECT_EQ(holdOf(imported.state, at(noon + day)), (Hold{false, noon + 2 * day}));
    EXPECT_EQ(nextWake(imported.state, at(noon + day)), noon + 2 * day);
    const Step over = step(imported.state, Tick{}, at(noon + 2 * day));
    EXPECT_THAT(told(over.effects), ElementsAre("persist", "shrink now"));
    EXPECT_EQ(holdOf(over.state, at(noon + day)), Hold{}) << "a clock turned back does not revive it";
}

TEST(Import, LargerDocumentShrinksNothing) {
    License larger = sampleLicense();
    larger.sequence = 6;
    larger.maxBots = unlimited;
    EXPECT_THAT(told(step(licensed(), Imported{larger}, at(noon)).effects), ElementsAre("persist"));
}

TEST(Import, RemembersTheLast64Licenses) {
    State state;
    License license = sampleLicense();
    for (int i = 0; i < 100; ++i) {
        license.id = {"lic_" + std::to_string(1'000'000'000'000'000 + i)};
        state = step(state, Imported{license}, at(noon)).state;
    }
    EXPECT_EQ(state.minimumSequence.size(), maxSequenceFloors);
    EXPECT_EQ(minimumSequenceOf(state, license.id), 5u);
    EXPECT_EQ(minimumSequenceOf(state, {"lic_1000000000000036"}), 5u);
    EXPECT_EQ(minimumSequenceOf(state, {"lic_1000000000000035"}), 0u);
}

// --- deactivation
// -----------------------------------------------------------------------------------------------------
TEST(Deactivate, ReturnsToDemoAndEndsSlotsAtOnce) {
    const Step gone = step(licensed(), DeactivateRequested{}, at(noon + day));
    EXPECT_EQ(gone.refusal, Refusal::none);
    EXPECT_EQ(gone.state.reported, Standing::demo);
    EXPECT_FALSE(gone.state.current);
    EXPECT_THAT(told(gone.effects), ElementsAre("persist", "shrink now", "active to demo"));
}

TEST(Deactivate, DocumentGivenUpCannotComeBack) {
    const State gone = step(licensed(), DeactivateRequested{}, at(noon)).state;
    EXPECT_EQ(minimumSequenceOf(gone, sampleLicense().id), 6u);
    expectRefused(gone, sampleLicense(), noon, Refusal::lowerSequence);
    License newer = sampleLicense();
    newer.sequence = 6;
    EXPECT_EQ(step(gone, Imported{newer}, at(noon)).state.reported, Standing::active);
}

TEST(Deactivate, WithoutALicenseIsRefused) {
    const Step nothing = step({}, DeactivateRequested{}, at(noon));
    EXPECT_EQ(nothing.refusal, Refusal::nothingToDeactivate);
    EXPECT_EQ(nothing.state, State{});
    EXPECT_THAT(nothing.effects, IsEmpty());
}

TEST(Deactivate, KeepsARequestThatWaits) {
    const State waiting = step(licensed(), Requested{{"BBBBBBBBBBBBBBBBBBBBBB", noon}}, at(noon)).state;
    EXPECT_EQ(step(waiting, DeactivateRequested{}, at(noon)).state.pending, waiting.pending);
}

TEST(Deactivate, EndsSlotsThatExpiryWouldHaveKept) {
    const State expired = step(licensed(), Tick{}, at(noon + 30 * day)).state;
    EXPECT_THAT(told(step(expired, DeactivateRequested{}, at(noon + 30 * day)).effects),
                ElementsAre("persist", "shrink now", "expired to demo"));
}

// --- hardware
// ---------------------------------------------------------------------------------------------------------
TEST(Hardware, DifferentMachineIsDeniedWithWindDown) {
    const Step moved = step(licensed(), DeviceChanged{Match::different}, at(noon + day));
    EXPECT_THAT(told(moved.effects), ElementsAre("persist", shrinkAt(noon + 2 * day), "active to wrong-device"));
    const Step again = step(moved.state, DeviceChanged{Match::different}, at(noon + day + hours{1}));
    EXPECT_THAT(again.effects, IsEmpty()) << "a second look does not start the wind-down anew";
    EXPECT_THAT(told(step(again.state, Tick{}, at(noon + 2 * day)).effects), ElementsAre("persist", "shrink now"));
}

TEST(Hardware, SameMachineAgainHeals) {
    const State moved = step(licensed(), DeviceChanged{Match::different}, at(noon + day)).state;
    const Step healed = step(moved, DeviceChanged{Match::same}, at(noon + day));
    EXPECT_EQ(healed.state.reported, Standing::active);
    EXPECT_EQ(healed.state.binding, Binding{});
}

TEST(Hardware, DriftWorksForSevenDays) {
    const Step drifted = step(licensed(), DeviceChanged{Match::drift}, at(noon + day));
    EXPECT_THAT(told(drifted.effects), ElementsAre("persist"));
    EXPECT_EQ(deadlineOf(drifted.state, at(noon + day)), noon + 8 * day);
    EXPECT_EQ(nextWake(drifted.state, at(noon + day)), noon + 8 * day);
    EXPECT_EQ(standingOf(drifted.state, at(noon + 8 * day - Seconds{1})), Standing::active);
    const Step over = step(drifted.state, Tick{}, at(noon + 8 * day));
    EXPECT_THAT(told(over.effects), ElementsAre("persist", shrinkAt(noon + 9 * day), "active to wrong-device"));
}

TEST(Hardware, DriftIsCountedFromTheFirstTimeItWasSeen) {
    State state = step(licensed(), DeviceChanged{Match::drift}, at(noon)).state;
    state = step(state, DeviceChanged{Match::drift}, at(noon + 3 * day)).state;
    state = step(state, DeviceChanged{Match::different}, at(noon + 4 * day)).state;
    state = step(state, DeviceChanged{Match::drift}, at(noon + 5 * day)).state;
    EXPECT_EQ(standingOf(state, at(noon + 5 * day)), Standing::active);
    EXPECT_EQ(state.binding.driftSince, noon);
    state = step(state, DeviceChanged{Match::same}, at(noon + 6 * day)).state;
    state = step(state, DeviceChanged{Match::drift}, at(noon + 6 * day)).state;
    EXPECT_EQ(state.binding.driftSince, noon + 6 * day);
}

TEST(Hardware, LicenseThatWasOverBeforeStaysExpiredWhenDriftRunsOut) {
    const State state = step(licensed(), DeviceChanged{Match::drift}, at(noon + 18 * day)).state;
    EXPECT_EQ(standingOf(state, at(noon + 21 * day)), Standing::expired);
    EXPECT_EQ(standingOf(state, at(noon + 26 * day)), Standing::expired);
    EXPECT_EQ(holdOf(state, at(noon + 25 * day - Seconds{1})), (Hold{true, std::nullopt}));
    EXPECT_EQ(holdOf(state, at(noon + 25 * day)), (Hold{false, noon + 26 * day}))
        << "no contact excuses no other machine";
}

TEST(Hardware, NothingIsBoundWithoutALicense) {
    const Step nothing = step({}, DeviceChanged{Match::different}, at(noon));
    EXPECT_EQ(nothing.state, State{});
    EXPECT_THAT(nothing.effects, IsEmpty());
}

// --- requests
// ---------------------------------------------------------------------------------------------------------
TEST(Request, NeverHidesAValidLicense) {
    const Step asked = step(licensed(), Requested{{"BBBBBBBBBBBBBBBBBBBBBB", noon}}, at(noon));
    EXPECT_THAT(told(asked.effects), ElementsAre("persist"));
    EXPECT_EQ(asked.state.reported, Standing::active);
    const Step again = step(asked.state, Requested{{"BBBBBBBBBBBBBBBBBBBBBB", noon}}, at(noon));
    EXPECT_THAT(again.effects, IsEmpty());
}

TEST(Lifecycle, EveryStandingAndRefusalHasWords) {
    for (int i = 0; i <= 8; ++i) {
        EXPECT_NE(toString(static_cast<Standing>(i)), "unknown") << i;
        EXPECT_FALSE(toString(static_cast<Standing>(i)).empty()) << i;
    }
    for (int i = 0; i <= static_cast<int>(Refusal::nothingToDeactivate); ++i) {
        EXPECT_NE(toString(static_cast<Refusal>(i)), "unknown") << i;
        EXPECT_EQ(explain(static_cast<Refusal>(i)).back(), '.') << i;
    }
    EXPECT_EQ(toString(static_cast<Standing>(200)), "unknown");
    EXPECT_EQ(toString(static_cast<Refusal>(200)), "unknown");
    EXPECT_FALSE(explain(static_cast<Refusal>(200)).empty());
}

TEST(Lifecycle, SpentClockTakesRightsUntilItIsRightAgainAndStopsNoRunningBot) {
    State state;
    state.current = sampleLicense();
    const Now now = at(noon + day);
    auto done = step(state, Tick{}, now);
    ASSERT_EQ(done.state.reported, Standing::active);
    done = step(done.state, ClockJudged{true}, now);
    EXPECT_EQ(done.state.reported, Standing::expired);
    EXPECT_EQ(holdOf(done.state, now), (Hold{true, std::nullopt}));
    done = step(done.state, ClockJudged{false}, now);
    EXPECT_EQ(done.state.reported, Standing::active);
}

TEST(Lifecycle, NewDocumentEndsWhatASpentClockTook) {
    State state;
    state.current = sampleLicense();
    state.clockSpent = true;
    License newer = sampleLicense();
    newer.sequence += 1;
    const auto done = step(state, Imported{newer, Match::same}, at(noon + day));
    EXPECT_EQ(done.refusal, Refusal::none);
    EXPECT_EQ(done.state.reported, Standing::active);
}

}  // namespace
}  // namespace entitle
