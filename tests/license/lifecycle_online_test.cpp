// Activation, renewal, outages, conflict and the signed no, event by event.
#include <set>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "license/lifecycle.h"
#include "tests/license/sample_license.h"

namespace entitle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t middle = UINT32_MAX / 2;
const std::string key = "CO-AAAAAAAA-AAAAAAAA-AAAAAAAA-AAAAAAAA";

std::vector<std::string> calls(const Step& done) {
    std::vector<std::string> rids;
    for (const Effect& effect : done.effects)
        if (const auto* call = std::get_if<CallAuthority>(&effect)) rids.push_back(call->rid);
    return rids;
}

bool persists(const Step& done) {
    return !done.effects.empty() && std::holds_alternative<Persist>(done.effects.front());
}

License later(std::uint64_t sequence, Instant issued) {
    License license = sampleLicense();
    license.sequence = sequence;
    license.issuedAt = license.notBefore = issued;
    license.freshUntil = issued + 14 * day;
    return license;
}

Step granted(const State& state, const std::string& rid, const License& license, Instant t,
             const std::string& token = "t2") {
    return step(state, LicenseGranted{rid, license, Match::same, token, {}}, at(t));
}

// Activated online at noon.
State online() {
    const State asked = step({}, ActivateRequested{"r1", key}, at(noon)).state;
    const Step done = granted(asked, "r1", sampleLicense(), noon, "t1");
    EXPECT_EQ(done.refusal, Refusal::none);
    return done.state;
}

// Its renewal under way at `t`, with rid "r2".
State renewing(Instant t = noon + hours{27}) {
    const Step done = step(online(), ContactDue{"r2"}, at(t));
    EXPECT_THAT(calls(done), ElementsAre("r2"));
    return done.state;
}

// --- activation -----------------------------------------------------------------------------------------------------

TEST(Activation, IsPersistedBeforeItIsSent) {
    const Step done = step({}, ActivateRequested{"r1", key}, at(noon));
    EXPECT_TRUE(persists(done));
    EXPECT_THAT(calls(done), ElementsAre("r1"));
    EXPECT_TRUE(std::holds_alternative<CallAuthority>(done.effects.back()));
    const Attempt* attempt = findAttempt(done.state, "r1");
    ASSERT_NE(attempt, nullptr);
    EXPECT_EQ(attempt->key, key);
    EXPECT_EQ(attempt->sent, 1u);
}

TEST(Activation, AgainWithTheSameKeyJoinsTheOneUnderWay) {
    const State first = step({}, ActivateRequested{"r1", key}, at(noon)).state;
    const Step again = step(first, ActivateRequested{"r9", key}, at(noon + Seconds{5}));
    EXPECT_THAT(calls(again), ElementsAre("r1"));
    EXPECT_EQ(again.state.attempts.size(), 1u);
}

TEST(Activation, WithAnotherKeyTakesItsPlace) {
    const State first = step({}, ActivateRequested{"r1", key}, at(noon)).state;
    const Step other = step(first, ActivateRequested{"r2", "CO-B"}, at(noon));
    EXPECT_THAT(calls(other), ElementsAre("r2"));
    EXPECT_EQ(other.state.attempts.size(), 1u);
    EXPECT_EQ(granted(other.state, "r1", sampleLicense(), noon).refusal, Refusal::unknownAttempt);
}

TEST(Activation, GrantedIsInForceWithItsTokenAndTheNextRenewal) {
    const State state = online();
    EXPECT_EQ(state.reported, Standing::active);
    EXPECT_EQ(state.token, "t1");
    EXPECT_TRUE(state.attempts.empty());
    ASSERT_TRUE(state.renewAt);
    EXPECT_GE(*state.renewAt, noon + day - day / 10);
    EXPECT_LE(*state.renewAt, noon + day + day / 10);
    EXPECT_EQ(nextWake(state, at(noon)), state.renewAt);
}

TEST(Activation, DeniedLeavesTheLicenseInForceAlone) {
    const State before = step(licensed(), ActivateRequested{"r1", key}, at(noon)).state;
    const Step done = step(before, LicenseDenied{"r1", {}, SignedEnd::none, noon, {}}, at(noon));
    EXPECT_EQ(done.state, licensed());
}

TEST(Activation, UnderWayNeverHidesAValidLicense) {
    const Step done = step(licensed(), ActivateRequested{"r1", key}, at(noon));
    EXPECT_EQ(done.state.reported, Standing::active);
    EXPECT_EQ(done.state.current, sampleLicense());
}

// A machine whose device key was lost renewed in vain, was activated, and then asked again with the token of before:
// the authority saw two copies of it.
TEST(Activation, EndsTheRenewalThatWaitsWithATokenOfBefore) {
    const Instant t = noon + hours{27};
    State state = step(renewing(), LicenseDenied{"r2", {}, SignedEnd::none, t, hours{2}}, at(t)).state;
    ASSERT_NE(findAttempt(state, "r2"), nullptr);
    state = step(state, ActivateRequested{"r3", key}, at(t)).state;
    state = granted(state, "r3", later(6, t), t, "t3").state;
    EXPECT_THAT(state.attempts, IsEmpty());
    const Step asked = step(state, RefreshRequested{"r4"}, at(t));
    ASSERT_THAT(calls(asked), ElementsAre("r4"));
    EXPECT_EQ(findAttempt(asked.state, "r4")->token, "t3");
}

TEST(Activation, OfAnotherLicenseGivesTheOldSeatBack) {
    License other = sampleLicense();
    other.id = {"lic_other"};
    const State asked = step(renewing(), ActivateRequested{"r3", "CO-B"}, at(noon + hours{28})).state;
    const Step done = granted(asked, "r3", other, noon + hours{28}, "o1");
    EXPECT_EQ(done.state.current, other);
    EXPECT_EQ(done.state.token, "o1");
    // With the rid of the renewal that was waiting: its token may be used up.
    EXPECT_THAT(calls(done), ElementsAre("r2"));
    ASSERT_EQ(done.state.attempts.size(), 1u);
    EXPECT_EQ(done.state.attempts[0].operation, Operation::deactivate);
    EXPECT_EQ(done.state.attempts[0].license, sampleLicense().id);
    EXPECT_EQ(done.state.attempts[0].token, "t1");
}

// --- retries --------------------------------------------------------------------------------------------------------

TEST(Retry, WhileAPersonWaitsDoublesToThirtySecondsForTwoMinutes) {
    Instant t = noon;
    State state = step({}, ActivateRequested{"r1", key}, at(t)).state;
    std::vector<std::int64_t> waits;
    while (t < noon + hours{2}) {
        state = step(state, Unreachable{"r1", std::nullopt, middle}, at(t)).state;
        const Instant next = *contactDueAt(state);
        waits.push_back((next - t).count());
        t = next;
        EXPECT_THAT(calls(step(state, ContactDue{"x"}, at(t))), ElementsAre("r1"));
        state = step(state, ContactDue{"x"}, at(t)).state;
    }
    EXPECT_THAT(waits, ElementsAre(1, 2, 4, 8, 16, 30, 30, 30, 60, 120, 240, 480, 960, 1920, 3840));
}

TEST(Retry, InTheBackgroundDoublesToSixHoursAndIsSpread) {
    EXPECT_EQ(retryDelay(RetryPolicy::background, 1, 0), Seconds{48});
    EXPECT_EQ(retryDelay(RetryPolicy::background, 1, UINT32_MAX), Seconds{72});
    EXPECT_EQ(retryDelay(RetryPolicy::background, 9, middle), Seconds{15360});
    EXPECT_EQ(retryDelay(RetryPolicy::background, 10, middle), hours{6});
    EXPECT_EQ(retryDelay(RetryPolicy::background, UINT32_MAX, UINT32_MAX), Seconds{25920});
    EXPECT_EQ(retryDelay(RetryPolicy::userWaiting, UINT32_MAX, 0), Seconds{30});
}

TEST(Retry, WaitingForNewsBacksOffToAQuarterOfAnHourAndIsSpreadAlsoThen) {
    EXPECT_EQ(waitDelay(1, middle), Seconds{60});
    EXPECT_EQ(waitDelay(1, 0), Seconds{30});
    EXPECT_EQ(waitDelay(4, middle), Seconds{480});
    EXPECT_EQ(waitDelay(5, middle), Seconds{900});
    EXPECT_EQ(waitDelay(UINT32_MAX, 0), Seconds{450});
    EXPECT_EQ(waitDelay(UINT32_MAX, UINT32_MAX), Seconds{1350});
}

TEST(Retry, RetryAfterIsHonouredAndCapped) {
    const State state = renewing();
    const Instant t = noon + hours{27};
    const auto next = [&](Seconds after) {
        return *contactDueAt(step(state, Unreachable{"r2", after, middle}, at(t)).state) - t;
    };
    EXPECT_EQ(next(Seconds{0}), Seconds{60});
    EXPECT_NEAR(next(hours{3}).count(), 11'880, 1) << "everybody is told the same: up to a fifth later";
    EXPECT_NEAR(next(Seconds{1'000'000'000}).count(), 79'200, 1) << "20 to 24 hours";
    for (const auto jitter : {0u, UINT32_MAX}) {
        EXPECT_GE(retryAfterDelay(hours{3}, jitter), hours{3});
        EXPECT_LE(retryAfterDelay(Seconds::max(), jitter), retryAfterCap);
    }
    EXPECT_EQ(next(Seconds{-5}), Seconds{60});
}

TEST(Retry, AQuestionUnderWayIsNotSentTwice) {
    const State state = renewing();
    const Instant t = noon + hours{27};
    EXPECT_FALSE(contactDue(state, at(t + answerLimit - Seconds{1})));
    EXPECT_THAT(step(state, ContactDue{"x"}, at(t + Seconds{60})).effects, IsEmpty());
    EXPECT_THAT(calls(step(state, ContactDue{"x"}, at(t + answerLimit))), ElementsAre("r2"));  // after a crash
}

TEST(Retry, WhatFoundNobodyIsAskedAgainWhenTheNetworkIsBackAndBacksOffOn) {
    const Instant t = noon + hours{27};
    State state = renewing(t);
    for (int failures = 0; failures < 5; ++failures)
        state = step(state, Unreachable{"r2", std::nullopt, middle}, at(t)).state;
    ASSERT_EQ(*contactDueAt(state) - t, Seconds{960});
    const Step back = step(state, NetworkBack{}, at(t + Seconds{60}));
    EXPECT_THAT(calls(back), ElementsAre("r2"));
    EXPECT_TRUE(persists(back)) << "before it is sent";
    EXPECT_EQ(*contactDueAt(back.state), t + Seconds{60} + answerLimit);
    const State again = step(back.state, Unreachable{"r2", std::nullopt, middle}, at(t + Seconds{70})).state;
    EXPECT_EQ(*contactDueAt(again) - t, Seconds{70 + 1920}) << "a network that comes and goes does not begin anew";
}

TEST(Retry, NetworkThatComesBackBeginsNothing) {
    EXPECT_THAT(step(online(), NetworkBack{}, at(noon + hours{20})).effects, IsEmpty());
    EXPECT_THAT(step(licensed(), NetworkBack{}, at(noon)).effects, IsEmpty());
    EXPECT_THAT(step({}, NetworkBack{}, at(noon)).effects, IsEmpty());
    // Under way for the first time: nobody has been missed yet.
    EXPECT_THAT(calls(step(renewing(), NetworkBack{}, at(noon + hours{27}))), IsEmpty());
}

TEST(Retry, ClockTurnedBackDoesNotPutItOffForLong) {
    const State state = renewing();
    const State back = step(state, Tick{}, at(noon - 1000 * day)).state;
    EXPECT_LE(*contactDueAt(back), noon - 999 * day);
    const State idle = step(online(), Tick{}, at(noon - 1000 * day)).state;
    EXPECT_LE(*idle.renewAt, noon - 998 * day);
}

// --- renewal --------------------------------------------------------------------------------------------------------

TEST(Renewal, BeginsWhenDueAndKeepsItsRid) {
    const State state = renewing();
    const Attempt* attempt = findAttempt(state, "r2");
    ASSERT_NE(attempt, nullptr);
    EXPECT_EQ(attempt->operation, Operation::renew);
    EXPECT_EQ(attempt->token, "t1");
    EXPECT_EQ(attempt->license, sampleLicense().id);
    const State retried = step(state, Unreachable{"r2", std::nullopt, middle}, at(noon + hours{27})).state;
    const Step again = step(retried, ContactDue{"r3"}, at(noon + hours{28}));
    EXPECT_THAT(calls(again), ElementsAre("r2"));
    EXPECT_EQ(again.state.attempts.size(), 1u);
}

TEST(Renewal, IsNotBegunBeforeItIsDueNorForALicenseThatCameByFile) {
    EXPECT_THAT(step(online(), ContactDue{"r2"}, at(noon + hours{20})).effects, IsEmpty());
    EXPECT_EQ(contactDueAt(licensed()), std::nullopt);
    EXPECT_THAT(step(licensed(), ContactDue{"r2"}, at(noon + 20 * day)).state.attempts, IsEmpty());
}

TEST(Renewal, GrantedReplacesDocumentTokenAndRidInOneRecord) {
    const License next = later(6, noon + hours{27});
    const Step done = granted(renewing(), "r2", next, noon + hours{27});
    EXPECT_TRUE(persists(done));
    EXPECT_EQ(done.state.current, next);
    EXPECT_EQ(done.state.token, "t2");
    EXPECT_TRUE(done.state.attempts.empty());
    EXPECT_GT(*done.state.renewAt, noon + hours{27 + 21});
}

TEST(Renewal, HealsGrace) {
    State state = renewing();
    for (Instant t = noon + hours{27}; t < noon + 20 * day; t = *contactDueAt(state)) {
        state = step(state, ContactDue{"x"}, at(t)).state;
        state = step(state, Unreachable{"r2", std::nullopt, middle}, at(t)).state;
        ASSERT_TRUE(inForce(state.reported)) << toRfc3339(t);
    }
    EXPECT_EQ(state.reported, Standing::grace);
    EXPECT_EQ(granted(state, "r2", later(6, noon + 20 * day), noon + 20 * day).state.reported, Standing::active);
}

TEST(Renewal, TooLateAnswerChangesNothing) {
    const State state = granted(renewing(), "r2", later(6, noon + hours{27}), noon + hours{27}).state;
    const Step late = granted(state, "r2", later(7, noon + hours{27}), noon + hours{28}, "t3");
    EXPECT_EQ(late.refusal, Refusal::unknownAttempt);
    EXPECT_EQ(late.state, state);
}

TEST(Renewal, RefusedDocumentKeepsTheQuestionAndEveryRight) {
    License other = sampleLicense();
    other.id = {"lic_other"};
    License early = later(6, noon + 40 * day);
    const Instant t = noon + hours{27};
    for (const License& bad : {later(4, t), early, other}) {
        const Step done = granted(renewing(), "r2", bad, t);
        EXPECT_NE(done.refusal, Refusal::none);
        EXPECT_EQ(done.state.current, sampleLicense());
        EXPECT_EQ(done.state.token, "t1");
        EXPECT_NE(findAttempt(done.state, "r2"), nullptr);
        EXPECT_EQ(done.state.reported, Standing::active);
    }
}

// An earlier sending may have been granted and its answer lost: with another rid the device would look like a copy.
TEST(Renewal, DeniedKeepsRidAndToken) {
    const Instant t = noon + hours{27};
    const Step done = step(renewing(), LicenseDenied{"r2", {}, SignedEnd::none, t, hours{2}}, at(t));
    EXPECT_EQ(done.state.reported, Standing::active);
    ASSERT_NE(findAttempt(done.state, "r2"), nullptr);
    EXPECT_EQ(findAttempt(done.state, "r2")->token, "t1");
    EXPECT_EQ(*contactDueAt(done.state), t + hours{2});
}

TEST(Renewal, RefreshAsksAtOnce) {
    const Step fresh = step(online(), RefreshRequested{"r5"}, at(noon + hours{1}));
    EXPECT_THAT(calls(fresh), ElementsAre("r5"));
    EXPECT_TRUE(findAttempt(fresh.state, "r5")->waitingUntil);
    const Step joined = step(renewing(), RefreshRequested{"r5"}, at(noon + hours{28}));
    EXPECT_THAT(calls(joined), ElementsAre("r2"));
    EXPECT_EQ(step({}, RefreshRequested{"r5"}, at(noon)).refusal, Refusal::nothingToRenew);
    const Step enrols = step(licensed(), RefreshRequested{"r5"}, at(noon));
    EXPECT_EQ(findAttempt(enrols.state, "r5")->operation, Operation::reenrol);
}

TEST(Renewal, IntervalIsSpreadByDeviceAndStaysItsOwn) {
    std::set<std::int64_t> intervals;
    for (int i = 0; i < 1000; ++i) {
        const DeviceId device{"device-" + std::to_string(i)};
        const Seconds interval = renewalInterval(day, device);
        EXPECT_EQ(interval, renewalInterval(day, device));
        EXPECT_GE(interval, day - day / 10);
        EXPECT_LE(interval, day + day / 10);
        intervals.insert(interval.count() / 864);  // twenty parts of 864 s
    }
    EXPECT_GE(intervals.size(), 19u);
    EXPECT_EQ(renewalInterval(Seconds{0}, {"x"}), Seconds{0});
}

TEST(Renewal, DriftAsksTheAuthorityToBindAnew) {
    const Step drifted = step(online(), DeviceChanged{Match::drift}, at(noon + hours{1}));
    EXPECT_TRUE(contactDue(drifted.state, at(noon + hours{1})));
    const Step again = step(online(), DeviceChanged{Match::same}, at(noon + hours{1}));
    EXPECT_FALSE(contactDue(again.state, at(noon + hours{1})));
    License bound = later(6, noon + hours{1});
    const State asked = step(drifted.state, ContactDue{"r2"}, at(noon + hours{1})).state;
    EXPECT_EQ(granted(asked, "r2", bound, noon + hours{1}).state.binding, Binding{});
}

TEST(Renewal, SmallerLeaseGivesHeldSlotsTheirWindDown) {
    License leased = later(6, noon + hours{27});
    leased.botsLeased = 10;
    const State state = granted(renewing(), "r2", leased, noon + hours{27}).state;
    EXPECT_EQ(holdOf(state, at(noon + hours{27})), (Hold{false, noon + hours{27} + day}));
}

// --- the signed no --------------------------------------------------------------------------------------------------

TEST(SignedNo, RevokedWindsDownFromWhenItWasHeard) {
    const Instant t = noon + hours{27};
    const Step done = step(renewing(), LicenseDenied{"r2", {}, SignedEnd::revoked, t, {}}, at(t));
    EXPECT_EQ(done.state.reported, Standing::revoked);
    EXPECT_EQ(holdOf(done.state, at(t)), (Hold{false, t + day}));
    // Heard again, it neither ends sooner nor later.
    const Step again =
        step(done.state, LicenseEnded{sampleLicense().id, SignedEnd::revoked, t + day}, at(t + hours{9}));
    EXPECT_EQ(holdOf(again.state, at(t + hours{9})), (Hold{false, t + day}));
    EXPECT_EQ(holdOf(again.state, at(t + day)), Hold{});
}

TEST(SignedNo, OnlyANewerDocumentHealsARevocation) {
    const Instant t = noon + hours{27};
    const State revoked = step(renewing(), LicenseDenied{"r2", {}, SignedEnd::revoked, t, {}}, at(t)).state;
    EXPECT_EQ(step(revoked, Imported{later(9, t - Seconds{1})}, at(t)).refusal, Refusal::endedSince);
    EXPECT_EQ(granted(revoked, "r2", later(9, t - Seconds{1}), t).refusal, Refusal::endedSince);
    EXPECT_EQ(granted(revoked, "r2", later(9, t + Seconds{1}), t + Seconds{1}).state.reported, Standing::active);
    const State reinstated =
        step(revoked, RevocationPushed{1, {{sampleLicense().id, RevocationKind::reinstated, t + day}}}, at(t)).state;
    EXPECT_EQ(reinstated.reported, Standing::revoked);
    EXPECT_TRUE(contactDue(reinstated, at(t)));
    // Nor does giving it up and importing what lay in a drawer.
    const State dropped = step(revoked, DeactivateRequested{"r9"}, at(t)).state;
    EXPECT_EQ(step(dropped, Imported{later(9, t - Seconds{1})}, at(t)).refusal, Refusal::endedSince);
}

TEST(SignedNo, SuspendedIsReinstatedByAList) {
    const LicenseId id = sampleLicense().id;
    const State suspended =
        step(online(), RevocationPushed{3, {{id, RevocationKind::suspended, noon + hours{1}}}}, at(noon + hours{2}))
            .state;
    EXPECT_EQ(suspended.reported, Standing::suspended);
    const Step older = step(suspended, RevocationPushed{2, {{id, RevocationKind::reinstated, noon + day}}}, at(noon));
    EXPECT_EQ(older.refusal, Refusal::lowerEpoch);
    const Step early =
        step(suspended, RevocationPushed{4, {{id, RevocationKind::reinstated, noon}}}, at(noon + hours{3}));
    EXPECT_EQ(early.state.reported, Standing::suspended);  // decided before the suspension
    const Step done =
        step(suspended, RevocationPushed{4, {{id, RevocationKind::reinstated, noon + hours{3}}}}, at(noon + hours{3}));
    EXPECT_EQ(done.state.reported, Standing::active);
    // But a revocation does not turn into a suspension.
    const State revoked = step(suspended, LicenseEnded{id, SignedEnd::revoked, noon + day}, at(noon + hours{3})).state;
    const State lesser = step(revoked, LicenseEnded{id, SignedEnd::suspended, noon + 2 * day}, at(noon + day)).state;
    EXPECT_EQ(lesser.reported, Standing::revoked);
}

TEST(SignedNo, OlderThanTheDocumentSaysNothing) {
    const LicenseId id = sampleLicense().id;
    const Step done =
        step(online(), RevocationPushed{3, {{id, RevocationKind::revoked, noon - Seconds{1}}}}, at(noon + hours{1}));
    EXPECT_EQ(done.state.reported, Standing::active);
    EXPECT_EQ(done.state.revocationEpoch, 3u);
    const Step others = step(online(), RevocationPushed{3, {{{"lic_stranger"}, RevocationKind::revoked, noon + day}}},
                             at(noon + hours{1}));
    EXPECT_EQ(others.state.reported, Standing::active);
    EXPECT_EQ(others.state.minimumSequence.size(), 1u);  // strangers are not remembered
}

TEST(SignedNo, ReleasedFallsBackToDemoWithAWindDown) {
    const Instant t = noon + hours{27};
    const Step done = step(renewing(), LicenseDenied{"r2", {}, SignedEnd::released, t, {}}, at(t));
    EXPECT_EQ(done.state.reported, Standing::demo);
    EXPECT_EQ(done.state.current, std::nullopt);
    EXPECT_TRUE(done.state.attempts.empty());
    EXPECT_EQ(holdOf(done.state, at(t)), (Hold{false, t + day}));
    EXPECT_EQ(nextWake(done.state, at(t)), t + day);
    EXPECT_EQ(step(done.state, Tick{}, at(t + day)).state.reportedHold, Hold{});
}

// --- conflict -------------------------------------------------------------------------------------------------------

TEST(Conflict, KeepsEveryRightForThreeDaysAndEnrolsAnew) {
    const Instant t = noon + hours{27};
    const Step done = step(renewing(), LicenseConflicted{"r2", "r3"}, at(t));
    EXPECT_EQ(done.state.reported, Standing::grace);
    EXPECT_EQ(deadlineOf(done.state, at(t)), t + hours{72});
    EXPECT_THAT(calls(done), ElementsAre("r3"));
    const Attempt* attempt = findAttempt(done.state, "r3");
    ASSERT_NE(attempt, nullptr);
    EXPECT_EQ(attempt->operation, Operation::reenrol);
    EXPECT_EQ(attempt->token, "");
    EXPECT_EQ(done.state.token, "");
    EXPECT_EQ(granted(done.state, "r3", later(6, t), t).state.reported, Standing::active);

    const State waits = step(done.state, LicenseDenied{"r3", {}, SignedEnd::none, t, {}}, at(t)).state;
    EXPECT_NE(findAttempt(waits, "r3"), nullptr);  // the owner decides; it goes on asking
    const Step late = step(waits, Tick{}, at(t + hours{72}));
    EXPECT_EQ(late.state.reported, Standing::expired);
    EXPECT_EQ(holdOf(late.state, at(t + hours{72})), (Hold{true, std::nullopt}));  // nothing that runs is ended
}

// A machine was put back to when its re-enrolment waited, and that one was granted meanwhile.
TEST(Conflict, AReenrolmentThatWasUsedUpIsAskedAnew) {
    const Instant t = noon + hours{27};
    State state = step(renewing(), LicenseConflicted{"r2", "r3"}, at(t)).state;
    const LicenseDenied used{"r3", {}, SignedEnd::none, t, {}, "r4"};
    const Step first = step(state, used, at(t));
    EXPECT_THAT(calls(first), IsEmpty()) << "nobody can have answered what was sent once";
    EXPECT_NE(findAttempt(first.state, "r3"), nullptr);

    const Instant due = *contactDueAt(first.state);
    state = step(first.state, ContactDue{"r5"}, at(due)).state;
    const Step again = step(state, used, at(due));
    EXPECT_THAT(calls(again), ElementsAre("r4"));
    EXPECT_EQ(findAttempt(again.state, "r3"), nullptr);
    ASSERT_NE(findAttempt(again.state, "r4"), nullptr);
    EXPECT_EQ(findAttempt(again.state, "r4")->operation, Operation::reenrol);
    EXPECT_EQ(again.state.conflictAt, t);
    EXPECT_EQ(granted(again.state, "r4", later(6, due), due).state.reported, Standing::active);

    // A renewal is never withdrawn by that word: its token may be used up.
    State renews = step(renewing(), Unreachable{"r2", std::nullopt, 0}, at(t)).state;
    renews = step(renews, ContactDue{"r5"}, at(t + day)).state;
    ASSERT_EQ(findAttempt(renews, "r2")->sent, 2u);
    const Step kept = step(renews, LicenseDenied{"r2", {}, SignedEnd::none, t, {}, "r6"}, at(t + day));
    EXPECT_NE(findAttempt(kept.state, "r2"), nullptr);
}

TEST(Conflict, EnrolsAnewByItselfOnlyOnTheSameHardware) {
    const Instant t = noon + hours{27};
    const State drifted = step(renewing(), DeviceChanged{Match::drift}, at(t)).state;
    const Step done = step(drifted, LicenseConflicted{"r2", "r3"}, at(t));
    EXPECT_THAT(calls(done), IsEmpty());
    EXPECT_EQ(contactDueAt(done.state), std::nullopt);
    const Step asked = step(done.state, RefreshRequested{"r4"}, at(t));
    EXPECT_EQ(findAttempt(asked.state, "r4")->operation, Operation::reenrol);
    const State same = step(done.state, DeviceChanged{Match::same}, at(t)).state;
    EXPECT_TRUE(contactDue(same, at(t)));
}

// --- giving it up ---------------------------------------------------------------------------------------------------

TEST(SeatReturn, IsQueuedUntilTheAuthorityCanBeReached) {
    const Step done = step(online(), DeactivateRequested{"r9"}, at(noon + hours{1}));
    EXPECT_EQ(done.state.reported, Standing::demo);
    EXPECT_THAT(calls(done), ElementsAre("r9"));
    State state = step(done.state, Unreachable{"r9", std::nullopt, middle}, at(noon + hours{1})).state;
    EXPECT_EQ(*contactDueAt(state), noon + hours{1} + Seconds{60});
    EXPECT_THAT(calls(step(state, ContactDue{"x"}, at(noon + hours{2}))), ElementsAre("r9"));
    EXPECT_TRUE(step(state, SeatReturned{"r9"}, at(noon + hours{2})).state.attempts.empty());
    EXPECT_TRUE(
        step(state, LicenseDenied{"r9", {}, SignedEnd::none, noon, {}}, at(noon + hours{2})).state.attempts.empty());
    EXPECT_EQ(granted(state, "r9", later(9, noon), noon + hours{2}).refusal, Refusal::otherLicense);
}

TEST(SeatReturn, UsesTheRidOfARenewalThatWaits) {
    const Step done = step(renewing(), DeactivateRequested{"r9"}, at(noon + hours{28}));
    EXPECT_THAT(calls(done), ElementsAre("r2"));
    EXPECT_EQ(findAttempt(done.state, "r2")->operation, Operation::deactivate);
    EXPECT_THAT(step(licensed(), DeactivateRequested{"r9"}, at(noon)).state.attempts, IsEmpty());  // came by file
}

}  // namespace
}  // namespace entitle
