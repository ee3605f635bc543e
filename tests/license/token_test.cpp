// The form of every signed thing: what is refused before a payload is ever looked at.
#include "license/token.h"

#include <random>

#include <gtest/gtest.h>
#include <sodium.h>

#include "license/base64url.h"
#include "license/paseto.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using std::string_literals::operator""s;

const std::string& good() {
    static const std::string token = signLicense(test::signingKey(), test::license());
    return token;
}

DocumentError refusal(std::string_view token) {
    const auto license = verifyLicense(token, test::keySet(), test::device());
    return license ? DocumentError{} : license.error();
}

std::string withFooter(std::string_view footer) {
    return signPaseto(test::signingKey(), test::payloadOf(good()), footer, test::licenseAssertion().encode());
}

std::string goodFooter() {
    return R"({"kid":")" + test::signingKey().verifyKey().keyId() + R"("})";
}

TEST(Token, TheUnchangedOneIsAccepted) {
    EXPECT_EQ(refusal(good()), DocumentError{});
}

// Every position, many substitutions: neighbours in the alphabet, the other case, what base64url and JSON are made of.
TEST(Token, EveryOneCharacterChangeIsRefused) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::mt19937 random(20261122);
    for (std::size_t at = 0; at < good().size(); ++at) {
        std::string changed = good();
        const char original = good()[at];
        std::string substitutes = "A_-.=+/\n\xff"s;
        substitutes += '\0';
        substitutes += static_cast<char>(original ^ 0x20);
        substitutes += static_cast<char>(original ^ 0x01);
        if (const auto index = letters.find(original); index != std::string_view::npos) {
            substitutes += letters[(index + 1) % 64];  // the lowest bit of the six, most often the dirty one
            substitutes += letters[(index + 63) % 64];
            substitutes += letters[(index ^ 32) % 64];
        }
        substitutes += letters[random() % 64];
        for (const char substitute : substitutes) {
            if (substitute == original) continue;
            changed[at] = substitute;
            ASSERT_NE(refusal(changed), DocumentError{}) << "position " << at << ", byte " << int(substitute);
        }
    }
}

TEST(Token, AllBytesAtSomePositionsAreRefused) {
    const std::string& token = good();
    const auto footerDot = token.rfind('.');
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{9}, std::size_t{10}, token.size() / 2,
          footerDot - 2, footerDot - 1, footerDot, footerDot + 1, token.size() - 2, token.size() - 1}) {
        std::string changed = token;
        for (int byte = 0; byte < 256; ++byte) {
            if (static_cast<char>(byte) == token[at]) continue;
            changed[at] = static_cast<char>(byte);
            ASSERT_NE(refusal(changed), DocumentError{}) << "position " << at << ", byte " << byte;
        }
    }
}

TEST(Token, EveryTruncationIsRefused) {
    for (std::size_t length = 0; length < good().size(); ++length) {
        ASSERT_NE(refusal(good().substr(0, length)), DocumentError{}) << "the first " << length;
        ASSERT_NE(refusal(good().substr(good().size() - length)), DocumentError{}) << "the last " << length;
    }
}

TEST(Token, EveryLostOrDoubledCharacterIsRefused) {
    for (std::size_t at = 0; at < good().size(); ++at) {
        std::string lost = good();
        lost.erase(at, 1);
        ASSERT_NE(refusal(lost), DocumentError{}) << "lost " << at;
        std::string doubled = good();
        doubled.insert(at, 1, good()[at]);
        ASSERT_NE(refusal(doubled), DocumentError{}) << "doubled " << at;
    }
}

TEST(Token, AnythingAroundItIsRefused) {
    for (const auto& around : {" "s, "\n"s, "\0"s, "="s, "."s, "A"s, "\xef\xbb\xbf"s}) {
        EXPECT_NE(refusal(good() + around), DocumentError{}) << around;
        EXPECT_NE(refusal(around + good()), DocumentError{}) << around;
    }
}

TEST(Token, PaddingIsRefused) {
    const auto dot = good().rfind('.');
    EXPECT_EQ(refusal(good() + "="), DocumentError::badForm);
    EXPECT_EQ(refusal(good() + "=="), DocumentError::badForm);
    EXPECT_EQ(refusal(good().substr(0, dot) + "=" + good().substr(dot)), DocumentError::badForm);
}

// 61 bytes of footer end in a letter of which two bits count, whatever the others say.
TEST(Token, DirtyTrailingBitsAreRefused) {
    std::string dirty = good();
    ASSERT_EQ((dirty.size() - dirty.rfind('.') - 1) % 4, 2u);
    ASSERT_EQ(dirty.back(), 'Q');  // '}' is 0x7d: 01 and four bits of nothing
    for (const char last : "RSTUVWXYZabcdef"s) {
        dirty.back() = last;
        EXPECT_EQ(refusal(dirty), DocumentError::badForm) << last;
    }
}

TEST(Token, AThirdDotAndEmptyPartsAreRefused) {
    const auto dot = good().rfind('.');
    const std::string body = good().substr(0, dot);
    const std::string footer = good().substr(dot + 1);
    for (const auto& token : {good() + ".", good() + "." + footer, good() + ".AAAA", body, body + ".",
                              body + ".." + footer, "v4.public.." + footer, "v4.public." + footer, "v4.public."s,
                              "v4.public"s, "."s, ".."s, "..."s, "...."s, ""s})
        EXPECT_EQ(refusal(token), DocumentError::badForm) << token;
}

TEST(Token, OtherVersionsAndPurposesAreRefused) {
    const std::string rest = good().substr(std::string_view("v4.public").size());
    for (const char* header : {"v1.public", "v2.public", "v3.public", "v5.public", "v4.local", "v4.Public", "V4.public",
                               "v4.secret", "k4.public", "v4..public", " v4.public"})
        EXPECT_EQ(refusal(header + rest), DocumentError::badForm) << header;
}

TEST(Token, AnUnsignedJsonWebTokenIsRefused) {
    const std::string header = toBase64url(std::string_view(R"({"alg":"none","typ":"JWT"})"));
    const std::string payload = toBase64url(test::payloadOf(good()));
    EXPECT_EQ(refusal(header + "." + payload + "."), DocumentError::badForm);
    EXPECT_EQ(refusal(header + "." + payload + "." + good().substr(good().rfind('.') + 1)), DocumentError::badForm);
}

// The footer is compared as bytes: other spellings of the same JSON, and more of it, are refused though signed.
TEST(Token, AnotherFooterIsRefusedThoughSigned) {
    const std::string kid = test::signingKey().verifyKey().keyId();
    EXPECT_EQ(refusal(withFooter(goodFooter())), DocumentError{});
    for (const auto& footer :
         {R"({"kid": ")" + kid + R"("})", R"( {"kid":")" + kid + R"("})", R"({"kid":")" + kid + "\"}\n",
          R"({"kid":")" + kid + R"(","x":1})", R"({"kid":"x","kid":")" + kid + R"("})", R"({"Kid":")" + kid + R"("})",
          R"({'kid':')" + kid + "'}", R"({"wpk":"k4.public.x"})"s, "{}"s, kid,
          R"({"kid":")" + kid.substr(0, kid.size() - 1) + R"("})", R"({"kid":")" + kid + "A" + R"("})",
          R"({"kid":"k4.sid.)" + kid.substr(7) + R"("})", R"({"kid":"k4.pid.)" + std::string(44, '=') + R"("})",
          std::string(61, '\0')})
        EXPECT_EQ(refusal(withFooter(footer)), DocumentError::badFooter) << footer;
}

TEST(Token, AMissingFooterIsRefusedThoughSigned) {
    EXPECT_EQ(refusal(withFooter("")), DocumentError::badForm);
}

TEST(Token, AnUnknownKeyIdFailsClosed) {
    const auto stranger = SecretKey::fromSeed({'x'});
    EXPECT_EQ(refusal(signLicense(stranger, test::license())), DocumentError::unknownKey);
    // The right key under a stranger's name, and a stranger's signature under the right name.
    const std::string strangersFooter = R"({"kid":")" + stranger.verifyKey().keyId() + R"("})";
    EXPECT_EQ(refusal(withFooter(strangersFooter)), DocumentError::unknownKey);
    EXPECT_EQ(refusal(signPaseto(stranger, test::payloadOf(good()), goodFooter(), test::licenseAssertion().encode())),
              DocumentError::badSignature);
}

TEST(Token, SixteenKibibytesIsTheMost) {
    // 10 letters of header, a dot and 82 of footer leave 16,291 for base64url of payload and signature: 12,218 bytes.
    const Assertion assertion{Purpose::prove, "co-example", {}};
    const auto key = test::signingKey();
    const std::string most(12'218 - 64, 'x');
    const std::string token = signToken(key, most, assertion);
    EXPECT_LE(token.size(), maxTokenBytes);
    EXPECT_GT(token.size() + 2, maxTokenBytes);
    EXPECT_EQ(verifyToken(token, key.verifyKey(), assertion).value(), most);
    EXPECT_THROW(signToken(key, most + "xx", assertion), std::invalid_argument);
    EXPECT_EQ(verifyToken(std::string(maxTokenBytes + 1, 'A'), key.verifyKey(), assertion).error(),
              DocumentError::tooLong);
    EXPECT_EQ(refusal(std::string(100'000'000, '.')), DocumentError::tooLong);
}

// --- purposes -------------------------------------------------------------------------------------------------------

constexpr Purpose purposes[] = {Purpose::license, Purpose::request,    Purpose::response,
                                Purpose::keySet,  Purpose::revocation, Purpose::offlineRequest,
                                Purpose::prove,   Purpose::receipt,    Purpose::auditCheckpoint};

// One key signs the same payload for each purpose: only the implicit assertion tells them apart.
TEST(Purpose, NoSignedThingStandsInAnothersPlace) {
    const auto key = test::signingKey();
    for (const Purpose made : purposes) {
        const std::string token = signToken(key, "{}", {made, "co-example", {"subject"}});
        for (const Purpose asked : purposes) {
            const auto payload = verifyToken(token, key.verifyKey(), {asked, "co-example", {"subject"}});
            if (made == asked) {
                EXPECT_EQ(payload.value(), "{}");
            } else {
                EXPECT_EQ(payload.error(), DocumentError::badSignature) << toString(made) << " as " << toString(asked);
            }
        }
    }
}

// The same with the real verifiers, all keys being one key, so that nothing but the purpose can be what refuses.
TEST(Purpose, NoRealVerifierAcceptsAnotherThingsToken) {
    const auto key = test::deviceKey();
    const std::string id(test::authority);
    const Roots roots{id, {key.verifyKey()}};
    KeySet set = test::keySet();
    set.keys = {{key.verifyKey(), earliestInstant, latestInstant, false}};
    const std::string payloads[] = {test::payloadOf(signLicense(key, test::license())),
                                    test::payloadOf(signKeySet(key, set)),
                                    test::payloadOf(signOfflineRequest(key, test::request()))};
    for (const Purpose made : purposes) {
        for (const auto& payload : payloads) {
            for (const auto& subject : {std::vector<std::string>{}, std::vector<std::string>{test::device().value}}) {
                const std::string token = signToken(key, payload, {made, id, subject});
                EXPECT_EQ(bool(verifyLicense(token, set, test::device())),
                          made == Purpose::license && !subject.empty() && payload == payloads[0]);
                EXPECT_EQ(bool(verifyKeySet(token, roots, 0)),
                          made == Purpose::keySet && subject.empty() && payload == payloads[1]);
                EXPECT_EQ(bool(verifyOfflineRequest(token)),
                          made == Purpose::offlineRequest && !subject.empty() && payload == payloads[2]);
            }
        }
    }
}

TEST(Purpose, AuthorityAndSubjectAreBoundToo) {
    const auto key = test::signingKey();
    const Assertion made{Purpose::receipt, "co-example", {"a", "b"}};
    const std::string token = signToken(key, "{}", made);
    ASSERT_TRUE(verifyToken(token, key.verifyKey(), made));
    for (const auto& asked :
         {Assertion{Purpose::receipt, "co-exampl", {"a", "b"}}, Assertion{Purpose::receipt, "co-example", {"b", "a"}},
          Assertion{Purpose::receipt, "co-example", {"ab"}}, Assertion{Purpose::receipt, "co-example", {"a"}},
          Assertion{Purpose::receipt, "co-example", {"a", "b", ""}}, Assertion{Purpose::receipt, "co-examplea", {"b"}},
          Assertion{Purpose::receipt, "", {"co-example", "a", "b"}}})
        EXPECT_EQ(verifyToken(token, key.verifyKey(), asked).error(), DocumentError::badSignature);
}

TEST(Purpose, NamesAreFixed) {
    std::string names;
    for (const Purpose purpose : purposes) names.append(toString(purpose)).append(" ");
    EXPECT_EQ(names, "license request response key-set revocation offline-request prove receipt audit-checkpoint ");
}

TEST(DocumentError, EveryOneHasItsWordAndASentence) {
    std::string words;
    for (int code = 1; code <= static_cast<int>(DocumentError::rollback); ++code) {
        words.append(toString(static_cast<DocumentError>(code))).append(" ");
        const auto sentence = explain(static_cast<DocumentError>(code));
        EXPECT_TRUE(sentence.ends_with('.')) << sentence;
    }
    EXPECT_EQ(words,
              "too-long bad-form bad-footer unknown-key key-not-yet-valid key-expired key-revoked bad-signature "
              "bad-claims rollback ");
}

TEST(DocumentError, AskingForTheValueOfARefusalIsAFault) {
    EXPECT_THROW(verifyLicense("", test::keySet(), test::device()).value(), std::logic_error);
}

}  // namespace
}  // namespace entitle
