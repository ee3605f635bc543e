// The daemon and its authority: what is asked when, and what each answer, or none, makes of the license.
#include "tests/daemon/online_fixture.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

// --- activation ------------------------------------------------------------------------------------------------------

TEST_F(OnlineTest, ActivationIsOnDiskBeforeItIsSent) {
    std::string onDisk, sent;
    authority.onAsk = [&](const Question& question) {
        ASSERT_TRUE(store.saved);
        ASSERT_EQ(storedAttempts().size(), 1u);
        onDisk = storedAttempts()[0].rid;
        sent = verifyRequest(question.body, "acme", Operation::activate).value().rid;
    };
    ASSERT_EQ(activateRefusal(key_), "");
    EXPECT_FALSE(onDisk.empty());
    EXPECT_EQ(onDisk, sent);
}

TEST_F(OnlineTest, GrantedLicenseTokenAndClearedQuestionAreOneRecord) {
    ASSERT_EQ(activateRefusal(key_), "");
    const auto saves = store.saves;
    grant(Operation::activate);
    EXPECT_EQ(store.saves, saves + 1);
    EXPECT_TRUE(storedAttempts().empty());
    EXPECT_EQ(store.saved->state.token, "token1");
    EXPECT_FALSE(store.saved->documentToken.empty());
    EXPECT_EQ(store.saved->keySetVersion, issuer.keySet_.version);
    EXPECT_EQ(lastAudit(), "activated");
    ASSERT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(watcher.ends[0].outcome, ContactEnd::Outcome::done);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_TRUE(authority.open(Operation::activate).empty());
}

TEST_F(OnlineTest, RequestSaysWhoAsksAndWithWhat) {
    ASSERT_EQ(activateRefusal(" " + key_ + " "), "");
    const auto request = read(asked(Operation::activate), Operation::activate);
    EXPECT_EQ(request.key, key_);
    EXPECT_EQ(request.device(), device());
    EXPECT_EQ(request.fingerprint, fingerprint());
    EXPECT_EQ(request.keySetVersion, 0u);
    EXPECT_EQ(request.productVersion, "0.1.0");
    EXPECT_EQ(request.keyLevel, "file");
}

TEST_F(OnlineTest, TypingErrorIsFoundWithoutAskingAnybody) {
    std::string typo = key_;
    typo.back() = typo.back() == '2' ? '3' : '2';
    EXPECT_EQ(activateRefusal(typo), "bad-check");
    EXPECT_EQ(activateRefusal("CO-1234"), "bad-length");
    EXPECT_EQ(activateRefusal(""), "empty");
    EXPECT_TRUE(authority.all.empty());
    EXPECT_EQ(store.saves, 0u);
}

TEST_F(OnlineTest, RepeatedActivationJoinsTheOneUnderWay) {
    FollowingWatcher second;
    ASSERT_EQ(activateRefusal(key_), "");
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(daemon->activate(key_, 1000, second));
    EXPECT_EQ(authority.all.size(), 1u);
    grant(Operation::activate);
    EXPECT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(second.ends.size(), 20u);
}

TEST_F(OnlineTest, AnotherKeyTakesThePlaceAndTheFirstIsTold) {
    ASSERT_EQ(activateRefusal(key_), "");
    FollowingWatcher second;
    ASSERT_TRUE(daemon->activate(keyOf(8), 1000, second));
    EXPECT_EQ(read(asked(Operation::activate), Operation::activate).key, keyOf(8));
    ASSERT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(watcher.ends[0].why.code, "superseded");
    daemon->unfollow(second);
}

TEST_F(OnlineTest, FiveKeysAMinuteAndNoMore) {
    for (std::uint64_t i = 0; i < 5; ++i) ASSERT_EQ(activateRefusal(keyOf(20 + i)), "");
    EXPECT_EQ(activateRefusal(keyOf(30)), "too-many-attempts");
    EXPECT_TRUE(daemon->activate(keyOf(24), 1000, watcher)) << "joining is free";
    FollowingWatcher other;
    EXPECT_TRUE(daemon->activate(keyOf(31), 1001, other)) << "of another user";
    clock.pass(60s);
    EXPECT_EQ(activateRefusal(keyOf(30)), "");
    daemon->unfollow(other);
}

TEST_F(OnlineTest, LostAnswerIsAskedForWithTheSameRid) {
    ASSERT_EQ(activateRefusal(key_), "");
    const auto first = read(asked(Operation::activate), Operation::activate);
    fail(Operation::activate, ContactFault::silent);
    ASSERT_EQ(watcher.news.size(), 1u);
    EXPECT_EQ(watcher.news[0].nextAttempt, clock.now_.wall + 1s);
    EXPECT_TRUE(watcher.ends.empty());
    wakeWhenDue();
    const auto second = read(asked(Operation::activate), Operation::activate);
    EXPECT_EQ(second.rid, first.rid);
    EXPECT_EQ(second.key, first.key);
    grant(Operation::activate);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(watcher.ends.size(), 1u);
}

TEST_F(OnlineTest, RestartWhileAPersonWaitsAsksAtOnceWithTheSameRid) {
    ASSERT_EQ(activateRefusal(key_), "");
    const auto first = read(asked(Operation::activate), Operation::activate);
    restartOnline();  // after Persist; whether the question ever left nobody knows
    const auto second = read(asked(Operation::activate), Operation::activate);
    EXPECT_EQ(second.rid, first.rid);
    grant(Operation::activate);
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

TEST_F(OnlineTest, AfterTwoMinutesNobodyWaitsAndTheDaemonGoesOn) {
    ASSERT_EQ(activateRefusal(key_), "");
    for (int i = 0; i < 30 && watcher.ends.empty(); ++i) {
        fail(Operation::activate);
        if (watcher.ends.empty()) wakeWhenDue();
    }
    ASSERT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(watcher.ends[0].outcome, ContactEnd::Outcome::pending);
    EXPECT_LE(clock.now_.wall - today, 3min);
    EXPECT_TRUE(daemon->status().activating);
    ASSERT_TRUE(armed);
    wakeWhenDue();
    grant(Operation::activate);
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

TEST_F(OnlineTest, DeniedActivationTellsWhyAndLeavesNothingBehind) {
    ASSERT_EQ(activateRefusal(key_), "");
    settle(Operation::activate, Outcome::denied, [](ExchangeAnswer& answer) {
        answer.code = "seat_limit";
        answer.message = "All seats of this license are taken.";
        answer.license = {};
    });
    ASSERT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(watcher.ends[0].outcome, ContactEnd::Outcome::refused);
    EXPECT_EQ(watcher.ends[0].why.code, "seat_limit");
    EXPECT_EQ(watcher.ends[0].why.message, "All seats of this license are taken.");
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_TRUE(storedAttempts().empty());
    EXPECT_EQ(lastAudit(), "denied");
}

TEST_F(OnlineTest, FullDiskSendsNothing) {
    store.full = true;
    EXPECT_EQ(activateRefusal(key_), "disk-full");
    EXPECT_TRUE(authority.all.empty());
    EXPECT_FALSE(daemon->status().activating);
}

TEST_F(OnlineTest, WithoutAnAddressNothingIsAskedAndNothingWakes) {
    daemon->connect(nullptr, "");
    EXPECT_EQ(activateRefusal(key_), "no-authority");
    auto refreshed = daemon->refresh(0, watcher);
    ASSERT_FALSE(refreshed);
    EXPECT_EQ(refreshed.error().code, "no-authority");
    clock.pass(31s);
    daemon->wake();
    EXPECT_FALSE(armed);
    EXPECT_TRUE(authority.all.empty());
    EXPECT_EQ(daemon->status().authorityUrl, "");
}

TEST_F(OnlineTest, AContainerIsNotEnrolled) {
    hardware.facts.container = true;
    EXPECT_EQ(activateRefusal(key_), "container");
    EXPECT_TRUE(authority.all.empty());
}

// --- answers that do not count ---------------------------------------------------------------------------------------

class BadAnswer : public OnlineTest {
  protected:
    // After the answer: still waiting, nothing granted, and a person is told.
    void expectUnheard(const std::string& body) {
        ASSERT_EQ(activateRefusal(key_), "");
        FakeAuthority::answer(asked(Operation::activate), body);
        EXPECT_EQ(daemon->status().standing, Standing::demo);
        EXPECT_EQ(storedAttempts().size(), 1u);
        EXPECT_FALSE(daemon->status().lastFailure.empty());
        EXPECT_FALSE(daemon->status().lastContact);
        ASSERT_FALSE(watcher.news.empty());
    }
    ExchangeRequest question() {
        EXPECT_EQ(activateRefusal(key_), "");
        return read(asked(Operation::activate), Operation::activate);
    }
};

TEST_F(BadAnswer, Html) {
    expectUnheard("<html><body>Sign in to the hotel's network</body></html>");
}

TEST_F(BadAnswer, WrongRid) {
    auto request = question();
    request.rid = freshNonce();
    expectUnheard(granting(request, 1));
}

TEST_F(BadAnswer, AnotherDevices) {
    auto request = question();
    request.deviceKey = SecretKey::generate().verifyKey();
    expectUnheard(granting(request, 1));
}

TEST_F(BadAnswer, AnotherOperations) {
    auto request = question();
    request.operation = Operation::renew;
    expectUnheard(granting(request, 1));
}

TEST_F(BadAnswer, StrangerWithoutARoot) {
    const auto request = question();
    issuer.root_ = SecretKey::generate();
    const auto body = granting(request, 1);
    // The daemon's own roots stay what they were.
    expectUnheard(body);
}

TEST_F(BadAnswer, UnsignedNoIsNoNo) {
    activated();
    wakeAfter(27h);
    FakeAuthority::answer(asked(Operation::renew),
                          R"({"code":"license_revoked","detail":"Your license was revoked."})");
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(storedAttempts().size(), 1u);
}

TEST_F(OnlineTest, OlderDocumentIsNotTakenAndTheTokenNotLost) {
    sequence = 4;
    activated();
    wakeAfter(27h);
    const auto question = asked(Operation::renew);
    const auto request = read(question, Operation::renew);
    EXPECT_EQ(request.highestSequence, 5u);
    FakeAuthority::answer(question, granting(request, 3));
    EXPECT_EQ(daemon->status().license->sequence, 5u);
    EXPECT_EQ(store.saved->state.token, "token5");
    ASSERT_EQ(storedAttempts().size(), 1u);
    EXPECT_EQ(storedAttempts()[0].rid, request.rid);
    EXPECT_NE(daemon->status().lastFailure, "");
}

TEST_F(OnlineTest, KeySetOfALowerVersionIsNotFollowed) {
    const KeySet old = issuer.keySet_;
    SecretKey oldKey = std::move(issuer.signing_);
    issuer.rotate();
    activated();
    EXPECT_EQ(store.saved->keySetVersion, 2u);
    wakeAfter(27h);
    const auto question = asked(Operation::renew);
    const auto request = read(question, Operation::renew);
    EXPECT_EQ(request.keySetVersion, 2u);
    issuer.keySet_ = old;
    issuer.signing_ = std::move(oldKey);
    auto body = parseReply(granting(request, 9)).value();
    body.keySet = signKeySet(issuer.root_, old);
    FakeAuthority::answer(question, printReply(body));
    EXPECT_EQ(daemon->status().license->sequence, 1u);
    EXPECT_EQ(store.saved->keySetVersion, 2u);
    EXPECT_EQ(storedAttempts().size(), 1u);
}

TEST_F(OnlineTest, NewKeySetOutlivesARestartEvenWithADenial) {
    activated();
    issuer.rotate();
    wakeAfter(27h);
    settle(Operation::renew, Outcome::denied);
    EXPECT_EQ(store.saved->keySetVersion, 2u);
    EXPECT_EQ(daemon->status().standing, Standing::active) << "a denial without an end takes nothing away";
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::demo) << "that key was listed no more before its time: stolen";
}

// Whoever pays again after weeks finds the program as it was, though the authority has changed its keys meanwhile.
TEST_F(OnlineTest, LicenseThatIsOverIsRememberedWhenItsKeyIsListedNoMore) {
    activated();
    wakeAfter(30 * 24h);
    ASSERT_EQ(daemon->status().standing, Standing::expired);
    for (int i = 0; i < 2; ++i) {
        issuer.today_ = clock.now_.wall;
        issuer.rotate();
        settle(Operation::renew, Outcome::denied);
        restartOnline();
        EXPECT_EQ(daemon->status().standing, Standing::expired);
        EXPECT_FALSE(daemon->check("live_trading").allowed);
        wakeAfter(27h);
    }
    EXPECT_EQ(store.saved->keySetVersion, 3u);
    EXPECT_NE(store.saved->earlierKeySetToken, "");
    grant(Operation::renew);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(store.saved->earlierKeySetToken, "");
}

TEST_F(OnlineTest, LicenseOfARevokedKeyIsNotRememberedThoughItIsOver) {
    activated();
    const auto stolen = issuer.keySet_.keys.front();
    wakeAfter(30 * 24h);
    issuer.today_ = clock.now_.wall;
    issuer.rotate();
    issuer.keySet_.keys.push_back(stolen);
    issuer.keySet_.keys.back().revoked = true;
    settle(Operation::renew, Outcome::denied);
    wakeAfter(27h);
    issuer.rotate();
    settle(Operation::renew, Outcome::denied);
    EXPECT_EQ(store.saved->keySetVersion, 3u);
    restartOnline();
    EXPECT_FALSE(daemon->status().license);
}

// --- renewal ---------------------------------------------------------------------------------------------------------

TEST_F(OnlineTest, RenewalIsDueOnceADayByTheOneTimer) {
    activated();
    fail(Operation::wait);  // nobody waits at this authority
    const auto due = daemon->status().nextContact;
    ASSERT_TRUE(due);
    EXPECT_GE(*due, today + 21h);
    EXPECT_LE(*due, today + 27h);
    unsigned wakes = 0;
    while (authority.open(Operation::renew).empty()) {
        ASSERT_LT(++wakes, 500u);
        wakeWhenDue();
        for (const auto& wait : authority.open(Operation::wait))
            FakeAuthority::answer(wait, ContactFailure{ContactFault::unconnected, "", std::nullopt});
    }
    EXPECT_GE(clock.now_.wall, *due);
    EXPECT_LE(clock.now_.wall, *due + 1s);
    const auto request = read(asked(Operation::renew), Operation::renew);
    EXPECT_EQ(request.token, "token1");
    EXPECT_EQ(request.highestSequence, 1u);
    grant(Operation::renew);
    EXPECT_EQ(daemon->status().license->sequence, 2u);
    EXPECT_EQ(store.saved->state.token, "token2");
    EXPECT_EQ(daemon->status().lastContact, clock.now_.wall);
    EXPECT_EQ(lastAudit(), "renewed");
}

TEST_F(OnlineTest, RestartInTheMiddleOfARenewalKeepsRidAndToken) {
    activated();
    wakeAfter(27h);
    const auto first = read(asked(Operation::renew), Operation::renew);
    restartOnline();
    EXPECT_TRUE(authority.open(Operation::renew).empty()) << "the answer may still have been on its way";
    while (authority.open(Operation::renew).empty()) wakeWhenDue();
    const auto second = read(asked(Operation::renew), Operation::renew);
    EXPECT_EQ(second.rid, first.rid);
    EXPECT_EQ(second.token, first.token);
}

TEST_F(OnlineTest, UnreachableThroughTheWholeGraceKeepsEveryRightToTheSecond) {
    activated();
    auto held = daemon->acquire("bots", 5, "grid", Holder{1000, 1});
    ASSERT_TRUE(held);
    const Instant fresh = today + 14 * 24h, over = fresh + 7 * 24h;
    std::size_t asked = 0;
    while (clock.now_.wall < over + 24h) {
        const auto standing = daemon->status().standing;
        if (clock.now_.wall < fresh) {
            ASSERT_EQ(standing, Standing::active);
        } else if (clock.now_.wall < over) {
            ASSERT_EQ(standing, Standing::grace);
            ASSERT_EQ(daemon->status().graceUntil, over);
            ASSERT_TRUE(daemon->check("live_trading").allowed);
        } else {
            ASSERT_EQ(standing, Standing::expired);
            ASSERT_FALSE(daemon->check("live_trading").allowed);
        }
        for (const auto& question : std::vector(authority.all)) {
            if (!question->open()) continue;
            ++asked;
            FakeAuthority::answer(question, ContactFailure{ContactFault::unresolved, "No such host.", std::nullopt});
        }
        ASSERT_LT(asked, 5'000u);
        ASSERT_TRUE(armed);
        ASSERT_GE(*armed, clock.now_.wall);
        wakeWhenDue();
    }
    EXPECT_GT(authority.sent(Operation::renew), 60u) << "every six hours at the least";
    EXPECT_LT(authority.sent(Operation::renew), 200u);
    EXPECT_EQ(daemon->quota("bots", 1000).use.inUse, 5u) << "our outage never stops a running bot";
    // It comes back.
    for (const auto& wait : authority.open(Operation::wait))
        FakeAuthority::answer(wait, ContactFailure{ContactFault::unconnected, "", std::nullopt});
    ASSERT_TRUE(daemon->refresh(0, watcher));
    grant(Operation::renew);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(daemon->status().lastFailure, "");
}

TEST_F(OnlineTest, BusyAuthorityIsAskedAgainWhenItSaidAndNotBefore) {
    activated();
    fail(Operation::wait, ContactFault::busy, 1h);
    wakeAfter(27h);
    fail(Operation::renew, ContactFault::busy, 2h);
    const Instant asked = clock.now_.wall;
    const auto sent = authority.sent(Operation::renew);
    ASSERT_EQ(storedAttempts().size(), 1u);
    // Exceeded by up to a fifth, so that not everybody comes back in one moment.
    const Instant due = storedAttempts()[0].nextAttempt;
    EXPECT_GE(due, asked + 2h);
    EXPECT_LE(due, asked + 2h + 24min);
    wakeAfter(1h);
    EXPECT_EQ(authority.sent(Operation::renew), sent);
    wakeAfter(due - clock.now_.wall);
    EXPECT_EQ(authority.sent(Operation::renew), sent + 1);
}

TEST_F(OnlineTest, SignedRetryIsAContactAndComesBackLater) {
    activated();
    wakeAfter(27h);
    settle(Operation::renew, Outcome::retry, [](ExchangeAnswer& answer) { answer.after = 600s; });
    EXPECT_EQ(daemon->status().lastContact, clock.now_.wall);
    ASSERT_EQ(storedAttempts().size(), 1u);
    EXPECT_GE(storedAttempts()[0].nextAttempt, clock.now_.wall + 600s);
    EXPECT_LE(storedAttempts()[0].nextAttempt, clock.now_.wall + 720s);
}

// It was silent for 200 s, and then the daemon was said to hang.
TEST_F(OnlineTest, WhoeverActivatesHearsAtOnceThatAnAdministratorMustApprove) {
    ASSERT_EQ(activateRefusal(key_), "");
    settle(Operation::activate, Outcome::retry, [](ExchangeAnswer& answer) {
        answer.code = "approval_waits";
        answer.message = "An administrator must approve it; this machine goes on asking.";
        answer.after = 600s;
    });
    ASSERT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(watcher.ends[0].outcome, ContactEnd::Outcome::pending);
    EXPECT_EQ(watcher.ends[0].news.message, "An administrator must approve it; this machine goes on asking.");
    EXPECT_TRUE(watcher.ends[0].news.answered);
    EXPECT_EQ(storedAttempts().size(), 1u) << "it goes on asking";
    // A busy authority is waited for.
    ASSERT_EQ(activateRefusal(key_), "");
    settle(Operation::activate, Outcome::retry, [](ExchangeAnswer& answer) { answer.after = 5s; });
    EXPECT_EQ(watcher.ends.size(), 1u);
    // Not for an hour, whoever asks for it.
    while (authority.open(Operation::activate).empty()) wakeWhenDue();
    fail(Operation::activate, ContactFault::busy, 1h);
    ASSERT_EQ(watcher.ends.size(), 2u);
    EXPECT_EQ(watcher.ends[1].outcome, ContactEnd::Outcome::pending);
    EXPECT_FALSE(watcher.ends[1].news.answered);
}

// --- the signed no ---------------------------------------------------------------------------------------------------

TEST_F(OnlineTest, RevokedLicenseWindsHeldBotsDown) {
    activated();
    auto held = daemon->acquire("bots", 10, "grid", Holder{1000, 1});
    ASSERT_TRUE(held);
    wakeAfter(27h);
    settle(Operation::renew, Outcome::denied, [](ExchangeAnswer& answer) {
        answer.code = "revoked";
        answer.ended = SignedEnd::revoked;
        answer.windDown = 24h;
    });
    EXPECT_EQ(daemon->status().standing, Standing::revoked);
    EXPECT_FALSE(daemon->check("live_trading").allowed);
    EXPECT_FALSE(daemon->acquire("bots", 1, "late", Holder{1000, 2}));
    EXPECT_EQ(daemon->status().windDownUntil, clock.now_.wall + 24h);
    EXPECT_EQ(daemon->quota("bots", 1000).use.inUse, 10u);
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::revoked);
    wakeAfter(24h);
    EXPECT_EQ(daemon->quota("bots", 1000).use.inUse, 0u);
}

TEST_F(OnlineTest, SeatGivenToAnotherMachineDoesNotComeBackAtARestart) {
    activated();
    wakeAfter(27h);
    settle(Operation::renew, Outcome::denied, [](ExchangeAnswer& answer) {
        answer.code = "released";
        answer.ended = SignedEnd::released;
    });
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_EQ(store.saved->documentToken, "");
}

// --- conflict --------------------------------------------------------------------------------------------------------

TEST_F(OnlineTest, ConflictKeepsEveryRightAndEnrolsAnew) {
    activated();
    wakeAfter(27h);
    const auto renewal = read(asked(Operation::renew), Operation::renew);
    settle(Operation::renew, Outcome::conflict);
    EXPECT_EQ(daemon->status().standing, Standing::grace);
    EXPECT_EQ(daemon->status().graceUntil, clock.now_.wall + 72h);
    EXPECT_EQ(daemon->status().conflictAt, clock.now_.wall);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
    const auto enrolment = read(asked(Operation::reenrol), Operation::reenrol);
    EXPECT_NE(enrolment.rid, renewal.rid);
    EXPECT_EQ(enrolment.token, "");
    EXPECT_EQ(enrolment.license.value, "lic_0123456789abcdef");
    grant(Operation::reenrol);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_FALSE(daemon->status().conflictAt);
    EXPECT_EQ(store.saved->state.token, "token2");
}

TEST_F(OnlineTest, WhoeverRefreshesWaitsForTheEnrolmentThatFollowsAConflict) {
    activated();
    watcher.ends.clear();
    ASSERT_TRUE(daemon->refresh(0, watcher));
    settle(Operation::renew, Outcome::conflict);
    EXPECT_TRUE(watcher.ends.empty());
    grant(Operation::reenrol);
    ASSERT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(watcher.ends[0].outcome, ContactEnd::Outcome::done);
}

// This machine was put back to when its re-enrolment waited; that one was granted, and the machine went on.
TEST_F(OnlineTest, AReenrolmentThatCountedOnceIsAskedAnew) {
    activated();
    wakeAfter(27h);
    settle(Operation::renew, Outcome::conflict);
    const auto used = read(asked(Operation::reenrol), Operation::reenrol);
    fail(Operation::reenrol, ContactFault::silent);
    watcher.ends.clear();
    ASSERT_TRUE(daemon->refresh(0, watcher));
    settle(Operation::reenrol, Outcome::denied, [](ExchangeAnswer& answer) { answer.code = requestUsed; });
    EXPECT_TRUE(watcher.ends.empty()) << "whoever waits goes on waiting for the one that takes its place";
    EXPECT_NE(read(asked(Operation::reenrol), Operation::reenrol).rid, used.rid);
    grant(Operation::reenrol);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_FALSE(daemon->status().conflictAt);
    ASSERT_EQ(watcher.ends.size(), 1u);
    EXPECT_EQ(watcher.ends[0].outcome, ContactEnd::Outcome::done);
}

// --- giving up -------------------------------------------------------------------------------------------------------

TEST_F(OnlineTest, DeactivationOfflineIsInForceAtOnceAndGivesTheSeatBackLater) {
    activated();
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_TRUE(daemon->status().returning);
    fail(Operation::deactivate, ContactFault::unresolved);
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_TRUE(daemon->status().returning);
    while (authority.open(Operation::deactivate).empty()) wakeWhenDue();
    const auto request = read(asked(Operation::deactivate), Operation::deactivate);
    EXPECT_EQ(request.token, "token1");
    settle(Operation::deactivate, Outcome::granted, [](ExchangeAnswer& answer) { answer.ended = SignedEnd::released; });
    EXPECT_FALSE(daemon->status().returning);
    EXPECT_TRUE(storedAttempts().empty());
    EXPECT_EQ(lastAudit(), "seat-returned");
}

TEST_F(OnlineTest, LicenseThatCameByFileHasNoSeatToGiveBack) {
    importPro();
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_FALSE(daemon->status().returning);
    EXPECT_TRUE(authority.all.empty());
}

// --- push ------------------------------------------------------------------------------------------------------------

TEST_F(OnlineTest, OneRequestWaitsWhileALicenseIsHeldOnline) {
    EXPECT_TRUE(authority.open(Operation::wait).empty());
    activated();
    const auto wait = asked(Operation::wait);
    EXPECT_EQ(read(wait, Operation::wait).token, "token1");
    EXPECT_GT(wait->question.limit, 60s);
    restartOnline();
    EXPECT_EQ(authority.open(Operation::wait).size(), 1u);
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_TRUE(authority.open(Operation::wait).empty());
}

TEST_F(OnlineTest, PushedChangeIsFetchedAtOnce) {
    activated();
    settle(Operation::wait, Outcome::granted);
    grant(Operation::renew);
    EXPECT_EQ(daemon->status().license->sequence, 2u);
    EXPECT_EQ(authority.open(Operation::wait).size(), 1u) << "and waits again";
    EXPECT_EQ(read(asked(Operation::wait), Operation::wait).token, "token2");
}

// Every device of an authority hears of a new key set: they renewed in one moment.
TEST_F(OnlineTest, NewKeySetIsFetchedWithinTheHourAndNotAtOnce) {
    activated();
    issuer.rotate();
    settle(Operation::wait, Outcome::retry);
    EXPECT_TRUE(authority.open(Operation::renew).empty());
    EXPECT_EQ(store.saved->keySetVersion, 1u) << "taken with a document of its key, never before";
    const Instant due = daemon->status().nextContact.value();
    EXPECT_EQ(due, clock.now_.wall + keySetDelay(daemon->status().license->device));
    wakeAfter(15s);
    settle(Operation::wait, Outcome::retry);
    EXPECT_EQ(daemon->status().nextContact, due) << "hearing it again puts nothing off";
    restartOnline();
    EXPECT_EQ(daemon->status().nextContact, due);
    wakeAfter(due - clock.now_.wall);
    grant(Operation::renew);
    EXPECT_EQ(store.saved->keySetVersion, 2u);
}

// As of a license that ended: that it changed stays true, and a renewal brings no document that knows of it.
TEST_F(OnlineTest, NewsThatNoDocumentComesOfAreAskedAfterLessAndLess) {
    activated();
    settle(Operation::wait, Outcome::granted);
    for (int i = 0; i < 6 * 60; ++i) {
        if (!authority.open(Operation::renew).empty()) settle(Operation::renew, Outcome::denied);
        if (!authority.open(Operation::wait).empty()) settle(Operation::wait, Outcome::granted);
        wakeAfter(60s);
    }
    EXPECT_GT(authority.sent(Operation::renew), 20u) << "it goes on asking";
    EXPECT_LT(authority.sent(Operation::renew), 40u) << "in six hours";
    settle(Operation::wait, Outcome::granted);
    grant(Operation::renew);
    EXPECT_EQ(authority.open(Operation::wait).size(), 1u) << "once it came through, at once again";
}

// An account was settled, and its machines stood still for a quarter of an hour more.
TEST_F(OnlineTest, WhoWasToldOfASuspensionWaitsForWhatComesAfterIt) {
    activated();
    const auto suspend = [](ExchangeAnswer& answer) {
        answer.code = "license_suspended";
        answer.ended = SignedEnd::suspended;
    };
    settle(Operation::wait, Outcome::denied, suspend);
    EXPECT_EQ(daemon->status().standing, Standing::suspended);
    wakeAfter(15s);
    EXPECT_EQ(authority.open(Operation::wait).size(), 1u);
    // An authority that only repeats itself is not asked in a circle.
    settle(Operation::wait, Outcome::denied, suspend);
    wakeAfter(15s);
    EXPECT_TRUE(authority.open(Operation::wait).empty());
    wakeAfter(15min);
    EXPECT_EQ(authority.open(Operation::wait).size(), 1u);
    settle(Operation::wait, Outcome::granted);
    grant(Operation::renew);
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

// The renewal was told first; the question that waited since before it is no question that the authority keeps.
TEST_F(OnlineTest, WhoHeardOfASuspensionByARenewalWaitsForWhatComesAfterItToo) {
    activated();
    const auto suspend = [](ExchangeAnswer& answer) {
        answer.code = "license_suspended";
        answer.ended = SignedEnd::suspended;
    };
    ASSERT_TRUE(daemon->refresh(0, watcher));
    list = RevocationList{issuer.authority_,
                          5,
                          clock.now_.wall,
                          {{{"lic_0123456789abcdef"}, RevocationKind::suspended, clock.now_.wall}}};
    settle(Operation::renew, Outcome::denied, suspend);
    EXPECT_EQ(daemon->status().standing, Standing::suspended);
    EXPECT_EQ(read(asked(Operation::wait), Operation::wait).revocationEpoch, 0u);
    settle(Operation::wait, Outcome::denied, suspend);
    wakeAfter(15s);
    EXPECT_EQ(read(asked(Operation::wait), Operation::wait).revocationEpoch, 5u);
    settle(Operation::wait, Outcome::denied, suspend);
    wakeAfter(15s);
    EXPECT_TRUE(authority.open(Operation::wait).empty()) << "not in a circle";
}

TEST_F(OnlineTest, PushedRevocationIsInForceAtOnceAndObserversAreTold) {
    activated();
    CountingWatcher observer;
    daemon->watch(observer);
    settle(Operation::wait, Outcome::denied, [](ExchangeAnswer& answer) {
        answer.code = "revoked";
        answer.ended = SignedEnd::revoked;
    });
    EXPECT_EQ(daemon->status().standing, Standing::revoked);
    EXPECT_GE(observer.calls, 1u);
    EXPECT_EQ(store.saved->state.ended->standing, Standing::revoked);
    daemon->unwatch(observer);
}

TEST_F(OnlineTest, RevocationListThatComesWithAnAnswerIsFollowed) {
    activated();
    clock.pass(1h);
    list = RevocationList{
        "acme", 3, clock.now_.wall, {{{"lic_0123456789abcdef"}, RevocationKind::revoked, clock.now_.wall}}};
    settle(Operation::wait, Outcome::retry);
    EXPECT_EQ(daemon->status().standing, Standing::revoked);
    EXPECT_EQ(store.saved->state.revocationEpoch, 3u);
}

TEST_F(OnlineTest, AuthorityThatAnswersEveryWaitAtOnceIsNotAskedInALoop) {
    activated();
    const auto before = authority.sent(Operation::wait);
    const Instant end = clock.now_.wall + 10min;
    while (clock.now_.wall < end) {
        for (const auto& wait : authority.open(Operation::wait)) {
            const auto request = read(wait, Operation::wait);
            FakeAuthority::answer(wait, reply(request, answerTo(request, Outcome::retry)));
        }
        wakeWhenDue();
    }
    EXPECT_LE(authority.sent(Operation::wait) - before, 41u);
    EXPECT_EQ(authority.sent(Operation::renew), 0u);
}

TEST_F(OnlineTest, IdleMachineWakesAsOftenAsItsWaitingRequestReturns) {
    activated();
    unsigned wakes = 0;
    for (Instant end = clock.now_.wall + 20h; clock.now_.wall < end;) {
        ASSERT_TRUE(armed);
        if (*armed > end) break;
        wakeWhenDue();
        ASSERT_LT(++wakes, 23u) << "nothing but a look at the clocks each hour";
    }
}

TEST_F(OnlineTest, OutageThatEndsIsNoticedByTheWaitAndWhatBackedOffIsAskedNow) {
    activated();
    fail(Operation::wait);
    wakeAfter(27h);  // renewal and wait
    for (int i = 0; i < 60; ++i) {
        for (const auto& question : std::vector(authority.all))
            if (question->open())
                FakeAuthority::answer(question, ContactFailure{ContactFault::unconnected, "", std::nullopt});
        wakeWhenDue();
    }
    ASSERT_GE(daemon->status().nextContact.value(), clock.now_.wall);
    while (authority.open(Operation::wait).empty()) {
        for (const auto& question : authority.open(Operation::renew))
            FakeAuthority::answer(question, ContactFailure{ContactFault::unconnected, "", std::nullopt});
        wakeWhenDue();
    }
    for (const auto& question : authority.open(Operation::renew))
        FakeAuthority::answer(question, ContactFailure{ContactFault::unconnected, "", std::nullopt});
    settle(Operation::wait, Outcome::retry);
    EXPECT_EQ(authority.open(Operation::renew).size(), 1u);
}

TEST_F(OnlineTest, AWaitThatFailsIsToldThoughNothingWasDue) {
    activated();
    std::string told;
    daemon->watchFigures([&] { told = daemon->status().lastFailure; });
    fail(Operation::wait);
    EXPECT_EQ(told, "Nobody is there.");
}

// --- the network -----------------------------------------------------------------------------------------------------

TEST_F(OnlineTest, NetworkThatComesBackEndsTheBackOff) {
    activated();
    fail(Operation::wait);
    wakeAfter(27h);
    for (int i = 0; i < 8; ++i) {
        fail(Operation::renew);
        const auto due = daemon->status().nextContact.value();
        if (i < 7) wakeAfter(due - clock.now_.wall);
        for (const auto& waiting : authority.open(Operation::wait))
            FakeAuthority::answer(waiting, ContactFailure{ContactFault::unconnected, "", std::nullopt});
    }
    clock.pass(1min);
    ASSERT_TRUE(authority.open(Operation::renew).empty()) << "two hours to go";
    daemon->networkBack();
    grant(Operation::renew);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(authority.open(Operation::wait).size(), 1u);
}

TEST_F(OnlineTest, NetworkThatComesBackWhileAQuestionIsLostAsksItAgainAtOnce) {
    activated();
    wakeAfter(27h);
    const auto lost = asked(Operation::renew);  // sent into a network that is no more
    const auto rid = read(lost, Operation::renew).rid;
    clock.pass(10s);
    daemon->networkBack();
    EXPECT_EQ(authority.sent(Operation::renew), 1u) << "it may still be answered";
    clock.pass(20s);
    FakeAuthority::answer(lost, ContactFailure{ContactFault::silent, "Nobody answers.", std::nullopt});
    EXPECT_EQ(read(asked(Operation::renew), Operation::renew).rid, rid);
    fail(Operation::renew);
    EXPECT_TRUE(authority.open(Operation::renew).empty()) << "once: it was sent after the network's return";
}

TEST_F(OnlineTest, NetworkThatComesBackDoesNotHurryAnAuthorityThatAskedForPatience) {
    activated();
    wakeAfter(27h);
    fail(Operation::renew, ContactFault::busy, 2h);
    clock.pass(1h);
    daemon->networkBack();
    EXPECT_TRUE(authority.open(Operation::renew).empty());
    clock.pass(1h);
    daemon->networkBack();
    EXPECT_EQ(authority.open(Operation::renew).size(), 1u);
}

TEST_F(OnlineTest, NetworkThatComesBackWritesAndAsksNothingWhereNothingWaits) {
    activated();
    const auto saves = store.saves;
    const auto sent = authority.all.size();
    for (int i = 0; i < 10; ++i) daemon->networkBack();
    EXPECT_EQ(store.saves, saves);
    EXPECT_EQ(authority.all.size(), sent);
    daemon->connect(nullptr, {});
    daemon->networkBack();
    EXPECT_EQ(authority.all.size(), sent);
}

TEST_F(OnlineTest, MachineThatWakesAsksWhatFellDueWhileItSlept) {
    activated();
    clock.pass(27h);  // asleep: no timer rang
    daemon->wake();
    EXPECT_EQ(authority.open(Operation::renew).size(), 1u);
}

// --- a disk that fails -----------------------------------------------------------------------------------------------

TEST_F(OnlineTest, RenewalThatCannotBeStoredIsNotSent) {
    activated();
    store.full = true;
    wakeAfter(27h);
    EXPECT_TRUE(authority.open(Operation::renew).empty());
    store.full = false;
    while (authority.open(Operation::renew).empty()) wakeWhenDue();
    EXPECT_EQ(read(asked(Operation::renew), Operation::renew).rid, storedAttempts().at(0).rid);
}

}  // namespace
}  // namespace entitle::testing
