#include "license/fingerprint_claim.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "license/catalogue.h"
#include "license/claims.h"
#include "license/identifiers.h"

namespace entitle {
namespace {

namespace json = boost::json;

constexpr int maxWeight = 100;

std::optional<FingerprintComponent> readComponent(std::string_view name, const json::value& value) {
    if (!isName(name) || !value.is_array()) return std::nullopt;
    const auto& items = value.get_array();
    if (items.size() < 2 || items.size() > 1 + maxComponentHashes || !items[0].is_int64()) return std::nullopt;
    if (items[0].get_int64() < 1 || items[0].get_int64() > maxWeight) return std::nullopt;

    FingerprintComponent component;
    component.name = name;
    component.weight = static_cast<int>(items[0].get_int64());
    for (std::size_t i = 1; i < items.size(); ++i) {
        if (!items[i].is_string() || !isOpaqueId(items[i].get_string())) return std::nullopt;
        std::string hash(items[i].get_string());
        if (std::find(component.hashes.begin(), component.hashes.end(), hash) != component.hashes.end())
            return std::nullopt;
        component.hashes.push_back(std::move(hash));
    }
    return component;
}

}  // namespace

json::object fingerprintClaim(const FingerprintTemplate& fingerprint) {
    json::object components;
    for (const auto& component : fingerprint.components) {
        json::array items{component.weight};
        for (const auto& hash : component.hashes) items.emplace_back(hash);
        components.emplace(component.name, std::move(items));
    }
    json::object claim;
    claim.emplace("v", fingerprint.version);
    claim.emplace("vm", fingerprint.virtualMachine);
    claim.emplace("c", std::move(components));
    return claim;
}

std::optional<FingerprintTemplate> readFingerprintClaim(const json::object& claim) {
    ClaimReader reader(claim);
    FingerprintTemplate fingerprint;
    fingerprint.version = static_cast<int>(reader.integer("v", 1, 1));
    fingerprint.virtualMachine = reader.boolean("vm");
    const auto& components = reader.object("c");
    if (!reader.good() || components.size() > maxComponents) return std::nullopt;
    for (const auto& [name, value] : components) {
        auto component = readComponent(name, value);
        if (!component) return std::nullopt;
        if (!fingerprint.components.empty() && fingerprint.components.back().name >= component->name)
            return std::nullopt;
        fingerprint.components.push_back(std::move(*component));
    }
    return fingerprint;
}

}  // namespace entitle
