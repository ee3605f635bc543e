// Plans, license types, feature names and demo flags: the seed's tables, built in; a signed authority may override.
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
    std::uint8_t code = 0;               // the 4 bits inside a license key; never reused
    std::optional<int> durationDays;     // none: no expiration
    std::int64_t maxBots = 0;
    std::vector<std::string> features;
    std::string plan;                    // the plan it stands for
    bool operator==(const LicenseType&) const = default;
};

// A feature that demo mode names but refuses, with the seed's words: {"live_trading", "Upgrade to Basic"} …
struct DemoFlag {
    std::string feature;
    std::string message;
    bool operator==(const DemoFlag&) const = default;
};

struct Demo {
    bool enabled = true;             // ENABLE_DEMO_MODE
    std::int64_t maxBots = 3;        // DEMO_MODE_MAX_BOTS
    std::vector<std::string> features;   // paper_trading, basic_trading, basic_strategies
    std::vector<DemoFlag> flags;
    bool operator==(const Demo&) const = default;
};

struct Catalogue {
    std::vector<Plan> plans;                 // cheapest first
    std::vector<LicenseType> types;
    std::vector<std::string> features;       // every feature known, in the order people see them
    std::vector<std::string> quotas;         // {"bots"}
    Demo demo;
    bool operator==(const Catalogue&) const = default;

    const Plan* plan(std::string_view name) const;
    const LicenseType* type(std::string_view name) const;
    const LicenseType* typeByCode(std::uint8_t code) const;
    // The cheapest plan that adds `feature` to what `currentPlan` has and is dearer than it; never currentPlan itself.
    // nullptr when none does. An empty currentPlan is demo.
    const Plan* cheapestPlanWith(std::string_view feature, std::string_view currentPlan) const;
};

const Catalogue& builtinCatalogue();

// JSON overrides (authority side): an object with any of "plans", "types", "demo"; unknown members are refused.
// At most 64 KiB, depth 6. The error is a sentence that names the member at fault.
boost::system::result<Catalogue, std::string> overrideCatalogue(const Catalogue&, std::string_view json);

// The set with what it implies: all_strategies brings basic_strategies, unlimited_bots exactly when maxBots is -1.
// all_features stays itself: it implies every feature, known or not. Sorted as in the catalogue, unknown names last.
std::vector<std::string> expandFeatures(const Catalogue&, std::vector<std::string>, std::int64_t maxBots);

// What may stand as a feature, quota, plan or type name: 1 to 48 of [a-z0-9_].
bool isName(std::string_view);

}  // namespace entitle
