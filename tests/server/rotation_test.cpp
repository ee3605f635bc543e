#include "server/rotation.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "server/founding.h"
#include "tests/server/desk.h"

namespace entitle {
namespace {

using testing::day;
using testing::Desk;
using testing::importFile;
using testing::Machine;
using testing::noon;

class Rotation : public ::testing::Test {
  protected:
    Granted<KeySet> rotate(Seconds overlap, Instant now = noon) {
        return rotateSigningKey(desk_.authority(), desk_.roots(), overlap, now);
    }
    Granted<KeySet> revoke(const std::string& keyId, Instant now = noon) {
        return revokeSigningKey(desk_.authority(), desk_.roots(), keyId, now);
    }
    std::string documentOf(const IssuedFile& file) { return parseLicenseFile(file.text).value().documentToken; }

    Desk desk_;
    Machine machine_;
    LicenseId license_ = desk_.mint("pro").row.id;
    std::string firstKey_ = desk_.authority().keySet().keys[0].key.keyId();
};

TEST_F(Rotation, DocumentsOfOldAndNewKeyVerifyWithTheNewSet) {
    const auto before = desk_.answer(license_, machine_.file("desk"));
    ASSERT_TRUE(before);
    const auto set = rotate(30 * day, noon + day);
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_EQ(set->version, 2u);
    ASSERT_EQ(set->keys.size(), 2u);
    EXPECT_EQ(set->keys[0].expires, noon + 31 * day);
    const auto after = desk_.answer(license_, machine_.file("desk"), noon + day);
    ASSERT_TRUE(after);
    EXPECT_EQ(tokenKeyId(documentOf(*after)).value(), set->keys[1].key.keyId()) << "the newest key signs";

    EXPECT_EQ(verifyLicense(documentOf(*before), *set, machine_.device()).value(), before->license);
    EXPECT_EQ(verifyLicense(documentOf(*after), *set, machine_.device()).value(), after->license);
    EXPECT_TRUE(importFile(after->text, desk_.authority().roots(), machine_.device(), 2));
}

TEST_F(Rotation, DocumentOfTheOldKeyVerifiesLongAfterThatKeyStoppedSigning) {
    const auto before = desk_.answer(license_, machine_.file("desk"));
    ASSERT_TRUE(rotate(Seconds(0)));
    // Many rotations later, while the document may be in use, its key is still listed.
    for (int i = 1; i <= 4; ++i) ASSERT_TRUE(rotate(Seconds(0), noon + i * 90 * day));
    const auto set = desk_.authority().keySet();
    EXPECT_EQ(set.version, 6u);
    EXPECT_TRUE(verifyLicense(documentOf(*before), set, machine_.device()));
}

TEST_F(Rotation, KeysFallAwayOnceNoDocumentOfTheirsCanBeInUse) {
    ASSERT_TRUE(desk_.answer(license_, machine_.file("desk")));
    const Instant over = noon + (365 + 7) * day;
    ASSERT_TRUE(rotate(Seconds(0), noon + day));
    EXPECT_NE(rotate(Seconds(0), over)->find(firstKey_), nullptr);
    EXPECT_EQ(rotate(Seconds(0), over + Seconds(1))->find(firstKey_), nullptr);
}

TEST_F(Rotation, EleventhKeyInUseIsRefusedAndARevokedOneMakesRoom) {
    for (int i = 1; i < 10; ++i) ASSERT_TRUE(rotate(30 * day, noon + Seconds(i)));
    const auto refused = rotate(30 * day, noon + Seconds(10));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, DenialReason::tooManyKeys);
    EXPECT_EQ(desk_.authority().keySet().version, 10u) << "nothing was published";
    ASSERT_TRUE(revoke(firstKey_, noon + Seconds(11)));
    const auto set = rotate(30 * day, noon + Seconds(12));
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_EQ(set->keys.size(), 10u);
    EXPECT_EQ(set->find(firstKey_), nullptr);
}

TEST_F(Rotation, OverlapNeverLengthensAKeysLife) {
    const Instant end = desk_.authority().keySet().keys[0].expires;
    EXPECT_EQ(rotate(365 * day, end - day)->find(firstKey_)->expires, end);
}

TEST_F(Rotation, DocumentOfARevokedKeyIsRefusedAndItsRequestMustBeMadeAnew) {
    const auto request = machine_.file("desk");
    const auto before = desk_.answer(license_, request);
    ASSERT_TRUE(rotate(30 * day));
    const auto set = revoke(firstKey_);
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_EQ(set->version, 3u);
    EXPECT_EQ(verifyLicense(documentOf(*before), *set, machine_.device()).error(), DocumentError::keyRevoked);

    EXPECT_EQ(desk_.answer(license_, request).error().reason, DenialReason::answerStale);
    const auto after = desk_.answer(license_, machine_.file("desk"));
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(importFile(after->text, desk_.authority().roots(), machine_.device(), 3).value().sequence, 2u);
}

TEST_F(Rotation, RevokingTheOnlyKeyStopsIssuingUntilTheNextRotation) {
    ASSERT_TRUE(revoke(firstKey_));
    const auto refused = desk_.answer(license_, machine_.file("desk"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, DenialReason::noSigningKey);
    EXPECT_NE(refused.error().message.find("keys rotate"), std::string::npos);
    ASSERT_TRUE(rotate(Seconds(0)));
    EXPECT_TRUE(desk_.answer(license_, machine_.file("desk")));
}

TEST_F(Rotation, UnknownAndAlreadyRevokedKeysAreRefusedWithoutANewSet) {
    EXPECT_EQ(revoke("k4.pid.unknown").error().reason, DenialReason::unknownSigningKey);
    ASSERT_TRUE(revoke(firstKey_));
    EXPECT_EQ(revoke(firstKey_).error().reason, DenialReason::unknownSigningKey);
    EXPECT_EQ(desk_.authority().keySet().version, 2u);
}

TEST_F(Rotation, StandbyRootSignsWhenTheActiveOneIsLost) {
    std::filesystem::remove(desk_.roots() / "root-active.key");
    ASSERT_TRUE(rotate(30 * day));
    EXPECT_EQ(tokenKeyId(desk_.store().keySet().token).value(), desk_.authority().roots().keys[1].keyId());
    EXPECT_TRUE(importFile(desk_.answer(license_, machine_.file("desk"))->text, desk_.authority().roots(),
                           machine_.device(), 2));
}

TEST_F(Rotation, NeedsTheRootsOfThisAuthorityAndSaysSo) {
    Desk other;
    const auto foreign = rotateSigningKey(desk_.authority(), other.roots(), day, noon);
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().reason, DenialReason::wrongRoot);
    const auto away = rotateSigningKey(desk_.authority(), desk_.scratch("nowhere"), day, noon);
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().reason, DenialReason::unreadable);
    ASSERT_EQ(::chmod((desk_.roots() / "root-active.key").c_str(), 0644), 0);
    const auto open = rotate(day);
    ASSERT_FALSE(open);
    EXPECT_EQ(open.error().reason, DenialReason::unsafeFile);
    EXPECT_NE(open.error().message.find("chmod 600"), std::string::npos);
    EXPECT_EQ(desk_.authority().keySet().version, 1u);
}

TEST_F(Rotation, DeviceThatSawTheNewSetRefusesTheOldOne) {
    const auto before = desk_.answer(license_, machine_.file("desk"));
    ASSERT_TRUE(rotate(30 * day));
    EXPECT_EQ(importFile(before->text, desk_.authority().roots(), machine_.device(), 2).error(),
              DocumentError::rollback);
}

}  // namespace
}  // namespace entitle
