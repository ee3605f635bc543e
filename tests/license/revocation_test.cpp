#include "license/revocation.h"

#include <gtest/gtest.h>

#include "license/license_file.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using test::replaced;
using test::revocations;
using enum DocumentError;

std::string good() {
    return signRevocations(test::signingKey(), revocations());
}

DocumentError refusal(std::string_view token, std::uint64_t minimum = 0) {
    const auto list = verifyRevocations(token, test::keySet(), minimum);
    return list ? DocumentError{} : list.error();
}

TEST(Revocations, ComeBackAsTheyWereSigned) {
    EXPECT_EQ(verifyRevocations(good(), test::keySet(), 0).value(), revocations());
    RevocationList none{std::string(test::authority), 1, test::at("2026-11-23T08:00:00Z"), {}};
    EXPECT_EQ(verifyRevocations(signRevocations(test::signingKey(), none), test::keySet(), 0).value(), none);
}

TEST(Revocations, HaveExactlyThisByteForm) {
    EXPECT_EQ(test::payloadOf(good()),
              R"({"typ":"co.revocations.v1","iss":"co-example","epoch":5,"iat":"2026-11-23T08:00:00Z",)"
              R"("revoked":{"lic_1111111111111111":"2026-11-20T00:00:00Z","lic_3333333333333333":)"
              R"("2026-11-23T08:00:00Z"},"suspended":{"lic_0123456789abcdef":"2026-11-22T12:00:00Z"},)"
              R"("reinstated":{"lic_2222222222222222":"2026-11-21T00:00:00Z"}})");
}

TEST(Revocations, EveryOneCharacterChangeAndTruncationIsRefused) {
    const std::string token = good();
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        for (const char substitute : {'A', '.', '\0', static_cast<char>(token[i] ^ 1)}) {
            if (substitute == token[i]) continue;
            changed[i] = substitute;
            ASSERT_NE(refusal(changed), DocumentError{}) << i;
        }
        ASSERT_NE(refusal(token.substr(0, i)), DocumentError{}) << i;
    }
}

TEST(Revocations, EpochOnlyRises) {
    EXPECT_EQ(refusal(good(), 5), DocumentError{});
    EXPECT_EQ(refusal(good(), 6), rollback);
}

TEST(Revocations, OfAnUnfitKeyAreRefused) {
    EXPECT_EQ(refusal(signRevocations(test::rootKey(), revocations())), unknownKey);
    EXPECT_EQ(refusal(signRevocations(test::revokedSigningKey(), revocations())), keyRevoked);
    RevocationList late = revocations();
    late.issuedAt = test::at("2027-01-01T00:00:00Z");
    EXPECT_EQ(refusal(signRevocations(test::signingKey(), late)), keyExpired);
}

TEST(Revocations, ClaimsOutsideOfTheirFormAreRefused) {
    const auto expectBad = [](std::string_view from, std::string_view to) {
        const auto token =
            signToken(test::signingKey(), replaced(test::payloadOf(good()), from, to), test::revocationAssertion());
        EXPECT_EQ(refusal(token), badClaims) << to;
    };
    expectBad(R"("epoch":5)", R"("epoch":0)");
    expectBad(R"("epoch":5)", R"("epoch":"5")");
    expectBad("co.revocations.v1", "co.revocations.v2");
    expectBad("co-example", "co-other");
    expectBad("lic_2222222222222222", "lic_1111111111111111");  // in two places
    expectBad("lic_3333333333333333", "lic_1111111111111111");  // twice in one
    expectBad("lic_3333333333333333", "lic_0000000000000000");  // not ascending
    expectBad("lic_0123456789abcdef", "lic_");
    expectBad("2026-11-21T00:00:00Z", "2026-02-30T00:00:00Z");
    expectBad(R"("reinstated")", R"("pardoned")");
    expectBad(R"("iss")", R"("x":1,"iss")");
}

// The most there can be, with the longest ids, fits a token: whoever sends a list need not count bytes.
TEST(Revocations, AsManyAsAllowedFitAToken) {
    RevocationList list = revocations();
    list.epoch = INT64_MAX;
    list.entries.clear();
    for (std::size_t i = 0; i < maxRevocations; ++i) {
        const std::string number = std::to_string(i);
        list.entries.push_back({{"lic_" + std::string(32 - number.size(), '0') + number},
                                RevocationKind::suspended,
                                test::at("2026-11-20T00:00:00Z")});
    }
    std::sort(list.entries.begin(), list.entries.end(),
              [](const Revocation& a, const Revocation& b) { return a.license < b.license; });
    EXPECT_EQ(verifyRevocations(signRevocations(test::signingKey(), list), test::keySet(), 0).value(), list);
    ASSERT_NE(list.find(list.entries[90].license), nullptr);
    EXPECT_EQ(*list.find(list.entries[90].license), list.entries[90]);
    EXPECT_EQ(list.find({"lic_9999999999999999"}), nullptr);
    list.entries.push_back({{"lic_z000000000000000"}, RevocationKind::revoked, test::at("2026-11-20T00:00:00Z")});
    EXPECT_THROW(signRevocations(test::signingKey(), list), std::invalid_argument);
}

TEST(Revocations, OutOfOrderCannotBeMade) {
    RevocationList list = revocations();
    std::swap(list.entries[0], list.entries[1]);
    EXPECT_THROW(signRevocations(test::signingKey(), list), std::invalid_argument);
}

TEST(UpdateFile, ComesBackAsItWasPrinted) {
    const UpdateFile file{signKeySet(test::rootKey(), test::keySet()), good()};
    const std::string text = printUpdateFile(file, "For machines without a network");
    EXPECT_EQ(parseUpdateFile(text).value(), file);
    EXPECT_EQ(fileKindOf(text), FileKind::update);
    EXPECT_EQ(fileKindOf(printLicenseFile({"a", "b"}, "x")), FileKind::license);
    EXPECT_EQ(fileKindOf(printRequestFile("a", "x")), FileKind::request);
    EXPECT_EQ(fileKindOf("hello"), std::nullopt);
    EXPECT_EQ(fileKindOf(""), std::nullopt);
}

TEST(UpdateFile, IsNoLicenseFileAndStandsAlone) {
    const std::string text = printUpdateFile({"k", "r"}, "");
    EXPECT_EQ(parseLicenseFile(text).error(), badForm);
    EXPECT_EQ(parseUpdateFile(printLicenseFile({"k", "r"}, "")).error(), badForm);
    EXPECT_EQ(parseUpdateFile(text + "\n").error(), badForm);
    EXPECT_EQ(parseUpdateFile(std::string(maxFileBytes + 1, '#')).error(), tooLong);
    for (std::size_t i = 0; i + 1 < text.size(); ++i)  // the last line end may be missing
        EXPECT_EQ(parseUpdateFile(text.substr(0, i)).error(), badForm) << i;
}

}  // namespace
}  // namespace entitle
