// A daemon whose key is out of reach, or was lost: what goes on, what does not, and the way back.
#include "tests/daemon/online_fixture.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

class DaemonKeyTest : public OnlineTest {
  protected:
    void SetUp() override {
        OnlineTest::SetUp();
        activated();
    }
    // Over a restart: the TPM does not answer any more.
    void loseReach() {
        key = DeviceKey::outOfReach(key.verifyKey(), "the TPM did not answer in time");
        restartOnline();
    }
    void replaceKey() {
        auto formers = key.formers;
        formers.insert(formers.begin(), key.verifyKey());
        key = SecretKey::generate();
        key.formers = std::move(formers);
        restartOnline();
    }
    bool finds(Finding::Level level, const std::string& check) {
        const auto findings = daemon->diagnose();
        return std::any_of(findings.begin(), findings.end(),
                           [&](const Finding& f) { return f.level == level && f.check == check; });
    }
    SecretKey::Seed seed{5};
};

TEST_F(DaemonKeyTest, OutOfReachEveryRightStaysAndNothingIsSigned) {
    const auto asked = authority.all.size();
    loseReach();
    const auto status = daemon->status();
    EXPECT_EQ(status.standing, Standing::active);
    EXPECT_EQ(status.deviceId, device().value);
    EXPECT_NE(status.lastFailure.find("out of reach"), std::string::npos);
    EXPECT_TRUE(daemon->check("live_trading").allowed);
    wakeAfter(std::chrono::days{2});  // past the renewal
    EXPECT_EQ(authority.all.size(), asked);
    EXPECT_EQ(activateRefusal(key_), "key-out-of-reach");
    EXPECT_EQ(daemon->refresh(0, watcher).error().code, "key-out-of-reach");
    EXPECT_EQ(daemon->request("", false, 0).error().code, "key-out-of-reach");
    wakeAfter(std::chrono::days{13});
    EXPECT_EQ(daemon->status().standing, Standing::grace) << "time goes on as without an authority";
}

TEST_F(DaemonKeyTest, BackInReachWhatIsDueIsAskedAtOnce) {
    SecretKey secret = SecretKey::fromSeed(seed);
    key = SecretKey::fromSeed(seed);  // one that can be had twice
    store.saved.reset();
    restartOnline();
    activated();
    key = DeviceKey::outOfReach(secret.verifyKey(), "the TPM did not answer in time");
    restartOnline();
    wakeAfter(std::chrono::days{2});
    ASSERT_TRUE(authority.open(Operation::renew).empty());
    key = std::move(secret);
    daemon->keyReturned();
    grant(Operation::renew);
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_EQ(daemon->status().lastFailure, "");
    EXPECT_EQ(authority.open(Operation::wait).size(), 1u);
    EXPECT_TRUE(finds(Finding::Level::ok, "key"));
    EXPECT_TRUE(daemon->verifyAudit().intact);
}

TEST_F(DaemonKeyTest, OneThatTurnsOutToBeLostIsNoLongerSaidToComeBack) {
    startFindings = {{"key", Finding::Level::problem, "out of reach", "Nothing is lost: it is tried again."}};
    loseReach();
    key = DeviceKey::lost(key.verifyKey(), "another TPM sealed it");
    daemon->keyLost();
    const auto findings = daemon->diagnose();
    EXPECT_EQ(std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.check == "key"; }), 1);
    const auto lost = std::find_if(findings.begin(), findings.end(), [](const Finding& f) { return f.check == "key"; });
    EXPECT_EQ(lost->level, Finding::Level::problem);
    for (const auto& words :
         {lost->advice, daemon->status().lastFailure, daemon->activate(key_, 1000, watcher).error().message}) {
        EXPECT_NE(words.find("Restart entitled: it makes a new key. Then activate"), std::string::npos) << words;
        EXPECT_EQ(words.find("tried again"), std::string::npos) << words;
    }
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

TEST_F(DaemonKeyTest, ALostKeysLicenseHoldsOnItsHardwareUntilItsGraceEnds) {
    replaceKey();
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_NE(daemon->status().deviceId, daemon->status().license->device.value);
    EXPECT_TRUE(finds(Finding::Level::warning, "key"));
    EXPECT_TRUE(daemon->verifyAudit().intact) << "what the key before signed is still vouched for";
    hardware = hardwareOf("1234");
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::wrongDevice) << "elsewhere it is refused as ever";
    hardware = hardwareOf("abcd");
    restartOnline();
    clock.pass(std::chrono::days{14});
    daemon->wake();
    EXPECT_EQ(daemon->status().standing, Standing::grace);
    clock.pass(std::chrono::days{7});
    daemon->wake();
    EXPECT_EQ(daemon->status().standing, Standing::expired);
}

TEST_F(DaemonKeyTest, ALicenseOutlivesItsKeyAlsoWhenTheNextOneIsLostBeforeItHasOne) {
    replaceKey();
    replaceKey();
    EXPECT_EQ(daemon->status().standing, Standing::active);
    EXPECT_TRUE(finds(Finding::Level::warning, "key"));
    EXPECT_TRUE(daemon->verifyAudit().intact) << "what each of them signed is still vouched for";
    hardware = hardwareOf("1234");
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::wrongDevice);
}

TEST_F(DaemonKeyTest, TheSameLicenseKeyEnrolsTheNewKeyAndNotMerelyRenews) {
    replaceKey();
    ASSERT_EQ(activateRefusal(key_), "");
    const auto question = asked(Operation::activate);
    EXPECT_EQ(read(question, Operation::activate).device(), device());
    EXPECT_EQ(daemon->status().standing, Standing::active) << "what was in force stays so meanwhile";
    grant(Operation::activate);
    EXPECT_EQ(daemon->status().license->device, device());
    EXPECT_FALSE(finds(Finding::Level::warning, "key"));
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::active);
}

TEST_F(DaemonKeyTest, AKeyThatNobodyRemembersGrantsNothing) {
    key = SecretKey::generate();
    restartOnline();
    EXPECT_EQ(daemon->status().standing, Standing::demo);
}

TEST_F(DaemonKeyTest, TheAuditLogGoesOnWithoutASignature) {
    loseReach();
    for (int i = 0; i < 600; ++i) ASSERT_TRUE(audit->note("note", "{}", clock.now()));
    EXPECT_TRUE(daemon->verifyAudit().intact);
    const auto before = daemon->verifyAudit().checkpoints;
    ASSERT_TRUE(audit->checkpoint(clock.now()));
    EXPECT_EQ(daemon->verifyAudit().checkpoints, before);
    restartOnline();
    EXPECT_TRUE(daemon->verifyAudit().intact);
}

}  // namespace
}  // namespace entitle::testing
