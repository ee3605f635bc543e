// Whom a machine believes: keys and their ids, pinned roots, signed key sets.
#include "license/keyring.h"

#include <new>
#include <type_traits>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "license/key_set.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using std::string_literals::operator""s;
using test::at;
using test::replaced;

// --- keys -----------------------------------------------------------------------------------------------------------

static_assert(!std::is_convertible_v<SecretKey, VerifyKey> && !std::is_constructible_v<VerifyKey, SecretKey>);
static_assert(!std::is_copy_constructible_v<SecretKey> && !std::is_copy_assignable_v<SecretKey>);

TEST(SecretKey, TextComesBackAndItsPublicHalfIsChecked) {
    const auto key = test::signingKey();
    const std::string text = key.paserk();
    EXPECT_EQ(text.size(), std::string("k4.secret.").size() + 86);
    EXPECT_EQ(SecretKey::fromPaserk(text).value().bytes(), key.bytes());

    // The seed of one key with the public half of another.
    const auto other = test::nextSigningKey().paserk();
    std::string mixed = text.substr(0, 10 + 40) + other.substr(10 + 40);
    EXPECT_FALSE(SecretKey::fromPaserk(mixed));
    for (const auto& bad : {""s, "k4.secret."s, text + "A", text.substr(0, text.size() - 1), text + "=",
                            "k4.public." + text.substr(10), "k3.secret." + text.substr(10), " " + text})
        EXPECT_FALSE(SecretKey::fromPaserk(bad)) << bad;
}

TEST(SecretKey, GeneratedOnesDiffer) {
    EXPECT_NE(SecretKey::generate().bytes(), SecretKey::generate().bytes());
}

bool allZero(const std::array<std::uint8_t, 64>& bytes) {
    return bytes == std::array<std::uint8_t, 64>{};
}

TEST(SecretKey, MovingLeavesTheSourceWiped) {
    auto source = test::signingKey();
    const SecretKey target = std::move(source);
    EXPECT_TRUE(allZero(source.bytes()));
    EXPECT_EQ(target.bytes(), test::signingKey().bytes());

    auto assigned = test::nextSigningKey();
    auto again = test::signingKey();
    assigned = std::move(again);
    EXPECT_TRUE(allZero(again.bytes()));
    EXPECT_EQ(assigned.bytes(), test::signingKey().bytes());
    auto& self = assigned;
    assigned = std::move(self);
    EXPECT_EQ(assigned.bytes(), test::signingKey().bytes());
}

TEST(SecretKey, DestructionWipesItsMemory) {
    alignas(SecretKey) std::array<unsigned char, sizeof(SecretKey)> room{};
    auto* key = new (room.data()) SecretKey(test::signingKey());
    ASSERT_FALSE(allZero(key->bytes()));
    key->~SecretKey();
    // Read as the raw bytes they are: an optimiser that drops the wiping is what this test is for.
    const volatile unsigned char* bytes = room.data();
    unsigned char left = 0;
    for (std::size_t i = 0; i < room.size(); ++i) left |= bytes[i];
    EXPECT_EQ(left, 0);
}

TEST(VerifyKey, TextIsStrict) {
    const auto key = test::signingKey().verifyKey();
    const std::string text = key.paserk();
    EXPECT_EQ(VerifyKey::fromPaserk(text), key);
    EXPECT_EQ(text.size(), 53u);
    EXPECT_EQ(key.keyId().size(), 51u);
    std::string dirty = text;
    dirty.back() = static_cast<char>(dirty.back() + 1);  // 43 letters: the last carries two bits of nothing
    for (const auto& bad :
         {""s, "k4.public."s, text + "A", text + "=", text.substr(0, 52), dirty, "k4.secret." + text.substr(10),
          "k4.pid." + text.substr(10), "K4.public." + text.substr(10), text + "\n"})
        EXPECT_FALSE(VerifyKey::fromPaserk(bad)) << bad;
}

// --- roots ----------------------------------------------------------------------------------------------------------

TEST(Roots, TextComesBack) {
    EXPECT_EQ(parseRoots(printRoots(test::roots())).value(), test::roots());
    EXPECT_EQ(parseRoots(printRoots(test::roots()) + "\n").value(), test::roots());
    EXPECT_EQ(parseRoots("# for production\r\n" + printRoots(test::roots()) + "\r\n# end\n").value(), test::roots());
}

TEST(Roots, EveryOtherFormIsRefusedWithItsReason) {
    const auto refusal = [](std::string_view text) {
        const auto roots = parseRoots(text);
        return roots ? RootsError{} : roots.error();
    };
    const std::string key = test::rootKey().verifyKey().paserk();
    const std::string line = printRoots(test::roots());
    EXPECT_EQ(refusal(""), RootsError::badForm);
    EXPECT_EQ(refusal("# only a comment\n"), RootsError::badForm);
    EXPECT_EQ(refusal(line + "\n" + line), RootsError::badForm);
    EXPECT_EQ(refusal(line + "\n\n"), RootsError::badForm);
    EXPECT_EQ(refusal(" " + line), RootsError::badAuthority);
    EXPECT_EQ(refusal("co " + key), RootsError::badAuthority);
    EXPECT_EQ(refusal("Co-example " + key), RootsError::badAuthority);
    EXPECT_EQ(refusal(std::string(41, 'a') + " " + key), RootsError::badAuthority);
    EXPECT_EQ(refusal("co-example"), RootsError::badKey);
    EXPECT_EQ(refusal("co-example "), RootsError::badKey);
    EXPECT_EQ(refusal(line + " "), RootsError::badKey);
    EXPECT_EQ(refusal("co-example  " + key), RootsError::badKey);
    EXPECT_EQ(refusal("co-example\t" + key), RootsError::badAuthority);
    EXPECT_EQ(refusal("co-example " + key + " " + key), RootsError::badKey);
    EXPECT_EQ(refusal("co-example " + test::rootKey().paserk()), RootsError::badKey);
    EXPECT_EQ(refusal(std::string(1025, '#')), RootsError::tooLong);
    std::string five = "co-example";
    for (std::uint8_t i = 1; i <= 5; ++i) five += " " + SecretKey::fromSeed({i}).verifyKey().paserk();
    EXPECT_EQ(refusal(five), RootsError::tooManyKeys);
    EXPECT_EQ(refusal(five.substr(0, five.rfind(' '))), RootsError{});
}

RC_GTEST_PROP(Roots, NoTextBreaksTheReader, (const std::string& text)) {
    const auto roots = parseRoots(text);
    RC_ASSERT((!roots || parseRoots(printRoots(*roots)).value() == *roots));
}

// --- key sets -------------------------------------------------------------------------------------------------------

std::string goodPayload() {
    return test::payloadOf(signKeySet(test::rootKey(), test::keySet()));
}

DocumentResult<KeySet> signedAndRead(std::string_view payload, std::uint64_t minimumVersion = 0) {
    return verifyKeySet(signToken(test::rootKey(), payload, test::keySetAssertion()), test::roots(), minimumVersion);
}

void expectBadClaims(std::string_view payload) {
    const auto set = signedAndRead(payload);
    ASSERT_FALSE(set) << payload;
    EXPECT_EQ(set.error(), DocumentError::badClaims) << payload;
}

TEST(KeySet, ComesBackAsItWasSigned) {
    EXPECT_EQ(verifyKeySet(signKeySet(test::rootKey(), test::keySet()), test::roots(), 0).value(), test::keySet());
}

TEST(KeySet, HasExactlyThisByteForm) {
    KeySet set = test::keySet();
    set.keys.resize(1);
    EXPECT_EQ(test::payloadOf(signKeySet(test::rootKey(), set)),
              R"({"typ":"co.keyset.v1","iss":"co-example","version":7,"iat":"2026-11-01T00:00:00Z","keys":[{"key":")" +
                  test::signingKey().verifyKey().paserk() +
                  R"(","nbf":"2026-01-01T00:00:00Z","exp":"2026-12-31T23:59:59Z","revoked":false}]})");
}

TEST(KeySet, EitherRootMaySignIt) {
    EXPECT_TRUE(verifyKeySet(signKeySet(test::standbyRootKey(), test::keySet()), test::roots(), 0));
}

TEST(KeySet, ASigningKeyCannotMakeOne) {
    const auto token = signToken(test::signingKey(), goodPayload(), test::keySetAssertion());
    EXPECT_EQ(verifyKeySet(token, test::roots(), 0).error(), DocumentError::unknownKey);
}

TEST(KeySet, OfALowerVersionThanEverSeenIsARollback) {
    const auto token = signKeySet(test::rootKey(), test::keySet());
    EXPECT_TRUE(verifyKeySet(token, test::roots(), 7));
    EXPECT_EQ(verifyKeySet(token, test::roots(), 8).error(), DocumentError::rollback);
}

TEST(KeySet, OfAnotherAuthorityFailsCryptographically) {
    Roots other = test::roots();
    other.authority = "co-other";
    EXPECT_EQ(verifyKeySet(signKeySet(test::rootKey(), test::keySet()), other, 0).error(), DocumentError::badSignature);
    expectBadClaims(replaced(goodPayload(), R"("iss":"co-example")", R"("iss":"co-other")"));
}

TEST(KeySet, EveryOneCharacterChangeAndTruncationIsRefused) {
    const auto token = signKeySet(test::rootKey(), test::keySet());
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        for (const char substitute :
             {'A', '_', '.', '=', '\0', static_cast<char>(token[i] ^ 1), static_cast<char>(token[i] ^ 0x20)}) {
            if (substitute == token[i]) continue;
            changed[i] = substitute;
            ASSERT_FALSE(verifyKeySet(changed, test::roots(), 0)) << i;
        }
        ASSERT_FALSE(verifyKeySet(token.substr(0, i), test::roots(), 0)) << i;
    }
}

TEST(KeySet, ClaimsOutsideOfTheirFormAreRefused) {
    const std::string key = test::signingKey().verifyKey().paserk();
    const std::string next = test::nextSigningKey().verifyKey().paserk();
    expectBadClaims(replaced(goodPayload(), "co.keyset.v1", "co.keyset.v2"));
    expectBadClaims(replaced(goodPayload(), R"("version":7)", R"("version":0)"));
    expectBadClaims(replaced(goodPayload(), R"("version":7)", R"("version":-1)"));
    expectBadClaims(replaced(goodPayload(), R"("version":7)", R"("version":9223372036854775808)"));
    expectBadClaims(replaced(goodPayload(), R"("version":7)", R"("version":7,"x":1)"));
    expectBadClaims(replaced(goodPayload(), R"("revoked":true)", R"("revoked":1)"));
    expectBadClaims(replaced(goodPayload(), R"("revoked":true)", R"("revoked":true,"revoked":false)"));
    expectBadClaims(replaced(goodPayload(), R"("revoked":true)", R"("revoked":true,"x":1)"));
    expectBadClaims(replaced(goodPayload(), next, key));  // one key twice
    expectBadClaims(replaced(goodPayload(), key, "k4.secret" + key.substr(9)));
    expectBadClaims(replaced(goodPayload(), "2026-12-31T23:59:59Z", "2025-12-31T23:59:59Z"));  // ends before it begins
    const auto keys = goodPayload().find(R"("keys":)");
    expectBadClaims(goodPayload().substr(0, keys) + R"("keys":[]})");
    expectBadClaims(goodPayload().substr(0, keys) + R"("keys":{}})");
    expectBadClaims(goodPayload().substr(0, keys - 1) + "}");
}

TEST(KeySet, HoldsOneToTenKeys) {
    KeySet set = test::keySet();
    set.keys.clear();
    EXPECT_THROW(signKeySet(test::rootKey(), set), std::invalid_argument);
    for (std::uint8_t i = 1; i <= 10; ++i)
        set.keys.push_back({SecretKey::fromSeed({i}).verifyKey(), earliestInstant, latestInstant, false});
    EXPECT_EQ(verifyKeySet(signKeySet(test::rootKey(), set), test::roots(), 0).value(), set);
    set.keys.push_back({SecretKey::fromSeed({11}).verifyKey(), earliestInstant, latestInstant, false});
    EXPECT_THROW(signKeySet(test::rootKey(), set), std::invalid_argument);
}

TEST(KeySet, FindsAKeyByItsWholeIdOnly) {
    const KeySet set = test::keySet();
    const std::string id = test::nextSigningKey().verifyKey().keyId();
    ASSERT_NE(set.find(id), nullptr);
    EXPECT_EQ(set.find(id)->key, test::nextSigningKey().verifyKey());
    EXPECT_EQ(set.find(id.substr(0, 50)), nullptr);
    EXPECT_EQ(set.find(""), nullptr);
    EXPECT_EQ(set.find(test::deviceKey().verifyKey().keyId()), nullptr);
}

// --- rotation, as a whole -------------------------------------------------------------------------------------------

TEST(Rotation, OldAndNewDocumentsVerifyUnderTheOverlapAndOnlyTheNewAfterRevocation) {
    License before = test::license();
    before.issuedAt = before.notBefore = at("2026-10-01T00:00:00Z");
    License after = test::license();
    after.issuedAt = after.notBefore = at("2026-12-01T00:00:00Z");
    const auto old = signLicense(test::signingKey(), before);
    const auto fresh = signLicense(test::nextSigningKey(), after);

    KeySet first = test::keySet();
    first.version = 1;
    first.keys = {first.keys[0]};
    EXPECT_TRUE(verifyLicense(old, first, test::device()));
    EXPECT_EQ(verifyLicense(fresh, first, test::device()).error(), DocumentError::unknownKey);

    const KeySet overlap = test::keySet();
    EXPECT_TRUE(verifyLicense(old, overlap, test::device()));
    EXPECT_TRUE(verifyLicense(fresh, overlap, test::device()));

    KeySet revoked = test::keySet();
    revoked.keys[0].revoked = true;
    EXPECT_EQ(verifyLicense(old, revoked, test::device()).error(), DocumentError::keyRevoked);
    EXPECT_TRUE(verifyLicense(fresh, revoked, test::device()));
}

}  // namespace
}  // namespace entitle
