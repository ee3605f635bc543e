#include "server/mint.h"

#include <gtest/gtest.h>

#include "license/catalogue.h"
#include "license/identifiers.h"
#include "tests/server/desk.h"

namespace entitle {
namespace {

using testing::day;
using testing::Desk;
using testing::Machine;
using testing::noon;

TEST(Mint, RowIsWhatTheTypeSaysAndComesBackAsItWasStored) {
    Desk desk;
    for (const auto& type : builtinCatalogue().types) {
        const auto minted = desk.mint(type.name);
        EXPECT_TRUE(isLicenseId(minted.row.id.value));
        EXPECT_EQ(minted.row.maxBots, type.maxBots);
        EXPECT_EQ(minted.row.features, type.features);
        EXPECT_EQ(minted.row.plan, type.plan);
        EXPECT_EQ(minted.row.endsAt, std::nullopt);
        EXPECT_EQ(minted.row.duration.has_value(), type.durationDays.has_value());
        EXPECT_EQ(desk.store().license(minted.row.id), minted.row);
    }
}

TEST(Mint, KeyOpensToTheRowsPayloadAndFindsTheRow) {
    Desk desk;
    const auto first = desk.mint("pro");
    const auto second = desk.mint("pro");
    EXPECT_NE(first.key, second.key);
    EXPECT_EQ(desk.secrets().all().open(first.key).value(), first.row.payload);
    EXPECT_EQ(licenseOfKey(desk.store(), desk.secrets(), first.key.text()).value(), first.row);
    EXPECT_EQ(licenseOfKey(desk.store(), desk.secrets(), second.key.text()).value(), second.row);
}

TEST(Mint, DatabaseNeverHoldsTheKey) {
    Desk desk;
    const auto minted = desk.mint("pro");
    const auto text = minted.key.text();
    std::string plain = text;
    plain.erase(std::remove(plain.begin(), plain.end(), '-'), plain.end());
    desk.close();
    const auto bytes = testing::readFile(desk.directory() / "authority.db");
    EXPECT_EQ(bytes.find(text), std::string::npos);
    EXPECT_EQ(bytes.find(plain.substr(2)), std::string::npos);
    EXPECT_NE(bytes.find(minted.row.keyIndex), std::string::npos) << "the search would find text that is there";
}

TEST(Mint, KeyShownAgainIsTheKeyThatWasMinted) {
    Desk desk;
    const auto minted = desk.mint("enterprise");
    desk.reopen();
    EXPECT_EQ(showKey(desk.secrets(), desk.store().license(minted.row.id).value()).value(), minted.key);
}

TEST(Mint, OldKeysOpenAndShowAgainAfterTheSecretWasRotated) {
    Desk desk;
    const auto minted = desk.mint("pro");
    const auto old = testing::readFile(desk.directory() / "license-secret").substr(0, 64);
    std::string list;
    do list = LicenseSecrets::generate() + "," + old;
    while (!LicenseSecrets::parse(list, "test"));  // two secrets may share an id: the operator chooses another
    const auto rotated = LicenseSecrets::parse(list, "test").value();
    EXPECT_EQ(licenseOfKey(desk.store(), rotated, minted.key.text()).value(), minted.row);
    EXPECT_EQ(showKey(rotated, minted.row).value(), minted.key);

    NewLicense wish;
    wish.type = "pro";
    const auto fresh = mintLicense(desk.store(), rotated, wish, noon).value();
    EXPECT_NE(fresh.row.keySecretId, minted.row.keySecretId);
    EXPECT_EQ(showKey(rotated, fresh.row).value(), fresh.key);

    const auto withoutNew = desk.secrets();
    const auto shown = showKey(withoutNew, fresh.row);
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().reason, DenialReason::badSecret);
    EXPECT_FALSE(licenseOfKey(desk.store(), withoutNew, fresh.key.text()));
}

TEST(Mint, KeyOfADeletedRowOpensAndGrantsNothing) {
    Desk desk;
    const auto minted = desk.mint("pro");
    desk.execute("DELETE FROM licenses");
    EXPECT_TRUE(desk.secrets().all().open(minted.key));
    const auto found = licenseOfKey(desk.store(), desk.secrets(), minted.key.text());
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().reason, DenialReason::unknownLicense);
    EXPECT_EQ(desk.answer(minted.row.id, Machine().file("desk")).error().reason, DenialReason::unknownLicense);
}

TEST(Mint, RowDecidesNotTheTypeInsideTheKey) {
    Desk desk;
    const auto minted = desk.mint("trial");
    desk.execute(
        "UPDATE licenses SET type = 'basic', plan = 'basic', max_bots = 10, duration_s = NULL, "
        "features = 'paper_trading live_trading'");
    const auto row = licenseOfKey(desk.store(), desk.secrets(), minted.key.text()).value();
    EXPECT_EQ(row.type, "basic");
    const auto issued = desk.answer(row.id, Machine().file("desk")).value();
    EXPECT_EQ(issued.license.type, "basic");
    EXPECT_EQ(issued.license.maxBots, 10);
    EXPECT_EQ(issued.license.endsAt, std::nullopt);
    EXPECT_EQ(showKey(desk.secrets(), row).value(), minted.key) << "the key itself stays what was sold";
}

TEST(Mint, ATrialsLengthGoesWithTheTrialAndAnEndThatWasSoldStays) {
    Desk desk;
    const auto& pro = *builtinCatalogue().type("pro");
    auto row = desk.mint("trial").row;
    row.endsAt = noon + 14 * day;  // as its first document fixed it
    ASSERT_TRUE(changeType(row, pro));
    EXPECT_EQ(row.type, "pro");
    EXPECT_EQ(row.maxBots, 100);
    EXPECT_FALSE(row.duration);
    EXPECT_FALSE(row.endsAt) << "a pro license ended with its trial";

    NewLicense wish;
    wish.type = "basic";
    wish.days = 90;
    row = desk.mint(wish).row;
    row.endsAt = noon + 90 * day;
    ASSERT_TRUE(changeType(row, pro));
    EXPECT_EQ(row.duration, 90 * day);
    EXPECT_EQ(row.endsAt, noon + 90 * day);
}

TEST(Mint, NothingThatWasSoldBecomesATrial) {
    Desk desk;
    auto row = desk.mint("pro").row;
    const auto before = row;
    EXPECT_FALSE(changeType(row, *builtinCatalogue().type("trial")));
    EXPECT_EQ(row, before);
    row = desk.mint("trial").row;
    EXPECT_TRUE(changeType(row, *builtinCatalogue().type("trial"))) << "one that is a trial stays one";
    EXPECT_EQ(row.duration, 14 * day);
}

TEST(Mint, ForeignKeyAndTypingErrorAreToldApart) {
    Desk desk, other;
    const auto foreign = other.mint("pro").key.text();
    EXPECT_EQ(licenseOfKey(desk.store(), desk.secrets(), foreign).error().reason, DenialReason::badKey);
    auto typo = desk.mint("pro").key.text();
    typo[5] = typo[5] == 'A' ? 'B' : 'A';
    const auto found = licenseOfKey(desk.store(), desk.secrets(), typo);
    EXPECT_EQ(found.error().reason, DenialReason::badKey);
    EXPECT_EQ(found.error().message, explain(KeyError::badCheck));
}

TEST(Mint, PlanLimitsReplaceTheTypesLimits) {
    Desk desk;
    NewLicense wish;
    wish.type = "basic";
    wish.planLimits = "basic";
    const auto minted = desk.mint(wish);
    EXPECT_EQ(minted.row.maxBots, builtinCatalogue().plan("basic")->maxBots);
    EXPECT_EQ(minted.row.features, builtinCatalogue().plan("basic")->features);
}

TEST(Mint, EndsAreDatesOrExactTimesAndNothingElse) {
    EXPECT_EQ(parseEnd("2027-01-31"), fromRfc3339("2027-02-01T00:00:00Z")) << "good through that day";
    EXPECT_EQ(parseEnd("2027-01-31T10:00:00Z"), fromRfc3339("2027-01-31T10:00:00Z"));
    for (const auto* bad : {"", "2027-02-30", "tomorrow", "31.01.2027", "2027-1-31", "2027-01-31 10:00"})
        EXPECT_EQ(parseEnd(bad), std::nullopt) << bad;
}

TEST(Mint, ImpossibleWishesAreRefusedBeforeAnythingIsStored) {
    Desk desk;
    const auto refused = [&](auto change) {
        NewLicense wish;
        wish.type = "pro";
        change(wish);
        const auto minted = mintLicense(desk.store(), desk.secrets(), wish, noon);
        return !minted && minted.error().reason == DenialReason::usage;
    };
    EXPECT_TRUE(refused([](auto& wish) { wish.type = "gold"; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.days = 0; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.days = -1; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.days = 36'501; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.endsAt = noon; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.endsAt = noon + 40'000 * day; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.planLimits = "gold"; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.note = std::string(201, 'x'); }));
    EXPECT_TRUE(refused([](auto& wish) { wish.note = "two\nlines"; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.note = "\x1b[31mred"; }));
    EXPECT_TRUE(refused([](auto& wish) { wish.note = "not \xff UTF-8"; }));
    EXPECT_TRUE(desk.store().licenses().empty());
}

}  // namespace
}  // namespace entitle
