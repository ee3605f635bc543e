#include "license/document.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "license/catalogue.h"
#include "license/claims.h"
#include "license/fingerprint_claim.h"
#include "license/identifiers.h"

namespace entitle {
namespace {

namespace json = boost::json;

Assertion assertionFor(const std::string& authority, const DeviceId& device) {
    return {Purpose::license, authority, {device.value}};
}

// The one byte form of a license. Order, spacing and the absence of empty optional claims are part of the format.
std::string encode(const License& license) {
    json::object claims;
    claims.emplace("iss", license.authority);
    claims.emplace("sub", license.id.value);
    claims.emplace("dev", license.device.value);
    claims.emplace("fp", fingerprintClaim(license.fingerprint));
    claims.emplace("iat", toRfc3339(license.issuedAt));
    claims.emplace("nbf", toRfc3339(license.notBefore));
    claims.emplace("exp", toRfc3339(license.freshUntil));
    if (license.endsAt) claims.emplace("lic_exp", toRfc3339(*license.endsAt));
    claims.emplace("type", license.type);
    claims.emplace("plan", license.plan);
    claims.emplace("features", json::array(license.features.begin(), license.features.end()));
    claims.emplace("max_bots", license.maxBots);
    if (license.botsLeased) claims.emplace("bots_leased", *license.botsLeased);
    claims.emplace("offline_s", license.offline.count());
    claims.emplace("grace_s", license.grace.count());
    claims.emplace("wind_down_s", license.windDown.count());
    claims.emplace("check_s", license.check.count());
    claims.emplace("seq", license.sequence);
    if (!license.nonce.empty()) claims.emplace("nonce", license.nonce);
    return json::serialize(claims);
}

std::optional<std::vector<std::string>> readFeatures(const json::array& items) {
    if (items.size() > maxFeatures) return std::nullopt;
    std::vector<std::string> features;
    for (const auto& item : items) {
        if (!item.is_string() || !isName(item.get_string())) return std::nullopt;
        std::string name(item.get_string());
        if (std::find(features.begin(), features.end(), name) != features.end()) return std::nullopt;
        features.push_back(std::move(name));
    }
    return features;
}

std::optional<License> decode(std::string_view payload) {
    const auto claims = readClaims(payload);
    if (!claims) return std::nullopt;
    ClaimReader reader(*claims);
    const auto duration = [&](std::string_view name) { return Seconds{reader.integer(name, 0, maxDuration.count())}; };

    License license;
    license.authority = reader.text("iss");
    license.id.value = reader.text("sub");
    license.device.value = reader.text("dev");
    auto fingerprint = readFingerprintClaim(reader.object("fp"));
    license.issuedAt = reader.instant("iat");
    license.notBefore = reader.instant("nbf");
    license.freshUntil = reader.instant("exp");
    license.endsAt = reader.optionalInstant("lic_exp");
    license.type = reader.text("type");
    license.plan = reader.text("plan");
    auto features = readFeatures(reader.array("features"));
    license.maxBots = reader.integer("max_bots", unlimited, maxBotsLimit);
    license.botsLeased = reader.optionalInteger("bots_leased", 0, maxBotsLimit);
    license.offline = duration("offline_s");
    license.grace = duration("grace_s");
    license.windDown = duration("wind_down_s");
    license.check = duration("check_s");
    license.sequence = static_cast<std::uint64_t>(reader.integer("seq", 1, std::numeric_limits<std::int64_t>::max()));
    license.nonce = reader.optionalText("nonce");

    reader.require(isAuthorityId(license.authority) && isLicenseId(license.id.value));
    reader.require(isOpaqueId(license.device.value) && (license.nonce.empty() || isOpaqueId(license.nonce)));
    reader.require(isName(license.type) && isName(license.plan));
    reader.require(!license.botsLeased || license.maxBots == unlimited || *license.botsLeased <= license.maxBots);
    reader.require(license.notBefore <= license.freshUntil && license.issuedAt <= license.freshUntil);
    if (!reader.good() || !fingerprint || !features) return std::nullopt;
    license.fingerprint = std::move(*fingerprint);
    license.features = std::move(*features);

    // Exactly one byte form: refuses unknown claims, another order, spaces, escapes and other spellings of a number.
    if (encode(license) != payload) return std::nullopt;
    return license;
}

}  // namespace

std::string signLicense(const SecretKey& signingKey, const License& license) {
    const std::string payload = encode(license);
    if (decode(payload) != license) throw std::invalid_argument("a license document that nobody would accept");
    return signToken(signingKey, payload, assertionFor(license.authority, license.device));
}

DocumentResult<License> verifyLicense(std::string_view token, const KeySet& keySet, const DeviceId& device) {
    const auto vouched = verifyBySigningKey(token, keySet, assertionFor(keySet.authority, device));
    if (!vouched) return vouched.error();
    auto license = decode(vouched->payload);
    if (!license || license->authority != keySet.authority || license->device != device)
        return DocumentError::badClaims;
    if (const auto fault = vouched->faultAt(license->issuedAt)) return *fault;
    return std::move(*license);
}

}  // namespace entitle
