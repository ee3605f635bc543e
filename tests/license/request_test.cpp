// What is carried by hand: the offline request, and the files around request and license.
#include "license/request.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "license/license_file.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using std::string_literals::operator""s;
using test::replaced;

std::string goodToken() {
    return signOfflineRequest(test::deviceKey(), test::request());
}

DocumentError refusal(std::string_view token) {
    const auto request = verifyOfflineRequest(token);
    return request ? DocumentError{} : request.error();
}

DocumentError refusalOf(std::string_view payload) {
    return refusal(signToken(test::deviceKey(), payload, test::requestAssertion()));
}

TEST(OfflineRequest, ComesBackAsItWasSigned) {
    const auto request = verifyOfflineRequest(goodToken());
    ASSERT_TRUE(request);
    EXPECT_EQ(*request, test::request());
    EXPECT_EQ(request->device(), test::device());
}

TEST(OfflineRequest, HasExactlyThisByteForm) {
    EXPECT_EQ(test::payloadOf(goodToken()),
              R"({"key":")" + test::deviceKey().verifyKey().paserk() +
                  R"(","aud":"co-example","fp":{"v":1,"vm":false,"c":{"disk":[15,"AAECAwQFBgcICQoLDA0ODw"],)"
                  R"("machine_id":[20,"EBESExQVFhcYGRobHB0eHw"],)"
                  R"("nic":[10,"ICEiIyQlJicoKSorLC0uLw","MDEyMzQ1Njc4OTo7PD0-Pw"]}},)"
                  R"("nonce":"QEFCQ0RFRkdISUpLTE1OTw","iat":"2026-11-22T09:00:00Z","host":"trading-desk 4",)"
                  R"("ver":"0.1.0","seq":2,"ks":6})");
}

TEST(OfflineRequest, ItsDeviceKeyIsTheSignersWhateverWasFilledIn) {
    OfflineRequest request = test::request();
    request.deviceKey = test::otherDeviceKey().verifyKey();
    EXPECT_EQ(verifyOfflineRequest(signOfflineRequest(test::deviceKey(), request)).value(), test::request());
}

TEST(OfflineRequest, ForAnotherDevicesKeyCannotBeMade) {
    const std::string payload = test::payloadOf(goodToken());
    const auto thief = test::otherDeviceKey();
    // Signed by the thief, naming the victim's key: the footer's key is not the payload's.
    EXPECT_EQ(refusal(signToken(thief, payload, test::requestAssertion())), DocumentError::unknownKey);
}

TEST(OfflineRequest, EveryOneCharacterChangeAndTruncationIsRefused) {
    const std::string token = goodToken();
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        for (const char substitute :
             {'A', '_', '.', '=', '\0', static_cast<char>(token[i] ^ 1), static_cast<char>(token[i] ^ 0x20)}) {
            if (substitute == token[i]) continue;
            changed[i] = substitute;
            ASSERT_NE(refusal(changed), DocumentError{}) << i;
        }
        ASSERT_NE(refusal(token.substr(0, i)), DocumentError{}) << i;
    }
}

TEST(OfflineRequest, WhoseKeyAndAuthorityAreNotInTheirPlaceIsRefused) {
    const std::string payload = test::payloadOf(goodToken());
    EXPECT_EQ(refusalOf(payload), DocumentError{});
    EXPECT_EQ(refusalOf(""), DocumentError::badForm);
    EXPECT_EQ(refusalOf("{}"), DocumentError::badForm);
    EXPECT_EQ(refusalOf(" " + payload), DocumentError::badForm);
    EXPECT_EQ(refusalOf(payload.substr(0, 40)), DocumentError::badForm);
    EXPECT_EQ(refusalOf(payload.substr(0, 70)), DocumentError::badForm);
    EXPECT_EQ(refusalOf(payload.substr(0, 75)), DocumentError::badForm);
    EXPECT_EQ(refusalOf(replaced(payload, R"("aud":"co-example")", R"("aud": "co-example")")), DocumentError::badForm);
    EXPECT_EQ(refusalOf(replaced(payload, R"("aud":"co-example")", R"("aud":"CO")")), DocumentError::badForm);
    EXPECT_EQ(refusalOf(replaced(payload, R"("aud":"co-example")", R"("aud":"co-other")")),
              DocumentError::badSignature);
}

TEST(OfflineRequest, ClaimsOutsideOfTheirFormAreRefused) {
    const std::string payload = test::payloadOf(goodToken());
    const auto expectBadClaims = [&](std::string_view from, std::string_view to) {
        EXPECT_EQ(refusalOf(replaced(payload, from, to)), DocumentError::badClaims) << to;
    };
    expectBadClaims(R"("seq":2)", R"("seq":-1)");
    expectBadClaims(R"("seq":2)", R"("seq":9223372036854775808)");
    expectBadClaims(R"("seq":2)", R"("seq":2,"seq":2)");
    expectBadClaims(R"("ks":6)", R"("ks":6,"x":1)");
    expectBadClaims(R"(,"ks":6)", "");
    expectBadClaims(R"("ks":6)", R"("ks":"6")");
    expectBadClaims(R"("aud":"co-example")", R"("aud":"co-example","aud":"co-example")");
    expectBadClaims("QEFCQ0RFRkdISUpLTE1OTw", "QEFCQ0RFRkdISUpLTE1OT");
    expectBadClaims("0.1.0", "");
    expectBadClaims("0.1.0", "0.1.0 ");
    expectBadClaims("0.1.0", std::string(33, '1'));
    expectBadClaims("trading-desk 4", "desk\\u0007");
    expectBadClaims("trading-desk 4", "desk\\u202e4");
    expectBadClaims("trading-desk 4", std::string(65, 'x'));
    expectBadClaims("trading-desk 4", "\xff");
    expectBadClaims("trading-desk 4", "trading\\/desk");
    expectBadClaims(R"("v":1)", R"("v":2)");
    expectBadClaims("2026-11-22T09:00:00Z", "1970-01-01T00:00:00Z");
}

TEST(OfflineRequest, SigningOneThatNobodyWouldAcceptIsAFault) {
    OfflineRequest request = test::request();
    request.hostLabel = "two\nlines";
    EXPECT_THROW(signOfflineRequest(test::deviceKey(), request), std::invalid_argument);
    request = test::request();
    request.authority = "x";
    EXPECT_THROW(signOfflineRequest(test::deviceKey(), request), std::invalid_argument);
}

// Quotes and backslashes are the only letters of a label that JSON spells differently.
TEST(OfflineRequest, AnyPrintableHostNameSurvives) {
    for (const char* label : {"", "plain", "say \"hi\" \\ there", "Büro 3 – Händler", "机器", "🤖", "/slash/"}) {
        OfflineRequest request = test::request();
        request.hostLabel = label;
        EXPECT_EQ(verifyOfflineRequest(signOfflineRequest(test::deviceKey(), request)).value().hostLabel, label);
    }
}

RC_GTEST_PROP(OfflineRequest, AnyHostNameAtAllCanBeMadeFit, (const std::string& bytes)) {
    OfflineRequest request = test::request();
    request.hostLabel = hostLabelFrom(bytes);
    RC_ASSERT(request.hostLabel.size() <= 64);
    RC_ASSERT(verifyOfflineRequest(signOfflineRequest(test::deviceKey(), request)).value() == request);
}

TEST(HostLabel, KeepsWhatIsPrintableAndDropsTheRest) {
    EXPECT_EQ(hostLabelFrom("desk\n4\x7f\x1b[31m"), "desk4[31m");
    EXPECT_EQ(hostLabelFrom("a\xff\xc0\x80z"), "az");
    EXPECT_EQ(hostLabelFrom("\xe2\x80\xaegnp.exe"), "gnp.exe");                  // right-to-left override
    EXPECT_EQ(hostLabelFrom("\xed\xa0\x80x\xf4\x90\x80\x80"), "x");              // a surrogate, beyond U+10FFFF
    EXPECT_EQ(hostLabelFrom("\xe2\x82"), "");                                    // cut short
    EXPECT_EQ(hostLabelFrom(std::string(63, 'x') + "é"), std::string(63, 'x'));  // never half a letter
    EXPECT_EQ(hostLabelFrom(std::string("a\0b", 3)), "ab");
}

TEST(Nonce, IsFreshAndOfItsForm) {
    const auto nonce = freshNonce();
    EXPECT_EQ(nonce.size(), 22u);
    EXPECT_NE(nonce, freshNonce());
}

TEST(DeviceId, IsAHashOfTheKeyAndNotTheKey) {
    EXPECT_EQ(test::device().value.size(), 22u);
    EXPECT_NE(test::device(), deviceIdOf(test::otherDeviceKey().verifyKey()));
    EXPECT_EQ(test::deviceKey().verifyKey().paserk().find(test::device().value), std::string::npos);
}

// --- files ----------------------------------------------------------------------------------------------------------

LicenseFile goodFile() {
    return {signKeySet(test::rootKey(), test::keySet()), signLicense(test::signingKey(), test::license())};
}

TEST(LicenseFile, ComesBackWithAnyLineEndsAndComments) {
    const std::string text = printLicenseFile(goodFile(), "License for trading-desk 4\nImport it there.");
    EXPECT_EQ(text.substr(0, 81),
              "# License for trading-desk 4\n# Import it there.\n-----BEGIN ENTITLED LICENSE-----\n");
    EXPECT_EQ(parseLicenseFile(text).value(), goodFile());
    std::string windows;
    for (const char c : text) windows += c == '\n' ? "\r\n" : std::string(1, c);
    EXPECT_EQ(parseLicenseFile(windows).value(), goodFile());
    EXPECT_EQ(parseLicenseFile(text.substr(0, text.size() - 1)).value(), goodFile());
    EXPECT_EQ(parseLicenseFile(printLicenseFile(goodFile(), "")).value(), goodFile());
}

TEST(LicenseFile, EveryOtherFormIsRefused) {
    const std::string text = printLicenseFile(goodFile(), "c");
    const auto refusal = [](std::string_view other) {
        const auto file = parseLicenseFile(other);
        return file ? DocumentError{} : file.error();
    };
    for (const auto& other : {""s,
                              "#"s,
                              "# c\n"s,
                              text + "\n",
                              text + "x",
                              text + "# after\n",
                              "\n" + text,
                              " " + text,
                              replaced(text, "keyset: ", "keyset:"),
                              replaced(text, "keyset: ", "keyset:  "),
                              replaced(text, "keyset: ", "Keyset: "),
                              replaced(text, "keyset: ", "x: y\nkeyset: "),
                              replaced(text, "document: ", "# c\ndocument: "),
                              replaced(text, "document: ", "document: \n"),
                              replaced(text, "document: ", "document: \x80"),
                              replaced(text, "-----BEGIN", "----BEGIN"),
                              replaced(text, "BEGIN ENTITLED LICENSE", "BEGIN ENTITLED REQUEST"),
                              replaced(text, "-----END ENTITLED LICENSE-----\n", ""),
                              goodFile().documentToken,
                              text + text,
                              printRequestFile(goodToken(), "c")})
        EXPECT_EQ(refusal(other), DocumentError::badForm) << other;
    EXPECT_EQ(refusal(std::string(64 * 1024 + 1, '#')), DocumentError::tooLong);
    EXPECT_EQ(refusal(std::string(64 * 1024, '#')), DocumentError::badForm);
    EXPECT_EQ(refusal(std::string(64 * 1024, '\n')), DocumentError::badForm);
    EXPECT_EQ(refusal(std::string(64 * 1024, '\0')), DocumentError::badForm);
}

TEST(LicenseFile, EveryTruncationIsRefused) {
    const std::string text = printLicenseFile(goodFile(), "c");
    for (std::size_t length = 0; length + 1 < text.size(); ++length)
        ASSERT_FALSE(parseLicenseFile(text.substr(0, length))) << length;
}

TEST(RequestFile, ComesBackAndNothingElseDoes) {
    const std::string text = printRequestFile(goodToken(), "");
    EXPECT_EQ(parseRequestFile(text).value(), goodToken());
    for (const auto& other :
         {""s, goodToken(), text + text, replaced(text, "request: ", "document: "), printLicenseFile(goodFile(), "")})
        EXPECT_EQ(parseRequestFile(other).error(), DocumentError::badForm);
    EXPECT_EQ(parseRequestFile(std::string(64 * 1024 + 1, 'x')).error(), DocumentError::tooLong);
}

// A host name in a comment must not be able to forge the file around it.
TEST(RequestFile, ACommentCannotEscapeItsLine) {
    const std::string text = printRequestFile(goodToken(), "a\n-----BEGIN ENTITLED REQUEST-----\nrequest: x\r\x1b[2J");
    EXPECT_EQ(parseRequestFile(text).value(), goodToken());
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\r'), std::string::npos);
}

}  // namespace
}  // namespace entitle
