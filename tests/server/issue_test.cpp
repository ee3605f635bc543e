// The pure decision: a row, a request and a moment in; claims or a denial out.
#include "server/issue.h"

#include <gtest/gtest.h>

#include "license/catalogue.h"
#include "tests/server/desk.h"

namespace entitle {
namespace {

using testing::day;
using testing::Machine;
using testing::noon;

DeviceRow heldBy(const Machine& machine) {
    DeviceRow row;
    row.number = 1;
    row.device = machine.device();
    row.deviceKey = "k4.public.x";
    row.hostLabel = "host";
    row.takenAt = noon;
    return row;
}

class Issue : public ::testing::Test {
  protected:
    Issue() {
        const auto& type = *builtinCatalogue().type("pro");
        facts_.license.id = LicenseId{"lic_0123456789abcdef"};
        facts_.license.type = type.name;
        facts_.license.plan = type.plan;
        facts_.license.features = type.features;
        facts_.license.maxBots = type.maxBots;
        keySet_ = {"desk", 3, noon, {{SecretKey::generate().verifyKey(), noon, noon + 100 * day, false}}};
        facts_.keySet = {3, "", noon};
    }
    Granted<IssueDecision> decide(const OfflineRequest& request, Instant now = noon) {
        return decideIssue(facts_, keySet_, request, IssueTerms{}, rights_, now);
    }
    void expectDenied(const OfflineRequest& request, DenialReason reason, Instant now = noon) {
        const auto decision = decide(request, now);
        ASSERT_FALSE(decision);
        EXPECT_EQ(toString(decision.error().reason), toString(reason));
        EXPECT_GT(decision.error().message.size(), 20u) << "a denial says what to do";
    }

    IssueFacts facts_;
    IssueRights rights_;
    KeySet keySet_;
    Machine machine_;
};

TEST_F(Issue, DocumentCarriesTheRowTheRequestAndTheTerms) {
    const auto request = machine_.request("desk");
    const auto decision = decide(request);
    ASSERT_TRUE(decision);
    const License& claims = decision->claims;
    EXPECT_EQ(claims.authority, "desk");
    EXPECT_EQ(claims.id, facts_.license.id);
    EXPECT_EQ(claims.device, machine_.device());
    EXPECT_EQ(claims.fingerprint, request.fingerprint);
    EXPECT_EQ(claims.issuedAt, noon);
    EXPECT_EQ(claims.notBefore, noon - std::chrono::minutes(5));
    EXPECT_EQ(claims.freshUntil, noon + 365 * day);
    EXPECT_EQ(claims.endsAt, std::nullopt);
    EXPECT_EQ(claims.type, "pro");
    EXPECT_EQ(claims.maxBots, 100);
    EXPECT_EQ(claims.grace, 7 * day);
    EXPECT_EQ(claims.windDown, 1 * day);
    EXPECT_EQ(claims.check, 1 * day);
    EXPECT_EQ(claims.sequence, 1u);
    EXPECT_EQ(claims.nonce, request.nonce);
    EXPECT_EQ(claims.features,
              expandFeatures(builtinCatalogue(), builtinCatalogue().type("pro")->features, claims.maxBots));
}

TEST_F(Issue, SequenceIsAboveTheRowAndAboveWhatTheDeviceHasSeen) {
    auto request = machine_.request("desk");
    facts_.license.lastSequence = 7;
    request.highestSequence = 4;
    EXPECT_EQ(decide(request).value().claims.sequence, 8u);
    request.highestSequence = 40;
    EXPECT_EQ(decide(request).value().claims.sequence, 41u);
}

TEST_F(Issue, RequestThatClaimsAnImpossibleSequenceIsRefused) {
    auto request = machine_.request("desk");
    request.highestSequence = maxClaimedSequence;
    EXPECT_TRUE(decide(request));
    request.highestSequence = maxClaimedSequence + 1;
    expectDenied(request, DenialReason::sequenceSpent);
    request.highestSequence = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    expectDenied(request, DenialReason::sequenceSpent);
}

TEST_F(Issue, LengthRunsFromTheFirstDocument) {
    facts_.license.duration = 14 * day;
    EXPECT_EQ(decide(machine_.request("desk"), noon + 100 * day).value().claims.endsAt, noon + 114 * day);
    facts_.license.endsAt = noon + 5 * day;  // a first document has fixed it
    EXPECT_EQ(decide(machine_.request("desk"), noon + 1 * day).value().claims.endsAt, noon + 5 * day);
}

TEST_F(Issue, EndedLicenseIsRefusedFromItsVeryEndOn) {
    facts_.license.endsAt = noon;
    EXPECT_TRUE(decide(machine_.request("desk"), noon - Seconds(1)));
    expectDenied(machine_.request("desk"), DenialReason::licenseEnded, noon);
}

TEST_F(Issue, OtherDeviceIsToldWhoHoldsTheSeatAndHowToReleaseIt) {
    DeviceRow holder;
    holder.number = 1;
    holder.device = DeviceId{"AAAAAAAAAAAAAAAAAAAAAA"};
    holder.hostLabel = "old laptop";
    holder.takenAt = noon;
    facts_.others = {holder};
    facts_.license.devicesHeld = 1;
    const auto decision = decide(machine_.request("desk"));
    ASSERT_FALSE(decision);
    EXPECT_EQ(decision.error().reason, DenialReason::seatTaken);
    EXPECT_NE(decision.error().message.find("old laptop"), std::string::npos);
    EXPECT_NE(decision.error().message.find("license release lic_0123456789abcdef --device AAAAAAAAAAAAAAAAAAAAAA"),
              std::string::npos)
        << decision.error().message;
}

TEST_F(Issue, HolderOfTheSeatGetsAnotherDocument) {
    facts_.device = heldBy(machine_);
    EXPECT_TRUE(decide(machine_.request("desk")));
}

TEST_F(Issue, RequestToAnotherAuthorityIsRefused) {
    expectDenied(machine_.request("another"), DenialReason::wrongAuthority);
}

TEST_F(Issue, RequestWithoutHardwareIsRefused) {
    auto request = machine_.request("desk");
    request.fingerprint.components.clear();
    expectDenied(request, DenialReason::noHardware);
}

TEST_F(Issue, DeviceThatKnowsANewerKeySetIsRefusedRatherThanGivenAnUnusableOne) {
    auto request = machine_.request("desk");
    request.keySetVersion = 3;
    EXPECT_TRUE(decide(request));
    request.keySetVersion = 4;
    expectDenied(request, DenialReason::keySetBehind);
}

TEST_F(Issue, AnsweredRequestIsRepeatedOnlyWhileItsAnswerCounts) {
    DocumentRow answer;
    answer.sequence = 1;
    answer.seat = 1;
    answer.signingKeyId = keySet_.keys[0].key.keyId();
    answer.issuedAt = noon;
    answer.freshUntil = noon + 365 * day;
    facts_.answer = answer;
    facts_.device = facts_.answerSeat = heldBy(machine_);
    const auto request = machine_.request("desk");
    EXPECT_TRUE(decide(request).value().repeat);
    EXPECT_TRUE(decide(request, noon + 365 * day).value().repeat);
    expectDenied(request, DenialReason::answerStale, noon + 365 * day + Seconds(1));

    keySet_.keys[0].revoked = true;
    expectDenied(request, DenialReason::answerStale);
    keySet_.keys[0].revoked = false;

    facts_.device->releasedAt = noon;
    facts_.answerSeat->releasedAt = noon;
    expectDenied(request, DenialReason::seatReleased);
}

TEST_F(Issue, SigningKeyIsUsedOnlyWithinItsTimesUnrevokedAndAtHand) {
    const auto keyId = keySet_.keys[0].key.keyId();
    EXPECT_EQ(signingKeyFor(keySet_, {keyId}, noon - Seconds(1)), nullptr);
    EXPECT_EQ(signingKeyFor(keySet_, {keyId}, noon), &keySet_.keys[0]);
    EXPECT_EQ(signingKeyFor(keySet_, {keyId}, noon + 100 * day - Seconds(1)), &keySet_.keys[0]);
    EXPECT_EQ(signingKeyFor(keySet_, {keyId}, noon + 100 * day), nullptr);
    EXPECT_EQ(signingKeyFor(keySet_, {}, noon), nullptr);
    keySet_.keys[0].revoked = true;
    EXPECT_EQ(signingKeyFor(keySet_, {keyId}, noon), nullptr);
}

}  // namespace
}  // namespace entitle
