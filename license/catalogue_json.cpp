// Overrides of the catalogue, as JSON of the authority's operator: refused with a sentence rather than half understood.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "license/catalogue.h"
#include "license/claims.h"
#include "license/license.h"

namespace entitle {
namespace {

namespace json = boost::json;

constexpr std::size_t maxOverrideBytes = 64 * 1024;
constexpr std::int64_t maxBotsEver = 1'000'000'000;
constexpr std::int64_t maxCents = 1'000'000'000'000;
constexpr std::int64_t maxDays = 36'500;
constexpr std::size_t maxMessage = 200;

std::string_view view(json::string_view text) {
    return {text.data(), text.size()};
}

// Walks the members of one object; the first fault wins and stays. `path` names the object for people: "plans.pro".
class Members {
  public:
    Members(const json::value& value, std::string path, std::string& fault) : path_(std::move(path)), fault_(fault) {
        object_ = value.if_object();
        if (object_ == nullptr) say("", "must be an object");
    }
    // After the last member was asked for: whatever was not, is unknown.
    void finish() {
        if (object_ == nullptr) return;
        for (const auto& member : *object_)
            if (std::find(asked_.begin(), asked_.end(), view(member.key())) == asked_.end())
                say(view(member.key()), "is not a known member");
    }

    const json::value* find(std::string_view name) {
        asked_.emplace_back(name);
        if (object_ == nullptr) return nullptr;
        return object_->if_contains(json::string_view(name.data(), name.size()));
    }
    void require(std::initializer_list<std::string_view> names) {
        if (object_ == nullptr) return;
        for (const std::string_view name : names)
            if (!object_->contains(json::string_view(name.data(), name.size())))
                say(name, "is missing, and required for a new entry");
    }

    void integer(std::string_view name, std::int64_t least, std::int64_t most, std::int64_t& out) {
        const json::value* value = find(name);
        if (value == nullptr) return;
        if (!value->is_int64() || value->get_int64() < least || value->get_int64() > most)
            return say(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
        out = value->get_int64();
    }
    void boolean(std::string_view name, bool& out) {
        const json::value* value = find(name);
        if (value == nullptr) return;
        if (!value->is_bool()) return say(name, "must be true or false");
        out = value->get_bool();
    }
    void name(std::string_view member, std::string& out) {
        const json::value* value = find(member);
        if (value == nullptr) return;
        if (!value->is_string() || !isName(view(value->get_string()))) return say(member, nameRule);
        out = view(value->get_string());
    }
    void features(std::string_view member, std::vector<std::string>& out) {
        const json::value* value = find(member);
        if (value == nullptr) return;
        const json::array* list = value->if_array();
        if (list == nullptr) return say(member, "must be a list of feature names");
        std::vector<std::string> names;
        for (const json::value& item : *list) {
            if (!item.is_string() || !isName(view(item.get_string()))) return say(member, nameRule);
            names.emplace_back(view(item.get_string()));
        }
        std::vector<std::string> sorted = names;
        std::sort(sorted.begin(), sorted.end());
        if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
            return say(member, "must not name a feature twice");
        out = std::move(names);
    }
    template <class Each>
    void each(std::string_view member, Each each) {
        const json::value* value = find(member);
        if (value == nullptr) return;
        const json::object* entries = value->if_object();
        if (entries == nullptr) return say(member, "must be an object");
        for (const auto& entry : *entries) {
            if (!isName(view(entry.key()))) return say(member, "has a name that must be 1 to 48 of [a-z0-9_]");
            each(view(entry.key()), entry.value(), pathOf(member) + '.' + std::string(view(entry.key())));
        }
    }

    void say(std::string_view member, std::string_view what) {
        if (fault_.empty()) fault_ = "The catalogue's \"" + pathOf(member) + "\" " + std::string(what) + '.';
    }

  private:
    static constexpr std::string_view nameRule = "must be made of names of 1 to 48 of [a-z0-9_]";
    std::string pathOf(std::string_view member) const {
        if (path_.empty() || member.empty()) return path_ + std::string(member);
        return path_ + '.' + std::string(member);
    }

    const json::object* object_ = nullptr;
    std::string path_;
    std::string& fault_;
    std::vector<std::string> asked_;
};

// The entry of that name, or a new one at the end.
template <class T>
T& entryOf(std::vector<T>& list, std::string_view name, bool& isNew) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const T& item) { return item.name == name; });
    isNew = found == list.end();
    if (!isNew) return *found;
    list.emplace_back().name = name;
    return list.back();
}

void readPlan(Catalogue& catalogue, std::string_view name, const json::value& value, const std::string& path,
              std::string& fault) {
    bool isNew = false;
    Plan& plan = entryOf(catalogue.plans, name, isNew);
    Members members(value, path, fault);
    if (isNew) members.require({"monthly_cents", "max_bots", "features"});
    members.integer("monthly_cents", 0, maxCents, plan.monthlyCents);
    members.integer("max_bots", unlimited, maxBotsEver, plan.maxBots);
    members.features("features", plan.features);
    members.finish();
}

void readType(Catalogue& catalogue, std::string_view name, const json::value& value, const std::string& path,
              std::string& fault) {
    bool isNew = false;
    LicenseType& type = entryOf(catalogue.types, name, isNew);
    Members members(value, path, fault);
    if (isNew) members.require({"code", "duration_days", "max_bots", "features", "plan"});
    std::int64_t code = type.code;
    members.integer("code", 0, 15, code);
    if (!isNew && code != type.code) members.say("code", "can never change: keys in the field carry it");
    const bool taken = std::any_of(catalogue.types.begin(), catalogue.types.end(),
                                   [&](const LicenseType& t) { return &t != &type && t.code == code; });
    if (taken) members.say("code", "belongs to another type");
    type.code = static_cast<std::uint8_t>(code);
    std::int64_t days = type.durationDays.value_or(0);
    members.integer("duration_days", 0, maxDays, days);
    type.durationDays = days == 0 ? std::nullopt : std::optional<int>(static_cast<int>(days));
    members.integer("max_bots", unlimited, maxBotsEver, type.maxBots);
    members.features("features", type.features);
    members.name("plan", type.plan);
    members.finish();
}

void readDemo(Demo& demo, const json::value& value, std::string& fault) {
    Members members(value, "demo", fault);
    members.boolean("enabled", demo.enabled);
    members.integer("max_bots", 0, maxBotsEver, demo.maxBots);
    members.features("features", demo.features);
    std::vector<DemoFlag> flags;
    members.each("flags", [&](std::string_view feature, const json::value& message, const std::string& path) {
        const json::string* text = message.if_string();
        const bool good = text != nullptr && !text->empty() && text->size() <= maxMessage &&
                          std::none_of(text->begin(), text->end(),
                                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
        if (!good && fault.empty())
            fault = "The catalogue's \"" + path + "\" must be a message of 1 to " + std::to_string(maxMessage) +
                    " bytes without control characters.";
        if (good) flags.push_back({std::string(feature), std::string(view(*text))});
    });
    if (members.find("flags") != nullptr) demo.flags = std::move(flags);
    members.finish();
}

// Names that an override brought in become known, in the order met.
void learnFeatures(Catalogue& catalogue) {
    const auto learn = [&](const std::string& name) {
        if (std::find(catalogue.features.begin(), catalogue.features.end(), name) == catalogue.features.end())
            catalogue.features.push_back(name);
    };
    for (const Plan& plan : catalogue.plans) std::for_each(plan.features.begin(), plan.features.end(), learn);
    for (const LicenseType& type : catalogue.types) std::for_each(type.features.begin(), type.features.end(), learn);
    std::for_each(catalogue.demo.features.begin(), catalogue.demo.features.end(), learn);
    for (const DemoFlag& flag : catalogue.demo.flags) learn(flag.feature);
}

// What must hold between the members, whatever each says for itself.
template <class T>
void checkUnlimited(const std::vector<T>& entries, std::string_view list, std::string& fault) {
    for (const T& entry : entries) {
        const bool named =
            std::find(entry.features.begin(), entry.features.end(), "unlimited_bots") != entry.features.end();
        if (named && entry.maxBots != unlimited && fault.empty())
            fault = "The catalogue's \"" + std::string(list) + '.' + entry.name +
                    ".features\" names unlimited_bots, which goes with max_bots -1 and nothing else.";
    }
}

}  // namespace

boost::system::result<Catalogue, std::string> overrideCatalogue(const Catalogue& base, std::string_view text) {
    if (text.size() > maxOverrideBytes) return std::string("The catalogue is over 64 KiB.");
    ClaimLimits limits;
    limits.depth = 6;
    limits.values = 4096;
    limits.bytes = maxOverrideBytes;
    const std::optional<json::object> parsed = readClaims(text, limits);
    if (!parsed)
        return std::string(
            "The catalogue is not a strict JSON object: look for a duplicate member, a null, a fraction, a trailing "
            "comma, a nesting over 6, or over 64 members in one object.");

    Catalogue catalogue = base;
    std::string fault;
    const json::value root(*parsed);
    Members members(root, "", fault);
    members.each("plans", [&](std::string_view name, const json::value& value, const std::string& path) {
        readPlan(catalogue, name, value, path, fault);
    });
    members.each("types", [&](std::string_view name, const json::value& value, const std::string& path) {
        readType(catalogue, name, value, path, fault);
    });
    if (const json::value* demo = members.find("demo")) readDemo(catalogue.demo, *demo, fault);
    members.finish();

    checkUnlimited(catalogue.plans, "plans", fault);
    checkUnlimited(catalogue.types, "types", fault);
    for (const LicenseType& type : catalogue.types)
        if (catalogue.plan(type.plan) == nullptr && fault.empty())
            fault = "The catalogue's \"types." + type.name + ".plan\" names \"" + type.plan + "\", which is no plan.";
    if (!fault.empty()) return fault;

    std::stable_sort(catalogue.plans.begin(), catalogue.plans.end(),
                     [](const Plan& a, const Plan& b) { return a.monthlyCents < b.monthlyCents; });
    learnFeatures(catalogue);
    return catalogue;
}

}  // namespace entitle
