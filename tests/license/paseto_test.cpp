// PASETO and PASERK as their specifications have them. The public vectors themselves are in tests/vectors/paseto.
#include "license/paseto.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "license/base64url.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using std::string_literals::operator""s;

std::string encoded(const std::vector<std::string>& pieces) {
    const std::vector<std::string_view> views(pieces.begin(), pieces.end());
    return preAuthEncode(views);
}

// docs/01-Protocol-Versions/Common.md, "PAE Definition".
TEST(PreAuthEncoding, IsTheSpecificationsOwnExamples) {
    EXPECT_EQ(encoded({}), "\0\0\0\0\0\0\0\0"s);
    EXPECT_EQ(encoded({""}), "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s);
    EXPECT_EQ(encoded({"test"}), "\1\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0test"s);
}

RC_GTEST_PROP(PreAuthEncoding, NoTwoListsEncodeAlike, (std::vector<std::string> a, std::vector<std::string> b)) {
    RC_ASSERT((encoded(a) == encoded(b)) == (a == b));
}

TEST(PreAuthEncoding, MovingBytesBetweenPiecesChangesIt) {
    EXPECT_NE(encoded({"ab", "c"}), encoded({"a", "bc"}));
    EXPECT_NE(encoded({"abc"}), encoded({"abc", ""}));
}

RC_GTEST_PROP(Paseto, SignedMessagesVerifyAndComeBack,
              (const std::string& message, const std::string& footer, const std::string& implicit)) {
    const auto key = test::signingKey();
    const auto parts = splitPaseto(signPaseto(key, message, footer, implicit));
    RC_ASSERT(parts.has_value());
    RC_ASSERT(parts->message == message);
    RC_ASSERT(parts->footer == footer);
    RC_ASSERT(verifyPaseto(*parts, key.verifyKey(), implicit));
    RC_ASSERT(!verifyPaseto(*parts, key.verifyKey(), implicit + "x"));
    RC_ASSERT(!verifyPaseto(*parts, test::nextSigningKey().verifyKey(), implicit));
}

// An Ed25519 public key of small order, such as all zeros, "verifies" forged signatures in careless libraries.
TEST(Paseto, WeakKeysVerifyNothing) {
    PasetoParts forged;
    forged.message = "anything";
    VerifyKey::Bytes identity{};
    identity[0] = 1;
    for (const auto& bytes : {VerifyKey::Bytes{}, identity}) {
        for (const std::uint8_t r : {0, 1}) {
            forged.signature = {};
            forged.signature[0] = r;
            EXPECT_FALSE(verifyPaseto(forged, VerifyKey(bytes), ""));
        }
    }
}

// S + L is another spelling of the same signature; accepting it would give a document two forms.
TEST(Paseto, TheSecondSpellingOfASignatureIsRefused) {
    constexpr std::uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                        0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                        0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
    auto parts = splitPaseto(signPaseto(test::signingKey(), "message", "", "")).value();
    ASSERT_TRUE(verifyPaseto(parts, test::signingKey().verifyKey(), ""));
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += parts.signature[32 + i] + order[i];
        parts.signature[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    EXPECT_FALSE(verifyPaseto(parts, test::signingKey().verifyKey(), ""));
}

RC_GTEST_PROP(Base64url, EveryByteStringComesBack, (const std::string& bytes)) {
    const auto text = toBase64url(bytes);
    RC_ASSERT(text.find_first_of("+/=\n ") == std::string::npos);
    RC_ASSERT(fromBase64url(text) == bytes);
}

RC_GTEST_PROP(Base64url, NoTextDecodesUnlessItIsTheOneThatEncodes, (const std::string& text)) {
    const auto bytes = fromBase64url(text);
    RC_ASSERT((!bytes || toBase64url(*bytes) == text));
}

// RFC 4648 §10, without padding.
TEST(Base64url, IsTheRfcsOwnExamples) {
    EXPECT_EQ(toBase64url(std::string_view("")), "");
    EXPECT_EQ(toBase64url(std::string_view("f")), "Zg");
    EXPECT_EQ(toBase64url(std::string_view("fo")), "Zm8");
    EXPECT_EQ(toBase64url(std::string_view("foobar")), "Zm9vYmFy");
    EXPECT_EQ(toBase64url(std::string_view("\xfb\xff")), "-_8");
}

TEST(Base64url, EveryOtherSpellingIsRefused) {
    EXPECT_TRUE(fromBase64url("Zg"));
    for (const char* other :
         {"Zg==", "Zg=", "Zh", "Zv", "Z", "Zg ", " Zg", "Z\ng", "Zg\n", "+/8", "Zm8=", "Zm9", "Zg."})
        EXPECT_FALSE(fromBase64url(other)) << other;
    EXPECT_FALSE(fromBase64url("Zg\0"s));
}

TEST(Base64url, AFixedLengthRefusesShorterAndLonger) {
    std::array<std::uint8_t, 2> out{7, 7};
    EXPECT_FALSE(fromBase64url("Zg", out));
    EXPECT_EQ(out, (std::array<std::uint8_t, 2>{0, 0}));
    EXPECT_FALSE(fromBase64url("Zm9v", out));
    EXPECT_FALSE(fromBase64url("Zm9vYmFyZm9vYmFy", out));
    EXPECT_TRUE(fromBase64url("Zm8", out));
}

}  // namespace
}  // namespace entitle
