// Slots through restarts, lost rights and other people's hands.
#include "daemon/bus_properties.h"
#include "tests/daemon/core_fixture.h"

namespace entitle::testing {
namespace {

constexpr Holder alice{1000, 41};
constexpr Holder bob{1001, 42};

TEST_F(DaemonTest, OneAnswerOnTheBusNamesSoManySlotsAndNoMore) {
    auto license = pro();
    license.maxBots = unlimited;
    ASSERT_TRUE(daemon->import(issuer.file(license), 0));
    for (int i = 0; i < 4'100; ++i) ASSERT_TRUE(daemon->acquire("bots", 1, "", i < 3 ? bob : alice));
    const auto all = busSlotsOf(*daemon, std::nullopt);
    ASSERT_EQ(all.size(), 4'096u);
    EXPECT_EQ(all.front().id, 1u);
    EXPECT_EQ(all.back().id, 4'096u);
    EXPECT_EQ(busSlotsOf(*daemon, alice.uid).size(), 4'096u);
    EXPECT_EQ(busSlotsOf(*daemon, bob.uid).size(), 3u);
    EXPECT_TRUE(busSlotsOf(*daemon, 7).empty());
}

TEST_F(DaemonTest, DemoGivesThreeBotsAndSaysWhatToDoAboutTheFourth) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(daemon->acquire("bots", 1, "bot", alice));
    auto fourth = daemon->acquire("bots", 1, "bot", alice);
    ASSERT_FALSE(fourth);
    EXPECT_EQ(fourth.error().reason, Reason::quotaExceeded);
    EXPECT_NE(fourth.error().message.find("upgrade"), std::string::npos) << fourth.error().message;
    EXPECT_EQ(daemon->counters().acquireDenied, 1u);
}

TEST_F(DaemonTest, NonsenseIsDeniedWithAReason) {
    EXPECT_EQ(daemon->acquire("bots", 0, "", alice).error().reason, Reason::badName);
    EXPECT_EQ(daemon->acquire("bots", 4'000'000'000u, "", alice).error().reason, Reason::badName);
    EXPECT_EQ(daemon->acquire("bots", 1, "\x1b[2J", alice).error().reason, Reason::badName);
    EXPECT_EQ(daemon->acquire("cats", 1, "", alice).error().reason, Reason::unknownName);
    EXPECT_EQ(daemon->acquire("NO!", 1, "", alice).error().reason, Reason::badName);
    EXPECT_EQ(daemon->heldSlots().ledger().size(), 0u);
}

TEST_F(DaemonTest, SlotsOutliveTheDaemonAndAreNotCountedTwice) {
    importPro();
    auto held = must(daemon->acquire("bots", 7, "bot", alice));
    restart();
    auto quota = daemon->quota("bots", alice.uid);
    EXPECT_EQ(quota.use.inUse, 7u);
    EXPECT_EQ(quota.use.awaiting, 7u);
    auto again = daemon->reclaim(held.secret, alice);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id, held.id);
    quota = daemon->quota("bots", alice.uid);
    EXPECT_EQ(quota.use.inUse, 7u);
    EXPECT_EQ(quota.use.awaiting, 0u);
}

TEST_F(DaemonTest, StolenSecretIsWorthNothingToAnotherUser) {
    auto held = must(daemon->acquire("bots", 1, "", alice));
    restart();
    auto stolen = daemon->reclaim(held.secret, bob);
    ASSERT_FALSE(stolen);
    EXPECT_EQ(stolen.error(), ReclaimRefusal::otherUser);
    EXPECT_TRUE(daemon->reclaim(held.secret, alice));
    SlotSecret guess = held.secret;
    guess[0] ^= 1;
    EXPECT_EQ(daemon->reclaim(guess, alice).error(), ReclaimRefusal::unknownSecret);
}

TEST_F(DaemonTest, OfTwoReclaimsTheLatestWinsAndTheFirstBecomesInert) {
    auto held = must(daemon->acquire("bots", 1, "", alice));
    restart();
    auto first = must(daemon->reclaim(held.secret, alice));
    auto second = must(daemon->reclaim(held.secret, alice));
    EXPECT_EQ(first.id, second.id);
    EXPECT_EQ(daemon->findSlot(first.id, first.generation), nullptr);
    daemon->release(first.id, first.generation);  // its connection goes: nothing happens
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 1u);
    daemon->release(second.id, second.generation);
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 0u);
}

TEST_F(DaemonTest, ReclaimWindowRunsFromReadyAndFreesWhatNobodyTakesBack) {
    auto held = must(daemon->acquire("bots", 2, "", alice));
    crash();
    start();
    clock.pass(std::chrono::hours{1});  // a slow start: nobody could come back yet
    daemon->wake();
    EXPECT_EQ(daemon->quota("bots", 0).use.awaiting, 2u);
    daemon->ready();
    ASSERT_TRUE(armed);
    EXPECT_LE(*armed, clock.now().wall + std::chrono::seconds{32});
    clock.pass(std::chrono::seconds{29});
    daemon->wake();
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 2u);
    clock.pass(std::chrono::seconds{2});
    daemon->wake();
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 0u);
    EXPECT_EQ(daemon->reclaim(held.secret, alice).error(), ReclaimRefusal::unknownSecret);
    restart();
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 0u) << "freed in the file as well";
}

TEST_F(DaemonTest, StopLeavesHeldSlotsToTheSuccessor) {
    auto held = must(daemon->acquire("bots", 1, "", alice));
    daemon->retire();
    daemon->release(held.id, held.generation);  // connections close after the daemon has retired
    restart();
    EXPECT_EQ(daemon->quota("bots", 0).use.awaiting, 1u);
    EXPECT_TRUE(daemon->reclaim(held.secret, alice));
}

TEST_F(DaemonTest, SlotIdsAreNotReusedAfterARestart) {
    auto first = must(daemon->acquire("bots", 1, "", alice));
    daemon->release(first.id, first.generation);
    restart();
    EXPECT_GT(must(daemon->acquire("bots", 1, "", alice)).id, first.id);
}

TEST_F(DaemonTest, ReclaimSecretIsNeitherInTheLedgerNorInTheFile) {
    auto held = must(daemon->acquire("bots", 1, "", alice));
    std::string secret(held.secret.begin(), held.secret.end());
    EXPECT_EQ(readFile(files / "run/slots").find(secret), std::string::npos);
}

TEST_F(DaemonTest, EndedLicenseRefusesNewSlotsAndLetsHeldOnesFinish) {
    License ending = pro();
    ending.endsAt = today + std::chrono::hours{1};
    ASSERT_EQ(importing(issuer.file(ending)), "");
    std::vector<Held> held;
    for (int i = 0; i < 10; ++i) held.push_back(must(daemon->acquire("bots", 1, "", alice)));
    clock.pass(std::chrono::hours{1});
    daemon->wake();
    EXPECT_EQ(daemon->status().standing, Standing::windingDown);
    EXPECT_EQ(daemon->acquire("bots", 1, "", alice).error().reason, Reason::windingDown);
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 10u);
    restart();  // the deadline is remembered
    for (auto& slot : held) slot = must(daemon->reclaim(slot.secret, alice));
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 10u);
    clock.pass(std::chrono::hours{24});
    daemon->wake();
    EXPECT_EQ(daemon->status().standing, Standing::expired);
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 3u) << "what demo mode gives to anybody";
    EXPECT_NE(daemon->findSlot(held[0].id, held[0].generation), nullptr) << "the youngest went, not the oldest";
    EXPECT_EQ(daemon->findSlot(held[9].id, held[9].generation), nullptr);
}

TEST_F(DaemonTest, GraceThatEndsWithoutContactKeepsHeldSlots) {
    importPro();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(daemon->acquire("bots", 1, "", alice));
    clock.pass(std::chrono::days{22});
    daemon->wake();
    ASSERT_EQ(daemon->status().standing, Standing::expired);
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 10u);
    EXPECT_FALSE(daemon->acquire("bots", 1, "", alice));
    restart();
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 10u);
}

TEST_F(DaemonTest, SlotKeptAfterDeactivationGrantsNothing) {
    importPro();
    std::vector<Held> held;
    for (int i = 0; i < 5; ++i) held.push_back(must(daemon->acquire("bots", 1, "", alice)));
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 3u);
    EXPECT_EQ(daemon->findSlot(held[4].id, held[4].generation), nullptr);
    EXPECT_EQ(daemon->reclaim(held[4].secret, alice).error(), ReclaimRefusal::unknownSecret);
    daemon->release(held[4].id, held[4].generation);
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 3u);
}

TEST_F(DaemonTest, LimitLoweredHereLetsHeldSlotsFinish) {
    importPro();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(daemon->acquire("bots", 1, "", alice));
    lower.maxBots = 2;
    restart();
    EXPECT_FALSE(daemon->acquire("bots", 1, "", alice));
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 5u);
    clock.pass(std::chrono::hours{24});
    daemon->wake();  // the reclaim window is over long before: nobody came back
    EXPECT_EQ(daemon->quota("bots", 0).use.inUse, 0u);
}

TEST_F(DaemonTest, ShareOfEachUserIsKept) {
    perUser = 2;
    importPro();
    restart();
    EXPECT_TRUE(daemon->acquire("bots", 2, "", alice));
    EXPECT_FALSE(daemon->acquire("bots", 1, "", alice));
    EXPECT_FALSE(daemon->quota("bots", alice.uid).verdict.allowed);
    EXPECT_TRUE(daemon->acquire("bots", 2, "", bob));
}

TEST_F(DaemonTest, AdministratorTakesASlotAndItsHolderIsTold) {
    importPro();
    auto held = must(daemon->acquire("bots", 1, "", alice));
    CountingWatcher watcher;
    daemon->watch(watcher);
    EXPECT_TRUE(daemon->releaseSlot(held.id, 0));
    EXPECT_FALSE(daemon->releaseSlot(held.id, 0));
    EXPECT_EQ(watcher.calls, 1u);
    EXPECT_EQ(lastAudit(), "slot-released");
    daemon->unwatch(watcher);
}

TEST_F(DaemonTest, SlotsArePagedAndOthersAreNotShown) {
    License many = pro();
    many.maxBots = unlimited;
    ASSERT_EQ(importing(issuer.file(many)), "");
    for (int i = 0; i < 450; ++i) ASSERT_TRUE(daemon->acquire("bots", 1, "", i % 2 ? alice : bob));
    std::size_t seen = 0;
    SlotId after = 0;
    do {
        auto page = daemon->slots(after, 1'000'000, std::nullopt);
        ASSERT_LE(page.slots.size(), 200u);
        seen += page.slots.size();
        after = page.next;
    } while (after != 0);
    EXPECT_EQ(seen, 450u);
    for (const auto& slot : daemon->slots(0, 0, alice.uid).slots) EXPECT_EQ(slot.holder.uid, alice.uid);
}

TEST_F(DaemonTest, DenialsAreOneAuditEntryHoweverMany) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(daemon->acquire("bots", 1, "", alice));
    auto before = audit->lastIndex();
    for (int i = 0; i < 10'000; ++i) (void)daemon->acquire("bots", 1, "", alice);
    EXPECT_EQ(audit->lastIndex(), before);
    ASSERT_TRUE(armed);
    clock.pass(std::chrono::minutes{2});
    daemon->wake();
    EXPECT_EQ(audit->lastIndex(), before + 1);
    auto entry = audit->page(before, 1).value().entries.at(0);
    EXPECT_EQ(entry.kind, "denied");
    EXPECT_NE(entry.detail.find("10000"), std::string::npos) << entry.detail;
}

}  // namespace
}  // namespace entitle::testing
