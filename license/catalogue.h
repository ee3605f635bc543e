// Plans, license types, feature names and demo flags: the product's tables, built in; the authority may override them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

namespace entitle {

// What a customer buys (monthly price in US cents). free 5 bots, basic 20, pro and enterprise unlimited.
struct Plan {
    std::string name;
    std::int64_t monthlyCents = 0;
    std::int64_t maxBots = 0;
    std::vector<std::string> features;  // complete, what lower plans add included
    bool operator==(const Plan&) const = default;
};

// What an admin generates: trial (14 days, 3 bots), basic 10, pro 100, enterprise unlimited with all_features.
struct LicenseType {
    std::string name;
    std::uint8_t code = 0;            // the 4 bits inside a license key; never reused
    std::optional<int> durationDays;  // none: no expiration
    std::int64_t maxBots = 0;
    std::vector<std::string> features;
    std::string plan;  // the plan it stands for
    bool operator==(const LicenseType&) const = default;
};

// A feature that demo mode names but refuses, with words of its own: {"live_trading", "Upgrade to Basic"} …
struct DemoFlag {
    std::string feature;
    std::string message;
    bool operator==(const DemoFlag&) const = default;
};

struct Demo {
    bool enabled = true;                // ENABLE_DEMO_MODE
    std::int64_t maxBots = 3;           // DEMO_MODE_MAX_BOTS
    std::vector<std::string> features;  // paper_trading, basic_trading, basic_strategies
    std::vector<DemoFlag> flags;
    bool operator==(const Demo&) const = default;
};

struct Catalogue {
    std::vector<Plan> plans;  // cheapest first
    std::vector<LicenseType> types;
    std::vector<std::string> features;  // every feature known, in the order people see them
    std::vector<std::string> quotas;    // {"bots"}
    Demo demo;
    std::optional<std::int64_t> localMaxBots;  // this machine's own ceiling, from LocalLimits; never from JSON
    bool operator==(const Catalogue&) const = default;

    const Plan* plan(std::string_view name) const;
    const LicenseType* type(std::string_view name) const;
    const LicenseType* typeByCode(std::uint8_t code) const;
    // The cheapest plan that has `feature` and is dearer than `currentPlan`; never currentPlan itself. nullptr when
    // none is, or when currentPlan is unknown, for nobody knows then what is dearer. An empty currentPlan is demo.
    const Plan* cheapestPlanWith(std::string_view feature, std::string_view currentPlan) const;
    // The same for a number of bots.
    const Plan* cheapestPlanFor(std::uint64_t bots, std::string_view currentPlan) const;
};

// Does a set of features with this number of bots hold `feature`, implications included? No allocation.
//   unlimited_bots  exactly when maxBots is `unlimited`, whatever the set says
//   all_features    every other name, known or not
//   all_strategies  basic_strategies
bool holds(const std::vector<std::string>& features, std::int64_t maxBots, std::string_view feature);

const Catalogue& builtinCatalogue();

// JSON overrides (authority side), strict: at most 64 KiB and depth 6, no duplicate or unknown member.
//   {"plans": {"pro": {"monthly_cents": 9900, "max_bots": -1, "features": ["paper_trading", …]}, …},
//    "types": {"trial": {"code": 1, "duration_days": 14, "max_bots": 3, "features": […], "plan": "free"}, …},
//    "demo":  {"enabled": true, "max_bots": 3, "features": […], "flags": {"live_trading": "Upgrade to Basic", …}}}
// Every member is optional for a plan or type that exists and required for a new one; a list replaces the whole list.
// duration_days 0 is "no end". The code of a type never changes. The error is a sentence that names the member at
// fault.
boost::system::result<Catalogue, std::string> overrideCatalogue(const Catalogue&, std::string_view json);

// The set with what it implies: all_strategies brings basic_strategies, unlimited_bots exactly when maxBots is -1.
// all_features stays itself: it implies every feature, known or not. Sorted as in the catalogue, unknown names last.
std::vector<std::string> expandFeatures(const Catalogue&, std::vector<std::string>, std::int64_t maxBots);

// What may stand as a feature, quota, plan or type name: 1 to 48 of [a-z0-9_].
bool isName(std::string_view);

}  // namespace entitle
