// License documents: which claims, in which ranges, in which one byte form.
#include "license/document.h"

#include <gtest/gtest.h>

#include "license/base64url.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using std::string_literals::operator""s;
using test::at;
using test::replaced;

std::string goodPayload() {
    static const std::string payload = test::payloadOf(signLicense(test::signingKey(), test::license()));
    return payload;
}

// Any payload, signed as the authority would sign a license for this device.
DocumentResult<License> signedAndRead(std::string_view payload) {
    const auto token = signToken(test::signingKey(), payload, test::licenseAssertion());
    return verifyLicense(token, test::keySet(), test::device());
}

void expectBadClaims(std::string_view payload) {
    const auto license = signedAndRead(payload);
    ASSERT_FALSE(license) << payload;
    EXPECT_EQ(license.error(), DocumentError::badClaims) << payload;
}

// The good payload with the value of one claim replaced.
std::string withClaim(std::string_view name, std::string_view value) {
    const std::string payload = goodPayload();
    const std::string key = "\"" + std::string(name) + "\":";
    const auto begin = payload.find(key);
    EXPECT_NE(begin, std::string::npos) << name;
    auto end = begin + key.size();
    int depth = 0;
    for (bool quoted = false; quoted || depth > 0 || (payload[end] != ',' && payload[end] != '}'); ++end) {
        if (payload[end] == '"') quoted = !quoted;
        if (!quoted && (payload[end] == '{' || payload[end] == '[')) ++depth;
        if (!quoted && (payload[end] == '}' || payload[end] == ']')) --depth;
    }
    return payload.substr(0, begin + key.size()) + std::string(value) + payload.substr(end);
}

std::string withoutClaim(std::string_view name) {
    // The claim becomes a marker first, then goes with the comma in front of it.
    const std::string marked = withClaim(name, "@");
    const std::string member = "\"" + std::string(name) + "\":@";
    if (marked.find("," + member) != std::string::npos) return replaced(marked, "," + member, "");
    return replaced(marked, member + ",", "");
}

TEST(License, ComesBackAsItWasSigned) {
    const auto license = signedAndRead(goodPayload());
    ASSERT_TRUE(license);
    EXPECT_EQ(*license, test::license());
}

TEST(License, HasExactlyThisByteForm) {
    EXPECT_EQ(goodPayload(),
              R"({"iss":"co-example","sub":"lic_0123456789abcdef","dev":")" + test::device().value +
                  R"(","fp":{"v":1,"vm":false,"c":{"disk":[15,"AAECAwQFBgcICQoLDA0ODw"],)"
                  R"("machine_id":[20,"EBESExQVFhcYGRobHB0eHw"],)"
                  R"("nic":[10,"ICEiIyQlJicoKSorLC0uLw","MDEyMzQ1Njc4OTo7PD0-Pw"]}},)"
                  R"("iat":"2026-11-22T09:15:00Z","nbf":"2026-11-22T09:15:00Z","exp":"2027-11-22T09:15:00Z",)"
                  R"("type":"pro","plan":"pro","features":["basic_trading","live_trading","api_access"],)"
                  R"("max_bots":100,"offline_s":1209600,"grace_s":604800,"wind_down_s":86400,"check_s":86400,)"
                  R"("seq":3,"nonce":"QEFCQ0RFRkdISUpLTE1OTw"})");
}

TEST(License, SigningIsDeterministic) {
    EXPECT_EQ(signLicense(test::signingKey(), test::license()), signLicense(test::signingKey(), test::license()));
}

// --- bound to a device and an authority -----------------------------------------------------------------------------

TEST(License, OfAnotherDeviceFailsCryptographically) {
    const auto token = signLicense(test::signingKey(), test::license());
    const DeviceId other = deviceIdOf(test::otherDeviceKey().verifyKey());
    EXPECT_EQ(verifyLicense(token, test::keySet(), other).error(), DocumentError::badSignature);
}

TEST(License, OfAnotherAuthorityFailsCryptographically) {
    auto foreign = test::keySet();
    foreign.authority = "co-other";
    const auto token = signLicense(test::signingKey(), test::license());
    EXPECT_EQ(verifyLicense(token, foreign, test::device()).error(), DocumentError::badSignature);
}

TEST(License, WhoseClaimsContradictItsBindingIsRefused) {
    expectBadClaims(withClaim("iss", R"("co-other")"));
    expectBadClaims(withClaim("dev", "\"" + deviceIdOf(test::otherDeviceKey().verifyKey()).value + "\""));
}

// --- the signing key's times ----------------------------------------------------------------------------------------

DocumentError refusalIssuedAt(const SecretKey& key, Instant issued) {
    License license = test::license();
    license.issuedAt = issued;
    license.freshUntil = latestInstant;
    const auto read = verifyLicense(signLicense(key, license), test::keySet(), test::device());
    return read ? DocumentError{} : read.error();
}

TEST(License, IsAcceptedWhileItsSigningKeyWasInForce) {
    EXPECT_EQ(refusalIssuedAt(test::signingKey(), at("2025-12-31T23:59:59Z")), DocumentError::keyNotYetValid);
    EXPECT_EQ(refusalIssuedAt(test::signingKey(), at("2026-01-01T00:00:00Z")), DocumentError{});
    EXPECT_EQ(refusalIssuedAt(test::signingKey(), at("2026-12-31T23:59:59Z")), DocumentError{});
    EXPECT_EQ(refusalIssuedAt(test::signingKey(), at("2027-01-01T00:00:00Z")), DocumentError::keyExpired);
}

TEST(License, OfBothKeysVerifyWhileTheyOverlap) {
    EXPECT_EQ(refusalIssuedAt(test::signingKey(), at("2026-12-01T00:00:00Z")), DocumentError{});
    EXPECT_EQ(refusalIssuedAt(test::nextSigningKey(), at("2026-12-01T00:00:00Z")), DocumentError{});
}

TEST(License, OfARevokedKeyIsRefusedWheneverItSaysItWasIssued) {
    EXPECT_EQ(refusalIssuedAt(test::revokedSigningKey(), at("2026-06-01T00:00:00Z")), DocumentError::keyRevoked);
    EXPECT_EQ(refusalIssuedAt(test::revokedSigningKey(), at("2020-06-01T00:00:00Z")), DocumentError::keyRevoked);
}

// --- claims ---------------------------------------------------------------------------------------------------------

TEST(Claims, MaxBotsOfMinusTwoIsRefused) {
    expectBadClaims(withClaim("max_bots", "-2"));
}
TEST(Claims, MaxBotsOfTwoToThe63IsRefused) {
    expectBadClaims(withClaim("max_bots", "9223372036854775808"));
}
TEST(Claims, MaxBotsOf1e308IsRefused) {
    expectBadClaims(withClaim("max_bots", "1e308"));
}
TEST(Claims, MaxBotsInQuotesIsRefused) {
    expectBadClaims(withClaim("max_bots", R"("5")"));
}
TEST(Claims, MaxBotsOfNullIsRefused) {
    expectBadClaims(withClaim("max_bots", "null"));
}

TEST(Claims, MaxBotsInAnyOtherSpellingIsRefused) {
    for (const char* value : {"5.0", "5e0", "+5", "05", "-0", "0x5", "1000001", "-9223372036854775808", "true", "[5]",
                              "{}", "NaN", "Infinity", "1e999999999", "99999999999999999999999999999999", "-1.0"})
        expectBadClaims(withClaim("max_bots", value));
}

TEST(Claims, MaxBotsWithinItsRangeIsAccepted) {
    for (const std::int64_t value : {unlimited, std::int64_t{0}, std::int64_t{1}, maxBotsLimit}) {
        const auto license = signedAndRead(withClaim("max_bots", std::to_string(value)));
        ASSERT_TRUE(license) << value;
        EXPECT_EQ(license->maxBots, value);
    }
}

TEST(Claims, EveryMissingClaimIsRefusedUnlessOptional) {
    for (const char* name : {"iss", "sub", "dev", "fp", "iat", "nbf", "exp", "type", "plan", "features", "max_bots",
                             "offline_s", "grace_s", "wind_down_s", "check_s", "seq"})
        expectBadClaims(withoutClaim(name));
    const auto withoutNonce = signedAndRead(withoutClaim("nonce"));
    ASSERT_TRUE(withoutNonce);
    EXPECT_EQ(withoutNonce->nonce, "");
}

TEST(Claims, EveryClaimOfAnotherKindIsRefused) {
    for (const char* name : {"iss", "sub", "dev", "fp", "iat", "nbf", "exp", "type", "plan", "features", "max_bots",
                             "offline_s", "grace_s", "wind_down_s", "check_s", "seq", "nonce"})
        for (const char* value : {"null", "true", "{}", "[[]]", "\"\"", "-7", "1.5", R"("no such thing")"})
            expectBadClaims(withClaim(name, value));
}

TEST(Claims, UnknownClaimsAreRefused) {
    expectBadClaims(replaced(goodPayload(), R"("seq":3)", R"("seq":3,"admin":true)"));
    expectBadClaims(replaced(goodPayload(), R"({"iss")", R"({"":1,"iss")"));
    expectBadClaims(replaced(goodPayload(), R"("vm":false)", R"("vm":false,"x":1)"));
}

TEST(Claims, DuplicateKeysAreRefused) {
    expectBadClaims(replaced(goodPayload(), R"("max_bots":100)", R"("max_bots":100,"max_bots":100)"));
    expectBadClaims(replaced(goodPayload(), R"("max_bots":100)", R"("max_bots":5,"max_bots":100)"));
    expectBadClaims(replaced(goodPayload(), R"("max_bots":100)", R"("max_bots":100,"max\u005fbots":100)"));
    expectBadClaims(replaced(goodPayload(), R"("vm":false)", R"("vm":false,"vm":false)"));
    expectBadClaims(replaced(goodPayload(), R"("nic":[)", R"("disk":[15,"AAECAwQFBgcICQoLDA0ODw"],"nic":[)"));
}

TEST(Claims, AnotherOrderSpacingOrSpellingIsRefused) {
    expectBadClaims(replaced(goodPayload(), R"("type":"pro","plan":"pro")", R"("plan":"pro","type":"pro")"));
    expectBadClaims(replaced(goodPayload(), R"("seq":3)", R"("seq": 3)"));
    expectBadClaims(replaced(goodPayload(), R"("api_access")", R"("api\u005faccess")"));
    expectBadClaims(goodPayload() + "\n");
    expectBadClaims(" " + goodPayload());
    expectBadClaims("\xef\xbb\xbf" + goodPayload());
    expectBadClaims(goodPayload() + goodPayload());
    expectBadClaims(goodPayload() + '\0');
}

TEST(Claims, WhatIsNotAnObjectIsRefused) {
    for (const char* payload : {"", "{", "{}", "[]", "null", "1", "\"\"", "[{}]", "nul", "{]", "{\"iss\"}", "\xff"})
        expectBadClaims(payload);
}

TEST(Claims, DepthTenThousandIsRefused) {
    expectBadClaims(std::string(10'000, '['));
    expectBadClaims(withClaim("features", std::string(4'000, '[') + std::string(4'000, ']')));
    std::string objects;
    for (int i = 0; i < 2'000; ++i) objects += R"({"a":)";
    expectBadClaims(objects);
}

TEST(Claims, BadUtf8IsRefused) {
    for (const char* bytes :
         {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xf8\x88\x80\x80\x80"})
        expectBadClaims(withClaim("type", "\"" + std::string(bytes) + "\""));
    expectBadClaims(withClaim("type", R"("\ud800")"));
    expectBadClaims(withClaim("type", R"("\u0000")"));
}

TEST(Claims, TimesAreOneSpellingOfRealMoments) {
    for (const char* name : {"iat", "nbf", "exp"})
        for (const char* value :
             {"2026-11-22T09:15:00+00:00", "2026-11-22t09:15:00z", "2026-11-22 09:15:00Z", "2026-11-22T09:15:00.0Z",
              "2026-11-22T09:15Z", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z",
              "2026-11-22T23:59:60Z", "10000-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2019-12-31T23:59:59Z",
              "-001-01-01T00:00:00Z", "1795425300", ""})
            expectBadClaims(withClaim(name, "\"" + std::string(value) + "\""));
    expectBadClaims(withClaim("exp", "1795425300"));
}

TEST(Claims, ARealEndIsReadAndItsRangeChecked) {
    const auto with = [](std::string_view end) {
        return replaced(goodPayload(), R"("type")", R"("lic_exp":")" + std::string(end) + R"(","type")");
    };
    const auto license = signedAndRead(with("2026-12-06T09:15:00Z"));
    ASSERT_TRUE(license);
    EXPECT_EQ(license->endsAt, at("2026-12-06T09:15:00Z"));
    EXPECT_TRUE(signedAndRead(with("9999-12-31T23:59:59Z")));
    expectBadClaims(with("2019-12-31T23:59:59Z"));
    expectBadClaims(with(""));
}

TEST(Claims, FreshnessMustNotEndBeforeItBegins) {
    expectBadClaims(withClaim("nbf", R"("2027-11-22T09:15:01Z")"));
    EXPECT_TRUE(signedAndRead(withClaim("nbf", R"("2027-11-22T09:15:00Z")")));
    // iat after exp: a document that was stale when it was made.
    expectBadClaims(withClaim("exp", R"("2026-11-22T09:14:59Z")"));
}

TEST(Claims, DurationsRunFromZeroToTenYears) {
    for (const char* name : {"offline_s", "grace_s", "wind_down_s", "check_s"}) {
        EXPECT_TRUE(signedAndRead(withClaim(name, "0"))) << name;
        EXPECT_TRUE(signedAndRead(withClaim(name, "315360000"))) << name;
        expectBadClaims(withClaim(name, "315360001"));
        expectBadClaims(withClaim(name, "-1"));
        expectBadClaims(withClaim(name, "9223372036854775807"));
    }
}

TEST(Claims, SequenceRunsFromOneToTheLargestSignedNumber) {
    EXPECT_TRUE(signedAndRead(withClaim("seq", "1")));
    EXPECT_TRUE(signedAndRead(withClaim("seq", "9223372036854775807")));
    expectBadClaims(withClaim("seq", "0"));
    expectBadClaims(withClaim("seq", "9223372036854775808"));
    expectBadClaims(withClaim("seq", "18446744073709551615"));
}

std::string featureList(int count) {
    std::string list = "[";
    for (int i = 0; i < count; ++i) list += (i ? ",\"f" : "\"f") + std::to_string(i) + "\"";
    return list + "]";
}

TEST(Claims, FeaturesAreUniqueNames) {
    EXPECT_TRUE(signedAndRead(withClaim("features", "[]")));
    EXPECT_TRUE(signedAndRead(withClaim("features", featureList(32))));
    EXPECT_TRUE(signedAndRead(withClaim("features", "[\"" + std::string(48, 'x') + "\"]")));
    expectBadClaims(withClaim("features", featureList(33)));
    expectBadClaims(withClaim("features", "[\"" + std::string(49, 'x') + "\"]"));
    for (const char* list : {R"(["a","a"])", R"([""])", R"(["A"])", R"(["a b"])", R"(["a-b"])", R"(["é"])", "[1]",
                             "[null]", R"([["a"]])", R"(["a",])", "[,]"})
        expectBadClaims(withClaim("features", list));
}

TEST(Claims, IdentifiersAreOfTheirForms) {
    EXPECT_TRUE(signedAndRead(withClaim("sub", "\"lic_" + std::string(32, 'z') + "\"")));
    for (const auto& id :
         {"lic_"s, "lic_" + std::string(15, 'a'), "lic_" + std::string(33, 'a'), "LIC_0123456789abcdef"s,
          "lic_0123456789abcdeF"s, "lic_../../etc/passwd"s, "0123456789abcdef"s})
        expectBadClaims(withClaim("sub", "\"" + id + "\""));
    for (const char* nonce : {"QEFCQ0RFRkdISUpLTE1OTx", "QEFCQ0RFRkdISUpLTE1OT", "QEFCQ0RFRkdISUpLTE1OTw=="})
        expectBadClaims(withClaim("nonce", "\"" + std::string(nonce) + "\""));
    for (const char* name : {"type", "plan"}) {
        expectBadClaims(withClaim(name, R"("Pro")"));
        EXPECT_TRUE(signedAndRead(withClaim(name, R"("some_newer_one")")));
    }
}

TEST(Claims, FingerprintIsOfItsForm) {
    const auto with = [](std::string_view components) {
        return withClaim("fp", R"({"v":1,"vm":true,"c":)" + std::string(components) + "}");
    };
    const std::string a = R"("AAECAwQFBgcICQoLDA0ODw")";
    const std::string b = R"("EBESExQVFhcYGRobHB0eHw")";
    EXPECT_TRUE(signedAndRead(with("{}")));
    EXPECT_TRUE(signedAndRead(with(R"({"disk":[1,)" + a + R"(],"nic":[100,)" + b + "," + a + "]}")));
    for (const auto& components : {
             "[]"s,
             R"({"disk":[0,)" + a + "]}",  // weight
             R"({"disk":[101,)" + a + "]}",
             R"({"disk":[)" + a + "]}",                             // none
             R"({"disk":[15]})"s,                                   // no hash
             R"({"disk":[15,)" + a + "," + a + "]}",                // a hash twice
             R"({"disk":[15,"AAECAwQFBgcICQoLDA0ODx"]})"s,          // dirty bits
             R"({"disk":[15,"AAECAwQFBgcICQoLDA0O"]})"s,            // 15 bytes
             R"({"nic":[10,)" + a + R"(],"disk":[15,)" + b + "]}",  // not ascending
             R"({"Disk":[15,)" + a + "]}",
             R"({"disk":{}})"s,
             R"({"disk":[15,[)" + a + "]]}",
         })
        expectBadClaims(with(components));
    expectBadClaims(withClaim("fp", R"({"v":2,"vm":true,"c":{}})"));
    expectBadClaims(withClaim("fp", R"({"v":1,"vm":1,"c":{}})"));
    expectBadClaims(withClaim("fp", R"({"c":{},"v":1,"vm":true})"));
}

License largest() {
    License license = test::license();
    license.authority = std::string(test::authority);
    license.id.value = "lic_" + std::string(32, 'z');
    license.endsAt = latestInstant;
    license.features.clear();
    for (int i = 0; i < int(maxFeatures); ++i)
        license.features.push_back(std::string(46, 'f') + std::to_string(10 + i));
    license.fingerprint.components.clear();
    for (int i = 0; i < int(maxComponents); ++i) {
        FingerprintComponent component{std::string(46, 'c') + std::to_string(10 + i), 100, {}};
        for (int j = 0; j < int(maxComponentHashes); ++j) {
            std::array<std::uint8_t, 16> hash{};
            hash[0] = static_cast<std::uint8_t>(i);
            hash[1] = static_cast<std::uint8_t>(j);
            component.hashes.push_back(toBase64url(hash));
        }
        license.fingerprint.components.push_back(std::move(component));
    }
    license.sequence = 9'223'372'036'854'775'807u;
    return license;
}

// Every bound reached at once still fits a token; one more of anything is refused.
TEST(License, TheLargestOneFitsATokenAndOneMoreIsAFault) {
    const auto token = signLicense(test::signingKey(), largest());
    EXPECT_EQ(verifyLicense(token, test::keySet(), test::device()).value(), largest());
    License over = largest();
    over.features.push_back("one_more");
    EXPECT_THROW(signLicense(test::signingKey(), over), std::invalid_argument);
    over = largest();
    over.fingerprint.components.push_back({"z", 1, {"AAECAwQFBgcICQoLDA0ODw"}});
    EXPECT_THROW(signLicense(test::signingKey(), over), std::invalid_argument);
    over = largest();
    over.fingerprint.components[0].hashes.push_back("AAECAwQFBgcICQoLDA0ODw");
    EXPECT_THROW(signLicense(test::signingKey(), over), std::invalid_argument);
}

TEST(License, SigningOneThatNobodyWouldAcceptIsAFault) {
    const auto with = [](auto change) {
        License license = test::license();
        change(license);
        EXPECT_THROW(signLicense(test::signingKey(), license), std::invalid_argument);
    };
    with([](License& l) { l.authority = "UPPER"; });
    with([](License& l) { l.id.value = "lic_x"; });
    with([](License& l) { l.device.value = "short"; });
    with([](License& l) { l.type = "no spaces"; });
    with([](License& l) { l.type = "\xff"; });
    with([](License& l) { l.maxBots = -2; });
    with([](License& l) { l.grace = Seconds{-1}; });
    with([](License& l) { l.sequence = 0; });
    with([](License& l) { l.sequence = ~0ull; });
    with([](License& l) { l.nonce = "x"; });
    with([](License& l) { l.notBefore = l.freshUntil + Seconds{1}; });
    with([](License& l) { l.issuedAt = Instant{}; });
    with([](License& l) { l.features = {"twice", "twice"}; });
    with([](License& l) { l.fingerprint.version = 2; });
}

}  // namespace
}  // namespace entitle
