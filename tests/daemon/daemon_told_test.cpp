// What administrators find in the journal of what happens to a license.
#include "tests/daemon/core_fixture.h"
#include "tests/daemon/listening_journal.h"

namespace entitle::testing {
namespace {

class DaemonTold : public DaemonTest {
  protected:
    void SetUp() override {
        setLogLevel(LogLevel::info);
        tellTo(Journal::connect(journal.path()));
        DaemonTest::SetUp();
    }
    void TearDown() override {
        DaemonTest::TearDown();
        tellTo(std::nullopt);
    }
    // The next message of that kind; fails the test if there is none.
    std::map<std::string, std::string> told(Occurrence what) {
        auto message = journal.next(kindOf(what).messageId);
        EXPECT_TRUE(message) << kindOf(what).messageId;
        return message.value_or(std::map<std::string, std::string>{});
    }
    ListeningJournal journal;
};

TEST_F(DaemonTold, ALicenseFromItsImportToItsEnd) {
    daemon->ready();
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

}  // namespace
}  // namespace entitle::testing
