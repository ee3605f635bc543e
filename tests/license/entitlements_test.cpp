#include "license/entitlements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/license/sample_license.h"

namespace entitle {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const Catalogue& builtin() {
    return builtinCatalogue();
}

License ofType(std::string_view name) {
    const LicenseType& type = *builtin().type(name);
    License license = sampleLicense();
    license.type = type.name;
    license.plan = type.plan;
    license.features = type.features;
    license.maxBots = type.maxBots;
    return license;
}

Entitlements demo() {
    return evaluate({}, builtin(), at(noon));
}
Entitlements with(const License& license, Instant t = noon) {
    return evaluate(licensed(license), builtin(), at(t));
}
Verdict ask(const Entitlements& e, std::string_view feature) {
    return check(e, builtin(), feature);
}

Verdict askQuota(const Entitlements& e, std::uint64_t inUse, std::uint64_t count = 1) {
    return checkQuota(e, builtin(), "bots", inUse, count);
}

// Every standing a license may be in, with the reason of what it refuses.
struct Fallen {
    const char* name;
    State state;
    Instant t;
    Reason reason;
};
std::vector<Fallen> fallenStandings() {
    License ending = sampleLicense();
    ending.endsAt = noon + 10 * day;
    State revoked = licensed();
    revoked.ended = Ended{Standing::revoked, noon};
    State suspended = licensed();
    suspended.ended = Ended{Standing::suspended, noon};
    State elsewhere = step(licensed(), DeviceChanged{Match::different}, at(noon)).state;
    return {{"expired without contact", licensed(), noon + 21 * day, Reason::expired},
            {"expired after wind-down", licensed(ending), noon + 11 * day, Reason::expired},
            {"winding down", licensed(ending), noon + 10 * day, Reason::windingDown},
            {"revoked", revoked, noon, Reason::revoked},
            {"suspended", suspended, noon, Reason::suspended},
            {"not yet valid", licensed(), noon - day, Reason::notYetValid},
            {"wrong device", elsewhere, noon, Reason::wrongDevice}};
}

TEST(Demo, AllowsThreeBotsAndPaperTrading) {
    const Entitlements e = demo();
    EXPECT_EQ(e.standing, Standing::demo);
    EXPECT_EQ(e.maxBots, 3);
    for (const char* feature : {"paper_trading", "basic_trading", "basic_strategies"}) {
        const Verdict verdict = ask(e, feature);
        EXPECT_TRUE(verdict.allowed) << feature;
        EXPECT_EQ(verdict.reason, Reason::demo);
        EXPECT_EQ(verdict.message, "");
    }
}

TEST(Demo, RefusesLiveTradingWithUpgradeToBasic) {
    const Verdict verdict = ask(demo(), "live_trading");
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.reason, Reason::demoLimited);
    EXPECT_EQ(verdict.message, "Upgrade to Basic");
}

TEST(Demo, RefusesTheRestWithThePlanThatHasIt) {
    EXPECT_EQ(ask(demo(), "advanced_ml").message, "Upgrade to Pro");
    EXPECT_EQ(ask(demo(), "api_access").message, "Upgrade to Pro");
    EXPECT_EQ(ask(demo(), "unlimited_bots").message, "Upgrade to Pro");
    EXPECT_EQ(ask(demo(), "all_strategies").message, "Upgrade to Pro");
    EXPECT_EQ(ask(demo(), "dedicated_support").message, "Upgrade to Enterprise");
    EXPECT_EQ(ask(demo(), "custom_integrations").message, "Upgrade to Enterprise");
}

TEST(Demo, SwitchedOffAllowsNothing) {
    const Catalogue off = lowered(builtin(), {std::nullopt, false});
    const Entitlements e = evaluate({}, off, at(noon));
    EXPECT_EQ(e.maxBots, 0);
    EXPECT_THAT(e.features, testing::IsEmpty());
    for (const std::string& feature : off.features) {
        const Verdict verdict = check(e, off, feature);
        EXPECT_FALSE(verdict.allowed) << feature;
        EXPECT_EQ(verdict.reason, Reason::demoDisabled) << feature;
    }
    EXPECT_EQ(checkQuota(e, off, "bots", 0, 1).reason, Reason::demoDisabled);
    EXPECT_THAT(e.message, HasSubstr("demo mode is switched off"));
}

TEST(Demo, SwitchedOffTakesNothingFromALicense) {
    const Catalogue off = lowered(builtin(), {std::nullopt, false});
    const Entitlements e = evaluate(licensed(), off, at(noon));
    EXPECT_TRUE(check(e, off, "live_trading").allowed);
    EXPECT_EQ(check(e, off, "basic_trading").reason, Reason::demoDisabled) << "only demo would give it";
    EXPECT_EQ(check(e, off, "dedicated_support").reason, Reason::notInPlan);
}

TEST(Licensed, GrantsWhatTheDocumentLists) {
    const Entitlements e = with(ofType("pro"));
    EXPECT_EQ(e.type, "pro");
    EXPECT_EQ(e.maxBots, 100);
    for (const char* feature :
         {"paper_trading", "live_trading", "all_strategies", "basic_strategies", "advanced_ml", "api_access"}) {
        const Verdict verdict = ask(e, feature);
        EXPECT_TRUE(verdict.allowed) << feature;
        EXPECT_EQ(verdict.reason, Reason::granted);
        EXPECT_EQ(verdict.until, noon + 14 * day);
        EXPECT_EQ(verdict.message, "");
    }
}

TEST(Licensed, RefusesWithTheCheapestPlanThatReallyAddsIt) {
    const Verdict support = ask(with(ofType("pro")), "dedicated_support");
    EXPECT_EQ(support.reason, Reason::notInPlan);
    EXPECT_EQ(support.message, "Your pro license does not include \"dedicated_support\". Upgrade to Enterprise.");
    EXPECT_THAT(ask(with(ofType("basic")), "advanced_ml").message, HasSubstr("Upgrade to Pro"));
    EXPECT_THAT(ask(with(ofType("trial")), "live_trading").message, HasSubstr("Upgrade to Basic"));
}

// The plan pro is sold with unlimited bots, a generated pro license has 100: "Upgrade to Pro" would be no advice.
TEST(Licensed, GeneratedProLicenseIsSentToEnterpriseForUnlimitedBots) {
    const Verdict verdict = ask(with(ofType("pro")), "unlimited_bots");
    EXPECT_FALSE(verdict.allowed);
    EXPECT_THAT(verdict.message, HasSubstr("Upgrade to Enterprise"));
}

TEST(Licensed, UnlimitedBotsExactlyWhenBotsAreUnlimited) {
    License license = ofType("pro");
    license.features = {"unlimited_bots"};
    license.maxBots = 100;
    EXPECT_FALSE(ask(with(license), "unlimited_bots").allowed);
    license.features = {};
    license.maxBots = unlimited;
    EXPECT_TRUE(ask(with(license), "unlimited_bots").allowed);
    EXPECT_TRUE(askQuota(with(license), 1'000'000'000, 10'000).allowed);
}

TEST(Licensed, AllFeaturesGrantsNamesNobodyKnowsYet) {
    const Entitlements e = with(ofType("enterprise"));
    EXPECT_TRUE(ask(e, "dedicated_support").allowed);
    EXPECT_TRUE(ask(e, "a_feature_of_tomorrow").allowed);
    EXPECT_EQ(ask(e, "Not A Name").reason, Reason::badName) << "every feature, not every string";
}

TEST(Licensed, NeverHasLessThanDemoGivesToAnybody) {
    for (const char* type : {"trial", "basic", "pro", "enterprise"})
        for (const std::string& feature : builtin().demo.features)
            EXPECT_TRUE(ask(with(ofType(type)), feature).allowed) << type << ' ' << feature;
}

TEST(Licensed, GraceKeepsEveryRightAndNamesItsDeadline) {
    const Entitlements e = with(ofType("pro"), noon + 15 * day);
    EXPECT_EQ(e.maxBots, 100);
    const Verdict verdict = ask(e, "live_trading");
    EXPECT_TRUE(verdict.allowed);
    EXPECT_EQ(verdict.reason, Reason::inGrace);
    EXPECT_EQ(verdict.until, noon + 21 * day);
    EXPECT_THAT(verdict.message,
                AllOf(HasSubstr("every right is kept until 2026-12-13T12:00:00Z"), HasSubstr("import")));
    EXPECT_EQ(askQuota(e, 99).reason, Reason::inGrace);
}

TEST(Licensed, DriftingHardwareIsWarnedOfWithItsDeadline) {
    const State state = step(licensed(), DeviceChanged{Match::drift}, at(noon)).state;
    const Entitlements e = evaluate(state, builtin(), at(noon));
    EXPECT_TRUE(ask(e, "live_trading").allowed);
    EXPECT_THAT(e.message, AllOf(HasSubstr("hardware has changed"), HasSubstr("2026-11-29T12:00:00Z")));
}

TEST(Licensed, RealEndIsSaidInAdvance) {
    License license = ofType("trial");
    license.endsAt = noon + 10 * day;
    EXPECT_THAT(with(license).message, HasSubstr("ends at 2026-12-02T12:00:00Z"));
}

TEST(Fallen, RefusalsNameTheRealCause) {
    for (const Fallen& fallen : fallenStandings()) {
        SCOPED_TRACE(fallen.name);
        const Entitlements e = evaluate(fallen.state, builtin(), at(fallen.t));
        for (const char* feature : {"live_trading", "advanced_ml", "all_strategies"}) {
            const Verdict verdict = ask(e, feature);
            EXPECT_FALSE(verdict.allowed);
            EXPECT_EQ(verdict.reason, fallen.reason) << toString(verdict.reason);
            EXPECT_EQ(verdict.message, e.message);
            EXPECT_EQ(verdict.message.back(), '.');
        }
        EXPECT_EQ(ask(e, "dedicated_support").reason, Reason::notInPlan) << "it was never bought";
        EXPECT_EQ(askQuota(e, 3).reason, fallen.reason);
        EXPECT_EQ(askQuota(e, 100).reason, Reason::quotaExceeded) << "the license itself would not have allowed it";
    }
}

TEST(Fallen, DemoRightsRemain) {
    for (const Fallen& fallen : fallenStandings()) {
        SCOPED_TRACE(fallen.name);
        const Entitlements e = evaluate(fallen.state, builtin(), at(fallen.t));
        EXPECT_EQ(e.maxBots, 3);
        EXPECT_EQ(ask(e, "paper_trading").reason, Reason::demo);
        EXPECT_TRUE(askQuota(e, 2).allowed);
        EXPECT_EQ(askQuota(e, 2).reason, Reason::demo);
    }
}

TEST(Fallen, WithDemoSwitchedOffNothingRemains) {
    const Catalogue off = lowered(builtin(), {std::nullopt, false});
    for (const Fallen& fallen : fallenStandings()) {
        SCOPED_TRACE(fallen.name);
        const Entitlements e = evaluate(fallen.state, off, at(fallen.t));
        EXPECT_EQ(e.maxBots, 0);
        for (const std::string& feature : off.features) EXPECT_FALSE(check(e, off, feature).allowed) << feature;
        EXPECT_EQ(check(e, off, "live_trading").reason, fallen.reason);
        EXPECT_EQ(checkQuota(e, off, "bots", 0, 1).reason, fallen.reason);
    }
}

TEST(Fallen, MessagesSayWhatBecomesOfRunningBots) {
    const auto fallen = fallenStandings();
    const auto message = [&](std::size_t i) { return evaluate(fallen[i].state, builtin(), at(fallen[i].t)).message; };
    EXPECT_THAT(message(0), AllOf(HasSubstr("expired at 2026-12-13T12:00:00Z"), HasSubstr("Running bots may go on")));
    EXPECT_THAT(message(1),
                AllOf(HasSubstr("expired at 2026-12-02T12:00:00Z"), testing::Not(HasSubstr("Running bots"))));
    EXPECT_THAT(message(2), HasSubstr("may finish until 2026-12-03T12:00:00Z"));
    EXPECT_THAT(message(5), HasSubstr("not valid before 2026-11-22T12:00:00Z"));
    EXPECT_THAT(message(6), AllOf(HasSubstr("other hardware"), HasSubstr("may finish until")));
}

TEST(Fallen, HeldSlotsAreToldApart) {
    const auto fallen = fallenStandings();
    const auto e = [&](std::size_t i) { return evaluate(fallen[i].state, builtin(), at(fallen[i].t)); };
    EXPECT_TRUE(e(0).keepsHeldSlots);
    EXPECT_EQ(e(0).windDownUntil, std::nullopt);
    EXPECT_FALSE(e(1).keepsHeldSlots);
    EXPECT_EQ(e(1).windDownUntil, std::nullopt);
    EXPECT_FALSE(e(2).keepsHeldSlots);
    EXPECT_EQ(e(2).windDownUntil, noon + 11 * day);
    EXPECT_EQ(e(2).until, noon + 11 * day);
}

TEST(Names, UnknownAndImpossibleOnesAreToldApart) {
    EXPECT_EQ(ask(demo(), "time_travel").reason, Reason::unknownName);
    EXPECT_EQ(ask(with(ofType("pro")), "time_travel").reason, Reason::unknownName);
    for (const std::string& name :
         {std::string(), std::string("Live Trading"), std::string("a\nb"), std::string(1'000'000, 'a')}) {
        const Verdict verdict = ask(demo(), name);
        EXPECT_EQ(verdict.reason, Reason::badName);
        EXPECT_LT(verdict.message.size(), 200u) << "nothing of the caller's is echoed";
    }
    EXPECT_EQ(checkQuota(demo(), builtin(), "cats", 0, 1).reason, Reason::unknownName);
    EXPECT_EQ(checkQuota(demo(), builtin(), "CATS!", 0, 1).reason, Reason::badName);
}

TEST(Quota, RefusalSaysHowManyAndWhatToDo) {
    EXPECT_TRUE(askQuota(demo(), 2).allowed);
    const Verdict full = askQuota(demo(), 3);
    EXPECT_EQ(full.reason, Reason::quotaExceeded);
    EXPECT_EQ(full.message, "3 of 3 bots are in use. Stop some, or upgrade to Free (5 bots).");
    EXPECT_EQ(askQuota(with(ofType("basic")), 8, 5).message,
              "8 of 10 bots are in use and 5 more were asked for. Stop some, or upgrade to Pro (unlimited bots).");
    EXPECT_THAT(askQuota(with(ofType("pro")), 100).message, HasSubstr("upgrade to Enterprise"));
}

TEST(Quota, HugeNumbersAreAnswered) {
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_FALSE(askQuota(demo(), most, most).allowed);
    EXPECT_FALSE(askQuota(demo(), 0, most).allowed);
    EXPECT_FALSE(askQuota(demo(), most, 1).allowed);
    EXPECT_TRUE(askQuota(with(ofType("enterprise")), most, most).allowed);
}

TEST(LocalLimits, CeilingLowersDemoAndLicense) {
    const Catalogue low = lowered(builtin(), {2, true});
    EXPECT_EQ(evaluate({}, low, at(noon)).maxBots, 2);
    EXPECT_EQ(evaluate(licensed(), low, at(noon)).maxBots, 2);
    const Entitlements enterprise = evaluate(licensed(ofType("enterprise")), low, at(noon));
    EXPECT_EQ(enterprise.maxBots, 2);
    const Verdict verdict = check(enterprise, low, "unlimited_bots");
    EXPECT_FALSE(verdict.allowed);
    EXPECT_THAT(verdict.message, HasSubstr("This machine's configuration allows 2 bots"));
    EXPECT_THAT(checkQuota(enterprise, low, "bots", 2, 1).message, HasSubstr("this machine's administrator"));
}

TEST(LocalLimits, NumbersBelowZeroAreZeroAndUnlimitedLowersNothing) {
    EXPECT_EQ(lowered(builtin(), {unlimited, true}), builtin());
    EXPECT_EQ(evaluate(licensed(), lowered(builtin(), {-2, true}), at(noon)).maxBots, 0);
    EXPECT_EQ(evaluate(licensed(), lowered(lowered(builtin(), {2, true}), {50, true}), at(noon)).maxBots, 2);
    Catalogue off = builtin();
    off.demo.enabled = false;
    EXPECT_FALSE(lowered(off, {std::nullopt, true}).demo.enabled);
}

License anyLicense() {
    License license = sampleLicense();
    license.features = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(builtin().features));
    license.maxBots = *rc::gen::inRange<std::int64_t>(-1, 12);
    license.type = *rc::gen::element<std::string>("trial", "pro", "tomorrow");
    license.plan = *rc::gen::element<std::string>("free", "basic", "pro", "enterprise", "tomorrow");
    if (*rc::gen::arbitrary<bool>()) license.endsAt = noon + Seconds{*rc::gen::inRange(1, 30 * 86'400)};
    return license;
}

State anyState() {
    if (*rc::gen::inRange(0, 4) == 0) return {};
    State state;
    state.current = anyLicense();
    state.binding.match = *rc::gen::element(Match::same, Match::drift, Match::different);
    state.binding.driftSince = noon;
    if (*rc::gen::inRange(0, 4) == 0) state.ended = Ended{Standing::revoked, noon};
    return state;
}

Instant anyInstant() {
    return noon + Seconds{*rc::gen::inRange(-86'400, 40 * 86'400)};
}

RC_GTEST_PROP(EntitlementsProperty, LocalLimitsOnlyLower, ()) {
    const State state = anyState();
    const Now now = at(anyInstant());
    LocalLimits limits;
    if (*rc::gen::arbitrary<bool>()) limits.maxBots = *rc::gen::inRange<std::int64_t>(-5, 20);
    limits.demoEnabled = *rc::gen::arbitrary<bool>();
    const Catalogue low = lowered(builtin(), limits);
    const Entitlements before = evaluate(state, builtin(), now);
    const Entitlements after = evaluate(state, low, now);
    for (const std::string& feature : builtin().features)
        RC_ASSERT(!check(after, low, feature).allowed || check(before, builtin(), feature).allowed);
    const std::uint64_t inUse = *rc::gen::inRange<std::uint64_t>(0, 20);
    RC_ASSERT(!checkQuota(after, low, "bots", inUse, 1).allowed ||
              checkQuota(before, builtin(), "bots", inUse, 1).allowed);
    RC_ASSERT(before.maxBots == unlimited || (after.maxBots >= 0 && after.maxBots <= before.maxBots));
}

RC_GTEST_PROP(EntitlementsProperty, EveryRefusalHasAReasonAndAMessage, (const std::string& text)) {
    const Entitlements e = evaluate(anyState(), builtin(), at(anyInstant()));
    RC_ASSERT(!e.message.empty());
    std::vector<std::string> names = builtin().features;
    names.push_back(text);
    names.emplace_back("time_travel");
    for (const std::string& name : names) {
        const Verdict verdict = check(e, builtin(), name);
        const bool grants =
            verdict.reason == Reason::granted || verdict.reason == Reason::demo || verdict.reason == Reason::inGrace;
        RC_ASSERT(verdict.allowed == grants);
        if (!verdict.allowed) RC_ASSERT(!verdict.message.empty());
    }
}

RC_GTEST_PROP(EntitlementsProperty, AdviceReallyHelps, ()) {
    // Whoever follows "Upgrade to X" has the feature afterwards, and X is dearer than what he has.
    const State state = anyState();
    const Entitlements e = evaluate(state, builtin(), at(noon));
    const std::string feature = *rc::gen::elementOf(builtin().features);
    const Verdict verdict = check(e, builtin(), feature);
    if (verdict.allowed) return;
    for (const Plan& plan : builtin().plans) {
        std::string title = plan.name;
        title[0] = static_cast<char>(title[0] - 'a' + 'A');
        if (verdict.message.find("Upgrade to " + title) == std::string::npos) continue;
        RC_ASSERT(plan.name != e.plan);
        RC_ASSERT(holds(plan.features, plan.maxBots, feature));
    }
}

RC_GTEST_PROP(EntitlementsProperty, WithoutALicenseInForceItIsDemo, ()) {
    const State state = anyState();
    const Now now = at(anyInstant());
    const Entitlements e = evaluate(state, builtin(), now);
    if (inForce(e.standing)) return;
    for (const std::string& feature : builtin().features)
        RC_ASSERT(ask(e, feature).allowed == ask(demo(), feature).allowed);
    RC_ASSERT(e.maxBots == demo().maxBots);
}

TEST(Reasons, EachHasAName) {
    for (int i = 0; i <= static_cast<int>(Reason::demoDisabled); ++i)
        EXPECT_NE(toString(static_cast<Reason>(i)), "unknown") << i;
    EXPECT_EQ(toString(Reason::notInPlan), "not-in-plan");
    EXPECT_EQ(toString(static_cast<Reason>(200)), "unknown");
}

}  // namespace
}  // namespace entitle
