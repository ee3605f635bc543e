#include "license/catalogue.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "license/license.h"

namespace entitle {
namespace {

constexpr std::string_view allFeatures = "all_features";
constexpr std::string_view unlimitedBots = "unlimited_bots";
constexpr std::string_view allStrategies = "all_strategies";
constexpr std::string_view basicStrategies = "basic_strategies";

bool contains(const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

template <class T>
const T* named(const std::vector<T>& list, std::string_view name) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const T& item) { return item.name == name; });
    return found == list.end() ? nullptr : &*found;
}

// The cheapest plan dearer than currentPlan for which `suits` holds. Plans are sorted by price.
template <class Suits>
const Plan* cheapest(const Catalogue& catalogue, std::string_view currentPlan, Suits suits) {
    std::int64_t paid = -1;  // demo costs less than a free account
    if (!currentPlan.empty()) {
        const Plan* current = catalogue.plan(currentPlan);
        if (current == nullptr) return nullptr;
        paid = current->monthlyCents;
    }
    for (const Plan& plan : catalogue.plans)
        if (plan.monthlyCents > paid && plan.name != currentPlan && suits(plan)) return &plan;
    return nullptr;
}

Catalogue makeBuiltin() {
    Catalogue c;
    // The price table names no strategies. A plan has those of the license type of its name, and a free account the
    // ones that demo has: nobody loses a feature by signing up.
    c.plans = {
        {"free", 0, 5, {"basic_trading", "paper_trading", "basic_strategies"}},
        {"basic", 4900, 20, {"basic_trading", "paper_trading", "basic_strategies", "live_trading"}},
        {"pro",
         9900,
         unlimited,
         {"basic_trading", "paper_trading", "basic_strategies", "all_strategies", "live_trading", "advanced_ml",
          "api_access", "unlimited_bots"}},
        {"enterprise",
         29900,
         unlimited,
         {"basic_trading", "paper_trading", "basic_strategies", "all_strategies", "live_trading", "advanced_ml",
          "api_access", "unlimited_bots", "dedicated_support", "custom_integrations"}},
    };
    // A pro license carries api_access although the type's original list stops at advanced_ml: the plan sells it and
    // demo refuses it with "Upgrade to Pro", so a pro license without it would send its owner to buy what he has.
    c.types = {
        {"trial", 1, 14, 3, {"paper_trading", "basic_strategies"}, "free"},
        {"basic", 2, std::nullopt, 10, {"paper_trading", "live_trading", "basic_strategies"}, "basic"},
        {"pro",
         3,
         std::nullopt,
         100,
         {"paper_trading", "live_trading", "all_strategies", "advanced_ml", "api_access"},
         "pro"},
        {"enterprise", 4, std::nullopt, unlimited, {"all_features"}, "enterprise"},
    };
    c.features = {"basic_trading",     "paper_trading",       "live_trading", "basic_strategies",
                  "all_strategies",    "advanced_ml",         "api_access",   "unlimited_bots",
                  "dedicated_support", "custom_integrations", "all_features"};
    c.quotas = {"bots"};
    c.demo.features = {"basic_trading", "paper_trading", "basic_strategies"};
    c.demo.flags = {{"live_trading", "Upgrade to Basic"},
                    {"advanced_ml", "Upgrade to Pro"},
                    {"api_access", "Upgrade to Pro"},
                    {"unlimited_bots", "Upgrade to Pro"}};
    return c;
}

}  // namespace

const Plan* Catalogue::plan(std::string_view name) const {
    return named(plans, name);
}

const LicenseType* Catalogue::type(std::string_view name) const {
    return named(types, name);
}

const LicenseType* Catalogue::typeByCode(std::uint8_t code) const {
    const auto found = std::find_if(types.begin(), types.end(), [&](const LicenseType& t) { return t.code == code; });
    return found == types.end() ? nullptr : &*found;
}

const Plan* Catalogue::cheapestPlanWith(std::string_view feature, std::string_view currentPlan) const {
    return cheapest(*this, currentPlan, [&](const Plan& p) { return holds(p.features, p.maxBots, feature); });
}

const Plan* Catalogue::cheapestPlanFor(std::uint64_t bots, std::string_view currentPlan) const {
    return cheapest(*this, currentPlan, [&](const Plan& p) {
        return p.maxBots == unlimited || (p.maxBots >= 0 && static_cast<std::uint64_t>(p.maxBots) >= bots);
    });
}

const Catalogue& builtinCatalogue() {
    static const Catalogue builtin = makeBuiltin();
    return builtin;
}

bool holds(const std::vector<std::string>& features, std::int64_t maxBots, std::string_view feature) {
    if (feature == unlimitedBots) return maxBots == unlimited;
    for (const std::string& held : features)
        if (held == feature || held == allFeatures || (held == allStrategies && feature == basicStrategies))
            return true;
    return false;
}

std::vector<std::string> expandFeatures(const Catalogue& catalogue, std::vector<std::string> features,
                                        std::int64_t maxBots) {
    features.erase(std::remove(features.begin(), features.end(), unlimitedBots), features.end());
    if (maxBots == unlimited) features.emplace_back(unlimitedBots);
    if (contains(features, allStrategies)) features.emplace_back(basicStrategies);
    const auto rank = [&](const std::string& name) {
        return std::find(catalogue.features.begin(), catalogue.features.end(), name) - catalogue.features.begin();
    };
    std::sort(features.begin(), features.end(), [&](const std::string& a, const std::string& b) {
        const auto left = rank(a);
        const auto right = rank(b);
        return left != right ? left < right : a < b;
    });
    features.erase(std::unique(features.begin(), features.end()), features.end());
    return features;
}

bool isName(std::string_view text) {
    return !text.empty() && text.size() <= 48 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

}  // namespace entitle
