// What an administrator brings, and what time and faults make of it.
#include <algorithm>

#include "tests/daemon/core_fixture.h"
#include "tests/daemon/faulty_calls.h"

namespace entitle::testing {
namespace {

TEST_F(DaemonTest, FreshMachineIsInDemoMode) {
    auto status = daemon->status();
    EXPECT_EQ(status.standing, Standing::demo);
    EXPECT_EQ(status.maxBots, 3);
    EXPECT_TRUE(daemon->check("paper_trading").allowed);
    const Verdict& live = daemon->check("live_trading");
    EXPECT_FALSE(live.allowed);
    EXPECT_EQ(live.reason, Reason::demoLimited);
    EXPECT_NE(live.message.find("Upgrade to Basic"), std::string::npos) << live.message;
}

TEST_F(DaemonTest, ImportedLicenseIsInForceAndOutlivesARestart) {
    importPro();
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(daemon->status().maxBots, 100);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
}

TEST_F(DaemonTest, UnknownAndMalformedNamesAreAnswers) {
    EXPECT_EQ(daemon->check("time_travel").reason, Reason::unknownName);
    EXPECT_EQ(daemon->check("Time Travel!").reason, Reason::badName);
    EXPECT_EQ(daemon->check(std::string(10'000, 'x')).reason, Reason::badName);
    EXPECT_EQ(daemon->quota("cats", 0).verdict.reason, Reason::unknownName);
    EXPECT_LE(daemon->quota(std::string(50'000, 'x'), 0).name.size(), 48u);
}

TEST_F(DaemonTest, EachKindOfRefusedImportSaysItsCodeAndChangesNothing) {
    const std::string good = issuer.file(pro(5));
    EXPECT_EQ(importing("not a license"), "bad-form");
    EXPECT_EQ(importing(std::string(70'000, 'x')), "too-long");
    std::string tampered = good;
    tampered[tampered.find("document: ") + 60] ^= 1;
    EXPECT_NE(importing(tampered), "");

    Issuer stranger(today);
    EXPECT_EQ(importing(stranger.file(pro())), "unknown-key");
    Issuer otherAuthority(today, "umbrella");
    EXPECT_NE(importing(otherAuthority.file(pro())), "");

    License other = pro();
    other.device = deviceIdOf(SecretKey::generate().verifyKey());
    EXPECT_EQ(importing(issuer.file(other)), "bad-signature");

    License foreign = pro();
    foreign.fingerprint = enroll(hardwareOf("1234").facts);
    EXPECT_EQ(importing(issuer.file(foreign)), "wrong-device");

    License early = pro();
    early.notBefore = today + std::chrono::hours{1};
    EXPECT_EQ(importing(issuer.file(early)), "not-yet-valid");

    License over = pro();
    over.endsAt = today;
    EXPECT_EQ(importing(issuer.file(over)), "already-over");

    License answer = pro();
    answer.nonce = freshNonce();
    EXPECT_EQ(importing(issuer.file(answer)), "other-nonce");

    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_EQ(store.saves, 0u);
    EXPECT_EQ(importing(good), "");
    EXPECT_EQ(importing(issuer.file(pro(4))), "lower-sequence");
    EXPECT_EQ(daemon->status().license->sequence, 5u);
    EXPECT_EQ(daemon->counters().imports, 1u);
}

TEST_F(DaemonTest, KeySetOfALowerVersionIsARollback) {
    const std::string old = issuer.file(pro(1));
    issuer.rotate();
    importPro(2);
    EXPECT_EQ(importing(old), "rollback");
}

TEST_F(DaemonTest, FullDiskIsAnAnswerAndLeavesTheOldStateInForce) {
    store.full = true;
    EXPECT_EQ(importing(issuer.file(pro())), "disk-full");
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_FALSE(daemon->check("live_trading").allowed);
    store.full = false;
    importPro();
    store.full = true;
    auto given = daemon->deactivate(0);
    ASSERT_FALSE(given);
    EXPECT_NE(given.error().message.find("disk full"), std::string::npos) << given.error().message;
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

TEST_F(DaemonTest, WhatTimeBringsIsInForceOnAFullDiskAndStoredLater) {
    License ending = pro();
    ending.endsAt = today + std::chrono::hours{1};
    ASSERT_EQ(importing(issuer.file(ending)), "");
    store.full = true;
    clock.pass(std::chrono::hours{2});
    daemon->wake();
    EXPECT_EQ(daemon->status().standing, Standing::windingDown);
    ASSERT_TRUE(armed);
    EXPECT_LE(*armed, clock.now().wall + std::chrono::seconds{62});
    store.full = false;
    clock.pass(std::chrono::seconds{61});
    daemon->wake();
    EXPECT_EQ(store.saved->state.reported, Standing::windingDown);
}

TEST_F(DaemonTest, GraceKeepsEveryRightUntilItsDeadline) {
    importPro();
    ASSERT_EQ(armed, clock.now().wall + std::chrono::hours{1}) << "uptime is kept hourly";
    clock.pass(std::chrono::days{14} - std::chrono::minutes{20});
    daemon->wake();
    ASSERT_EQ(armed, pro().freshUntil);
    clock.pass(std::chrono::days{1} + std::chrono::minutes{20});
    daemon->wake();
    EXPECT_EQ(daemon->status().standing, Standing::grace);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
    EXPECT_EQ(daemon->check("live_trading").reason, Reason::inGrace);
    clock.pass(std::chrono::days{7});
    daemon->wake();
    EXPECT_EQ(daemon->status().standing, Standing::expired);
    EXPECT_FALSE(daemon->check("live_trading").allowed);
}

TEST_F(DaemonTest, DeactivatedDocumentCannotComeBack) {
    const std::string file = issuer.file(pro());
    ASSERT_EQ(importing(file), "");
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_EQ(importing(file), "lower-sequence");
    auto again = daemon->deactivate(0);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, "nothing-to-deactivate");
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_EQ(importing(file), "lower-sequence");
}

TEST_F(DaemonTest, RequestIsTheSameUntilItIsAnsweredOrAFreshOneIsAskedFor) {
    auto first = daemon->request("desk", false, 0);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(*daemon->request("desk", false, 0), *first);
    restart();
    EXPECT_EQ(*daemon->request("desk", false, 0), *first);
    EXPECT_TRUE(daemon->status().requestPending);
    auto fresh = daemon->request("desk", true, 0);
    EXPECT_NE(*fresh, *first);

    auto request = verifyOfflineRequest(parseRequestFile(*fresh).value()).value();
    EXPECT_EQ(request.device(), device());
    EXPECT_EQ(request.hostLabel, "desk");
    EXPECT_EQ(request.authority, "acme");
    License answer = issuer.pro(request.device(), request.fingerprint, 1);
    answer.nonce = request.nonce;
    EXPECT_EQ(importing(issuer.file(answer)), "");
    EXPECT_FALSE(daemon->status().requestPending);
}

TEST_F(DaemonTest, RequestWithoutRootsInAContainerOrWithoutFactsIsRefusedWithWords) {
    hardware.facts.container = true;
    hardware.containerKind = "docker";
    auto inContainer = daemon->request("", false, 0);
    ASSERT_FALSE(inContainer);
    EXPECT_EQ(inContainer.error().code, "container");
    EXPECT_NE(inContainer.error().message.find("host"), std::string::npos) << inContainer.error().message;
    EXPECT_EQ(importing(issuer.file(pro())), "container");

    hardware = {};
    auto bare = daemon->request("", false, 0);
    ASSERT_FALSE(bare);
    EXPECT_EQ(bare.error().code, "hardware");
    EXPECT_FALSE(bare.error().message.empty());

    hardware = hardwareOf("abcd");
    auto forged = daemon->request("two\nlines", false, 0);
    ASSERT_FALSE(forged);
    EXPECT_EQ(forged.error().code, "bad-label");

    knowsRoots = false;
    restart();
    EXPECT_EQ(daemon->request("", false, 0).error().code, "no-roots");
    EXPECT_EQ(importing(issuer.file(pro())), "no-roots");
}

TEST_F(DaemonTest, StoredLicenseCountsOnlyWhileItVerifies) {
    importPro();
    knowsRoots = false;
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_FALSE(daemon->check("live_trading").allowed);
    knowsRoots = true;  // what was missing comes back, and the license with it
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::active);

    store.saved->documentToken[store.saved->documentToken.size() / 2] ^= 1;
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    auto findings = daemon->diagnose();
    EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.check == "license" && finding.level == Finding::Level::problem;
    }));
}

TEST_F(DaemonTest, StateOfAnotherDeviceKeyGrantsNothing) {
    importPro();
    key = SecretKey::generate();
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::demo);
}

TEST_F(DaemonTest, CopiedStateOnOtherHardwareIsRefused) {
    importPro();
    hardware = hardwareOf("1234");
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::wrongDevice);
    EXPECT_FALSE(daemon->check("live_trading").allowed);
    EXPECT_EQ(daemon->check("live_trading").reason, Reason::wrongDevice);
    auto answer = daemon->fingerprint();
    EXPECT_TRUE(answer.enrolled);
    EXPECT_EQ(answer.report.match, Match::different);
    EXPECT_FALSE(answer.advice.empty());
    hardware = hardwareOf("abcd");  // back on the machine it was issued for
    restart();
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

TEST_F(DaemonTest, LocalLimitsOnlyLower) {
    lower.maxBots = 1'000;
    restart();
    EXPECT_EQ(daemon->status().maxBots, 3);
    importPro();
    EXPECT_EQ(daemon->status().maxBots, 100);
    lower.maxBots = 7;
    lower.demoEnabled = false;
    restart();
    EXPECT_EQ(daemon->status().maxBots, 7);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
}

TEST_F(DaemonTest, EveryChangeIsAuditedAndTheLogHolds) {
    daemon->ready();
    EXPECT_EQ(lastAudit(), "started");
    importPro();
    EXPECT_EQ(lastAudit(), "imported");
    (void)importing("nonsense");
    EXPECT_EQ(lastAudit(), "import-refused");
    clock.pass(std::chrono::days{15});
    daemon->wake();
    EXPECT_EQ(lastAudit(), "standing");
    ASSERT_TRUE(daemon->deactivate(1000));
    EXPECT_EQ(lastAudit(), "deactivated");
    auto check = daemon->verifyAudit();
    EXPECT_TRUE(check.intact) << check.message;
    restart();
    check = daemon->verifyAudit();
    EXPECT_TRUE(check.intact) << check.message;
}

TEST_F(DaemonTest, AuditEntryLostInACrashAfterTheSaveIsAppendedAtStart) {
    importPro();
    auto entry = *store.saved->lastAudit;
    crash();
    // The crash came between store and log: the log lacks its last line.
    std::string log = readFile(files / "state/audit.log");
    log.erase(log.rfind('\n', log.size() - 2) + 1);
    writeFile(files / "state/audit.log", log);
    start();
    auto page = daemon->auditPage(entry.index - 1, 1).value();
    ASSERT_EQ(page.entries.size(), 1u);
    EXPECT_EQ(page.entries[0], entry);
}

// Else a power cut could take the entries before the one that the state names, and the log would seem shortened.
TEST_F(DaemonTest, LogIsOnTheDiskBeforeTheStateNamesItsNextEntry) {
    FaultyCalls watched;
    calls = &watched;
    restart();
    unsigned looked = 0;
    store.saving = [&] {
        const auto& journal = watched.journal();
        const auto lastWrite = std::find(journal.rbegin(), journal.rend(), "write");
        const auto lastSync = std::find(journal.rbegin(), journal.rend(), "fsync");
        EXPECT_LT(lastSync - journal.rbegin(), lastWrite - journal.rbegin());
        ++looked;
    };
    importPro();
    (void)importing("nonsense");  // an entry of its own, without a save
    importPro(2);
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_EQ(looked, 3U);
    store.saving = nullptr;
    crash();
    calls = &systemFileCalls();
    start();
}

// What `entitlectl doctor` tells of the disk.
TEST_F(DaemonTest, DiskThatIsFullIsFoundAndSoIsThatItIsWellAgain) {
    const auto disk = [&] {
        for (const auto& finding : daemon->diagnose()) {
            if (finding.check == "disk") return finding;
        }
        return Finding{};
    };
    EXPECT_EQ(disk().level, Finding::Level::ok);
    store.full = true;
    EXPECT_EQ(importing(issuer.file(pro())), "disk-full");
    EXPECT_EQ(disk().level, Finding::Level::problem);
    EXPECT_NE(disk().advice.find("Free space"), std::string::npos) << disk().advice;
    store.full = false;
    clock.pass(std::chrono::minutes{2});
    daemon->wake();
    EXPECT_EQ(disk().level, Finding::Level::ok);
}

TEST_F(DaemonTest, WatchersAreToldOfEveryChangeAndOfNothingElse) {
    CountingWatcher watcher;
    daemon->watch(watcher);
    auto before = daemon->generation();
    (void)daemon->check("live_trading");
    (void)daemon->acquire("bots", 1, "", {0, 1});
    (void)importing("nonsense");
    EXPECT_EQ(watcher.calls, 0u);
    EXPECT_EQ(daemon->generation(), before);
    importPro();
    EXPECT_GT(watcher.calls, 0u);
    EXPECT_GT(daemon->generation(), before);
    daemon->unwatch(watcher);
    auto calls = watcher.calls;
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_EQ(watcher.calls, calls);
}

TEST_F(DaemonTest, ClockSetBackBeforeTheLicenseIsNoticedAndHeals) {
    importPro();
    clock.now_.wall -= std::chrono::days{3};
    daemon->wake();
    // Suspect, but the document was valid when it came: daemon_clock_test says for how long it stays so.
    EXPECT_EQ(daemon->status().clockFlag, ClockFlag::rollback);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
    clock.now_.wall += std::chrono::days{3};
    daemon->wake();
    EXPECT_EQ(daemon->status().clockFlag, ClockFlag::none);
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

}  // namespace
}  // namespace entitle::testing
