#include "license/catalogue.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "license/license.h"

namespace entitle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNull;
using testing::UnorderedElementsAre;

const Catalogue& builtin() {
    return builtinCatalogue();
}

std::string overrideFault(std::string_view json) {
    const auto result = overrideCatalogue(builtin(), json);
    return result ? "accepted" : result.error();
}

TEST(Catalogue, PlansAreSoldAsPriced) {
    ASSERT_EQ(builtin().plans.size(), 4u);
    const auto sold = [](std::size_t i) {
        const Plan& plan = builtin().plans[i];
        return std::make_tuple(plan.name, plan.monthlyCents, plan.maxBots);
    };
    EXPECT_EQ(sold(0), std::make_tuple(std::string("free"), 0, 5));
    EXPECT_EQ(sold(1), std::make_tuple(std::string("basic"), 4900, 20));
    EXPECT_EQ(sold(2), std::make_tuple(std::string("pro"), 9900, unlimited));
    EXPECT_EQ(sold(3), std::make_tuple(std::string("enterprise"), 29900, unlimited));
}

TEST(Catalogue, EachPlanHasWhatTheOneBelowItHasAndMore) {
    for (std::size_t i = 1; i < builtin().plans.size(); ++i) {
        const Plan& lower = builtin().plans[i - 1];
        const Plan& upper = builtin().plans[i];
        for (const std::string& feature : lower.features)
            EXPECT_TRUE(holds(upper.features, upper.maxBots, feature)) << upper.name << " lacks " << feature;
        EXPECT_GT(upper.features.size(), lower.features.size());
    }
}

TEST(Catalogue, EachPlanHasWhatTheLicenseTypeOfItsNameHas) {
    for (const LicenseType& type : builtin().types) {
        const Plan* plan = builtin().plan(type.plan);
        ASSERT_NE(plan, nullptr) << type.name;
        for (const std::string& feature : type.features) {
            if (feature == "all_features") continue;
            EXPECT_TRUE(holds(plan->features, plan->maxBots, feature)) << plan->name << " lacks " << feature;
        }
    }
}

TEST(Catalogue, LicenseTypesCarryTheirOwnLimits) {
    ASSERT_EQ(builtin().types.size(), 4u);
    const LicenseType* trial = builtin().type("trial");
    ASSERT_NE(trial, nullptr);
    EXPECT_EQ(trial->durationDays, 14);
    EXPECT_EQ(trial->maxBots, 3);
    EXPECT_THAT(trial->features, UnorderedElementsAre("paper_trading", "basic_strategies"));
    const LicenseType* basic = builtin().type("basic");
    ASSERT_NE(basic, nullptr);
    EXPECT_EQ(basic->durationDays, std::nullopt);
    EXPECT_EQ(basic->maxBots, 10);
    EXPECT_THAT(basic->features, UnorderedElementsAre("paper_trading", "live_trading", "basic_strategies"));
    const LicenseType* pro = builtin().type("pro");
    ASSERT_NE(pro, nullptr);
    EXPECT_EQ(pro->durationDays, std::nullopt);
    EXPECT_EQ(pro->maxBots, 100);
    const LicenseType* enterprise = builtin().type("enterprise");
    ASSERT_NE(enterprise, nullptr);
    EXPECT_EQ(enterprise->durationDays, std::nullopt);
    EXPECT_EQ(enterprise->maxBots, unlimited);
    EXPECT_THAT(enterprise->features, ElementsAre("all_features"));
}

// The types' table stops at advanced_ml for pro, the plans' table sells API access with pro, and demo says "Upgrade to
// Pro" to whoever asks for it. A pro license has to keep that promise.
TEST(Catalogue, ProLicenseHasTheApiAccessThatDemoPromises) {
    EXPECT_THAT(builtin().type("pro")->features,
                UnorderedElementsAre("paper_trading", "live_trading", "all_strategies", "advanced_ml", "api_access"));
}

TEST(Catalogue, DemoAllowsPaperTradingAndRefusesWithItsOwnWords) {
    const Demo& demo = builtin().demo;
    EXPECT_TRUE(demo.enabled);
    EXPECT_EQ(demo.maxBots, 3);
    EXPECT_THAT(demo.features, UnorderedElementsAre("basic_trading", "paper_trading", "basic_strategies"));
    EXPECT_THAT(demo.flags,
                ElementsAre(DemoFlag{"live_trading", "Upgrade to Basic"}, DemoFlag{"advanced_ml", "Upgrade to Pro"},
                            DemoFlag{"api_access", "Upgrade to Pro"}, DemoFlag{"unlimited_bots", "Upgrade to Pro"}));
}

TEST(Catalogue, WhatDemoPromisesThePlanReallyHas) {
    for (const DemoFlag& flag : builtin().demo.flags) {
        const Plan* plan = builtin().cheapestPlanWith(flag.feature, "");
        ASSERT_NE(plan, nullptr) << flag.feature;
        std::string name = plan->name;
        name[0] = static_cast<char>(name[0] - 'a' + 'A');
        EXPECT_EQ(flag.message, "Upgrade to " + name);
    }
}

TEST(Catalogue, EveryFeatureThatAnythingNamesIsKnown) {
    const auto known = [](const std::string& name) {
        return std::find(builtin().features.begin(), builtin().features.end(), name) != builtin().features.end();
    };
    for (const Plan& plan : builtin().plans)
        for (const std::string& feature : plan.features) EXPECT_TRUE(known(feature)) << feature;
    for (const LicenseType& type : builtin().types)
        for (const std::string& feature : type.features) EXPECT_TRUE(known(feature)) << feature;
    EXPECT_THAT(builtin().features,
                testing::IsSupersetOf({"basic_trading", "paper_trading", "basic_strategies", "all_strategies",
                                       "live_trading", "advanced_ml", "api_access", "unlimited_bots",
                                       "dedicated_support", "custom_integrations"}));
}

TEST(Catalogue, TypeCodesOfKeysAreFixed) {
    EXPECT_EQ(builtin().typeByCode(1)->name, "trial");
    EXPECT_EQ(builtin().typeByCode(2)->name, "basic");
    EXPECT_EQ(builtin().typeByCode(3)->name, "pro");
    EXPECT_EQ(builtin().typeByCode(4)->name, "enterprise");
    EXPECT_THAT(builtin().typeByCode(0), IsNull());
    EXPECT_THAT(builtin().typeByCode(15), IsNull());
}

TEST(Catalogue, UpgradeIsTheCheapestPlanThatHasTheFeature) {
    EXPECT_EQ(builtin().cheapestPlanWith("paper_trading", "")->name, "free");
    EXPECT_EQ(builtin().cheapestPlanWith("live_trading", "")->name, "basic");
    EXPECT_EQ(builtin().cheapestPlanWith("live_trading", "free")->name, "basic");
    EXPECT_EQ(builtin().cheapestPlanWith("api_access", "basic")->name, "pro");
    EXPECT_EQ(builtin().cheapestPlanWith("basic_strategies", "basic")->name, "pro");
    EXPECT_EQ(builtin().cheapestPlanWith("dedicated_support", "pro")->name, "enterprise");
    EXPECT_THAT(builtin().cheapestPlanWith("dedicated_support", "enterprise"), IsNull());
    EXPECT_THAT(builtin().cheapestPlanWith("time_travel", ""), IsNull());
    EXPECT_THAT(builtin().cheapestPlanWith("live_trading", "a_plan_of_tomorrow"), IsNull());
    EXPECT_EQ(builtin().cheapestPlanFor(4, "")->name, "free");
    EXPECT_EQ(builtin().cheapestPlanFor(20, "free")->name, "basic");
    EXPECT_EQ(builtin().cheapestPlanFor(21, "free")->name, "pro");
}

RC_GTEST_PROP(Catalogue, UpgradeIsNeverTheCurrentPlanNorACheaperOne, ()) {
    const std::string feature = *rc::gen::elementOf(builtin().features);
    const Plan current = *rc::gen::elementOf(builtin().plans);
    const Plan* upgrade = builtin().cheapestPlanWith(feature, current.name);
    if (upgrade == nullptr) return;
    RC_ASSERT(upgrade->monthlyCents > current.monthlyCents);
    RC_ASSERT(holds(upgrade->features, upgrade->maxBots, feature));
    for (const Plan& other : builtin().plans)
        if (other.monthlyCents > current.monthlyCents && other.monthlyCents < upgrade->monthlyCents)
            RC_ASSERT(!holds(other.features, other.maxBots, feature));
}

TEST(Catalogue, ExpansionAddsWhatIsImplied) {
    EXPECT_THAT(expandFeatures(builtin(), {"all_strategies"}, 10), ElementsAre("basic_strategies", "all_strategies"));
    EXPECT_THAT(expandFeatures(builtin(), {"live_trading"}, unlimited), ElementsAre("live_trading", "unlimited_bots"));
    EXPECT_THAT(expandFeatures(builtin(), {"unlimited_bots"}, 10), ElementsAre());
    EXPECT_THAT(expandFeatures(builtin(), {"all_features"}, 10), ElementsAre("all_features"));
    EXPECT_THAT(expandFeatures(builtin(), {"zebra", "paper_trading", "aardvark", "zebra"}, 0),
                ElementsAre("paper_trading", "aardvark", "zebra"));
}

RC_GTEST_PROP(Catalogue, ExpansionIsIdempotentAndChangesNoAnswer, (std::vector<std::string> features)) {
    const auto some = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(builtin().features));
    features.insert(features.end(), some.begin(), some.end());
    const std::int64_t maxBots = *rc::gen::inRange<std::int64_t>(-1, 3);
    const auto expanded = expandFeatures(builtin(), features, maxBots);
    RC_ASSERT(expandFeatures(builtin(), expanded, maxBots) == expanded);
    for (const std::string& name : builtin().features)
        RC_ASSERT(holds(features, maxBots, name) == holds(expanded, maxBots, name));
}

TEST(Catalogue, AllFeaturesImpliesNamesNobodyHasThoughtOfYet) {
    EXPECT_TRUE(holds({"all_features"}, 10, "a_feature_of_tomorrow"));
    EXPECT_TRUE(holds({"all_features"}, 10, "dedicated_support"));
    EXPECT_FALSE(holds({"all_features"}, 10, "unlimited_bots")) << "10 bots are not unlimited";
    EXPECT_TRUE(holds({}, unlimited, "unlimited_bots"));
    EXPECT_FALSE(holds({"unlimited_bots"}, 10, "unlimited_bots"));
}

TEST(Catalogue, NamesAreShortAndPlain) {
    EXPECT_TRUE(isName("live_trading"));
    EXPECT_TRUE(isName("0"));
    EXPECT_TRUE(isName(std::string(48, 'a')));
    for (const std::string& name : {std::string(), std::string(49, 'a'), std::string("Live"), std::string("a b"),
                                    std::string("a-b"), std::string("a\0b", 3), std::string("\xc3\xa4")})
        EXPECT_FALSE(isName(name)) << name;
}

TEST(CatalogueOverride, EmptyObjectChangesNothing) {
    EXPECT_EQ(*overrideCatalogue(builtin(), "{}"), builtin());
}

TEST(CatalogueOverride, MembersGivenReplaceMembersThere) {
    const auto result = overrideCatalogue(
        builtin(),
        R"({"plans":{"basic":{"max_bots":25}},"types":{"trial":{"duration_days":30}},"demo":{"enabled":false,"max_bots":1}})");
    ASSERT_TRUE(result) << result.error();
    EXPECT_EQ(result->plan("basic")->maxBots, 25);
    EXPECT_EQ(result->plan("basic")->monthlyCents, 4900);
    EXPECT_EQ(result->plan("basic")->features, builtin().plan("basic")->features);
    EXPECT_EQ(result->type("trial")->durationDays, 30);
    EXPECT_FALSE(result->demo.enabled);
    EXPECT_EQ(result->demo.maxBots, 1);
    EXPECT_EQ(result->demo.flags, builtin().demo.flags);
}

TEST(CatalogueOverride, NewPlanStandsAtItsPriceAndTeachesItsFeatures) {
    const auto result = overrideCatalogue(
        builtin(),
        R"({"plans":{"team":{"monthly_cents":7000,"max_bots":50,"features":["paper_trading","live_trading","shared_desk"]}},)"
        R"("types":{"team":{"code":9,"duration_days":0,"max_bots":50,"features":["shared_desk"],"plan":"team"}}})");
    ASSERT_TRUE(result) << result.error();
    ASSERT_EQ(result->plans.size(), 5u);
    EXPECT_EQ(result->plans[2].name, "team");
    EXPECT_EQ(result->features.back(), "shared_desk");
    EXPECT_EQ(result->cheapestPlanWith("shared_desk", "basic")->name, "team");
    EXPECT_EQ(result->typeByCode(9)->durationDays, std::nullopt);
}

TEST(CatalogueOverride, PlanOfTheSamePriceIsNoUpgrade) {
    const auto result = overrideCatalogue(
        builtin(), R"({"plans":{"basic_ml":{"monthly_cents":4900,"max_bots":20,"features":["advanced_ml"]}}})");
    ASSERT_TRUE(result) << result.error();
    EXPECT_EQ(result->cheapestPlanWith("advanced_ml", "basic")->name, "pro");
    EXPECT_EQ(result->cheapestPlanWith("advanced_ml", "free")->name, "basic_ml");
}

TEST(CatalogueOverride, FlagsReplaceTheWholeList) {
    const auto result = overrideCatalogue(builtin(), R"({"demo":{"flags":{"live_trading":"Buy Basic"}}})");
    ASSERT_TRUE(result) << result.error();
    EXPECT_THAT(result->demo.flags, ElementsAre(DemoFlag{"live_trading", "Buy Basic"}));
}

TEST(CatalogueOverride, FaultsNameTheMember) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"plan":{}})", "\"plan\" is not a known member"},
        {R"({"plans":[]})", "\"plans\" must be an object"},
        {R"({"plans":{"pro":5}})", "\"plans.pro\" must be an object"},
        {R"({"plans":{"Pro":{}}})", "\"plans\" has a name"},
        {R"({"plans":{"pro":{"max_bots":-2}}})", "\"plans.pro.max_bots\" must be a whole number"},
        {R"({"plans":{"pro":{"max_bots":"5"}}})", "\"plans.pro.max_bots\""},
        {R"({"plans":{"pro":{"max_bots":9000000000000000000}}})", "\"plans.pro.max_bots\""},
        {R"({"plans":{"pro":{"monthly_cents":-1}}})", "\"plans.pro.monthly_cents\""},
        {R"({"plans":{"pro":{"bots":5}}})", "\"plans.pro.bots\" is not a known member"},
        {R"({"plans":{"pro":{"features":"all"}}})", "\"plans.pro.features\""},
        {R"({"plans":{"pro":{"features":["Live"]}}})", "\"plans.pro.features\""},
        {R"({"plans":{"pro":{"features":["a","a"]}}})", "\"plans.pro.features\" must not name a feature twice"},
        {R"({"plans":{"basic":{"features":["unlimited_bots"]}}})", "\"plans.basic.features\" names unlimited_bots"},
        {R"({"plans":{"new":{"max_bots":5}}})", "\"plans.new.monthly_cents\" is missing"},
        {R"({"types":{"pro":{"code":7}}})", "\"types.pro.code\" can never change"},
        {R"({"types":{"new":{"code":3,"duration_days":0,"max_bots":1,"features":[],"plan":"pro"}}})",
         "\"types.new.code\""},
        {R"({"types":{"new":{"code":16,"duration_days":0,"max_bots":1,"features":[],"plan":"pro"}}})",
         "\"types.new.code\""},
        {R"({"types":{"pro":{"plan":"gold"}}})", "\"types.pro.plan\" names \"gold\", which is no plan"},
        {R"({"types":{"trial":{"duration_days":-1}}})", "\"types.trial.duration_days\""},
        {R"({"demo":{"enabled":1}})", "\"demo.enabled\" must be true or false"},
        {R"({"demo":{"max_bots":-1}})", "\"demo.max_bots\""},
        {R"({"demo":{"flags":{"live_trading":""}}})", "\"demo.flags.live_trading\""},
        {R"({"demo":{"flags":{"live_trading":"a\u001b[31mb"}}})", "\"demo.flags.live_trading\""},
    };
    for (const auto& [json, fault] : cases) {
        const std::string said = overrideFault(json);
        EXPECT_THAT(said, HasSubstr(fault)) << json;
        EXPECT_EQ(said.back(), '.') << said;
    }
}

TEST(CatalogueOverride, TextThatIsNotStrictJsonIsRefused) {
    for (const std::string& json :
         {std::string(), std::string("[]"), std::string("null"), std::string("{"), std::string("{}{}"),
          std::string(R"({"demo":{},"demo":{}})"), std::string(R"({"plans":{"pro":{"max_bots":1,"max_bots":2}}})"),
          std::string(R"({"demo":{"max_bots":1.0}})"), std::string(R"({"demo":null})"), std::string("{\"demo\":{},}"),
          "{\"demo\":{\"x\":" + std::string(100, '[') + std::string(100, ']') + "}}"})
        EXPECT_THAT(overrideFault(json), HasSubstr("strict JSON")) << json;
    EXPECT_THAT(overrideFault("{" + std::string(64 * 1024, ' ') + "}"), HasSubstr("64 KiB"));
}

RC_GTEST_PROP(CatalogueOverride, AnyTextIsAnswered, (const std::string& text)) {
    const auto result = overrideCatalogue(builtin(), text);
    if (!result) RC_ASSERT(!result.error().empty());
}

}  // namespace
}  // namespace entitle
