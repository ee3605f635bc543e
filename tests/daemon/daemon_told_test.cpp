// What administrators find in the journal of what happens to a license.
#include "tests/daemon/listening_journal.h"
#include "tests/daemon/online_fixture.h"
#include "tests/systemd/catalog.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

class DaemonTold : public OnlineTest {
  protected:
    void SetUp() override {
        setLogLevel(LogLevel::info);
        tellTo(Journal::connect(journal.path()));
        OnlineTest::SetUp();
    }
    void TearDown() override {
        OnlineTest::TearDown();
        tellTo(std::nullopt);
    }
    // The next message of that kind; fails the test if there is none, or it lacks what its explanation speaks of.
    std::map<std::string, std::string> told(Occurrence what) {
        auto message = journal.next(kindOf(what).messageId);
        EXPECT_TRUE(message) << kindOf(what).messageId;
        if (!message) return {};
        for (const auto& field : fieldsIn(catalog.at(std::string(kindOf(what).messageId))))
            EXPECT_NE((*message)[field], "") << field << ": " << (*message)["MESSAGE"];
        return *message;
    }
    bool toldNothingMore(Occurrence what) { return !journal.next(kindOf(what).messageId); }
    void denied(SignedEnd end) {
        wakeAfter(27h);
        settle(Operation::renew, Outcome::denied, [&](ExchangeAnswer& answer) { answer.ended = end; });
    }

    const std::map<std::string, CatalogEntry> catalog = readCatalog(ENTITLE_SOURCE_DIR);
    ListeningJournal journal;
};

TEST_F(DaemonTold, ALicenseFromItsImportToItsEnd) {
    EXPECT_EQ(told(Occurrence::started)["ENTITLED_STANDING"], "demo");
    importPro();
    auto active = told(Occurrence::active);
    EXPECT_EQ(active["ENTITLED_STANDING"], "active");
    EXPECT_EQ(active["ENTITLED_STANDING_BEFORE"], "demo");
    EXPECT_EQ(active["ENTITLED_LICENSE"], pro().id.value);
    EXPECT_EQ(active["ENTITLED_LICENSE_TYPE"], "pro");

    clock.pass(pro().freshUntil - pro().issuedAt);
    daemon->wake();
    auto grace = told(Occurrence::grace);
    EXPECT_EQ(grace["ENTITLED_STANDING_BEFORE"], "active");
    EXPECT_EQ(grace["ENTITLED_UNTIL"], toRfc3339(plus(pro().freshUntil, pro().grace)));
    EXPECT_EQ(grace["PRIORITY"], "4");

    clock.pass(pro().grace);
    daemon->wake();
    auto over = told(Occurrence::expired);
    EXPECT_EQ(over["ENTITLED_LICENSE"], pro().id.value);
    EXPECT_EQ(over["PRIORITY"], "3");
}

TEST_F(DaemonTold, OtherHardwareAndAFullDisk) {
    importPro();
    store.full = true;
    hardware = hardwareOf("1234");
    clock.pass(std::chrono::hours{24 * 365});
    daemon->wake();
    told(Occurrence::storeFault);
    store.full = false;
    restart();
    EXPECT_EQ(told(Occurrence::wrongDevice)["ENTITLED_LICENSE"], pro().id.value);
}

TEST_F(DaemonTold, AChangedPartIsNamedDriftOnce) {
    importPro();
    hardware.facts.facts[0].values = {"99999999-2fa1-41d2-883f-0016e4d39999"};
    restart();
    EXPECT_EQ(daemon->status().binding, Match::drift);
    EXPECT_EQ(told(Occurrence::hardwareDrifted)["ENTITLED_LICENSE"], pro().id.value);
    daemon->wake();
    EXPECT_FALSE(journal.next(kindOf(Occurrence::hardwareDrifted).messageId));
}

TEST_F(DaemonTold, WhatTheAuthorityDecidesHasANameEach) {
    activated();
    denied(SignedEnd::suspended);
    auto suspended = told(Occurrence::suspended);
    EXPECT_EQ(suspended["ENTITLED_STANDING"], "suspended");
    EXPECT_EQ(suspended["ENTITLED_LICENSE"], pro().id.value);
    EXPECT_EQ(suspended["PRIORITY"], "3");
    denied(SignedEnd::revoked);
    auto revoked = told(Occurrence::revoked);
    EXPECT_EQ(revoked["ENTITLED_STANDING"], "revoked");
    EXPECT_EQ(revoked["ENTITLED_STANDING_BEFORE"], "suspended");
    EXPECT_EQ(revoked["PRIORITY"], "3");
}

TEST_F(DaemonTold, ALicenseThatEndsAndIsGivenUp) {
    License ending = pro();
    ending.endsAt = today + 1h;
    ASSERT_EQ(importing(issuer.file(ending)), "");
    told(Occurrence::active);
    wakeAfter(1h);
    EXPECT_EQ(told(Occurrence::windingDown)["ENTITLED_UNTIL"], toRfc3339(today + 1h + ending.windDown));
    ASSERT_TRUE(daemon->deactivate(0));
    EXPECT_EQ(told(Occurrence::demo)["ENTITLED_LICENSE"], ending.id.value) << "which it was";
}

TEST_F(DaemonTold, TwoCopiesOfADevice) {
    activated();
    wakeAfter(27h);
    settle(Operation::renew, Outcome::conflict);
    auto conflict = told(Occurrence::conflict);
    EXPECT_EQ(conflict["ENTITLED_LICENSE"], pro().id.value);
    EXPECT_EQ(conflict["PRIORITY"], "4");
    EXPECT_NE(conflict["MESSAGE"].find("two copies"), std::string::npos) << conflict["MESSAGE"];
}

TEST_F(DaemonTold, AnAuthorityThatGoesAndComesIsToldOnceEach) {
    activated();
    wakeAfter(27h);
    fail(Operation::renew);
    auto away = told(Occurrence::authorityAway);
    EXPECT_EQ(away["ENTITLED_FAULT"], "unconnected");
    EXPECT_EQ(away["PRIORITY"], "4");
    daemon->networkBack();
    fail(Operation::renew);
    EXPECT_TRUE(toldNothingMore(Occurrence::authorityAway));
    daemon->networkBack();
    grant(Operation::renew);
    EXPECT_EQ(told(Occurrence::authorityBack)["PRIORITY"], "6");
    daemon->networkBack();
    settle(Operation::wait, Outcome::retry);
    EXPECT_TRUE(toldNothingMore(Occurrence::authorityBack));
}

TEST_F(DaemonTold, AClockThatIsSetBackAndRightAgain) {
    importPro();
    clock.now_.wall = today - 24h * 30;
    clock.now_.synced = false;
    daemon->wake();
    auto suspect = told(Occurrence::clockSuspect);
    EXPECT_EQ(suspect["ENTITLED_CLOCK"], toString(ClockFlag::rollback));
    EXPECT_EQ(suspect["PRIORITY"], "4");
    daemon->wake();
    EXPECT_TRUE(toldNothingMore(Occurrence::clockSuspect));
    clock.now_.wall = today + 1h;
    daemon->wake();
    EXPECT_EQ(told(Occurrence::clockTrusted)["PRIORITY"], "6");
}

TEST_F(DaemonTold, AStateThatWasDamagedAndOneThatIsLost) {
    activated();
    store.origin = LoadedRecord::Origin::recovered;
    restartOnline();
    auto recovered = told(Occurrence::stateRecovered);
    EXPECT_EQ(recovered["MESSAGE"], "The disk is worn.");
    EXPECT_EQ(recovered["PRIORITY"], "3");
    EXPECT_EQ(daemon->status().standing, Standing::active);
    store.origin = LoadedRecord::Origin::lost;
    store.saved.reset();
    authority.all.clear();
    restartOnline();
    told(Occurrence::stateRecovered);
    EXPECT_EQ(daemon->status().standing, Standing::demo);
    EXPECT_TRUE(authority.all.empty()) << "nothing comes back by itself";
    activated();
}

TEST_F(DaemonTold, AStoredLicenseThatDoesNotVerify) {
    importPro();
    knowsRoots = false;
    restart();
    auto unreadable = told(Occurrence::licenseUnreadable);
    EXPECT_NE(unreadable["MESSAGE"].find("root keys"), std::string::npos) << unreadable["MESSAGE"];
    EXPECT_EQ(unreadable["PRIORITY"], "3");
}

}  // namespace
}  // namespace entitle::testing
