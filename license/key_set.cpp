#include "license/key_set.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "license/claims.h"

namespace entitle {
namespace {

namespace json = boost::json;

constexpr std::string_view kind = "co.keyset.v1";
constexpr std::size_t maxSigningKeys = 10;

Assertion assertionFor(const std::string& authority) {
    return {Purpose::keySet, authority, {}};
}

std::string encode(const KeySet& set) {
    json::array keys;
    for (const auto& entry : set.keys) {
        json::object item;
        item.emplace("key", entry.key.paserk());
        item.emplace("nbf", toRfc3339(entry.notBefore));
        item.emplace("exp", toRfc3339(entry.expires));
        item.emplace("revoked", entry.revoked);
        keys.emplace_back(std::move(item));
    }
    json::object claims;
    claims.emplace("typ", kind);
    claims.emplace("iss", set.authority);
    claims.emplace("version", set.version);
    claims.emplace("iat", toRfc3339(set.issuedAt));
    claims.emplace("keys", std::move(keys));
    return json::serialize(claims);
}

std::optional<SigningKeyEntry> readEntry(const json::value& value) {
    if (!value.is_object()) return std::nullopt;
    ClaimReader reader(value.get_object());
    SigningKeyEntry entry;
    const auto key = VerifyKey::fromPaserk(reader.text("key"));
    if (key) entry.key = *key;
    entry.notBefore = reader.instant("nbf");
    entry.expires = reader.instant("exp");
    entry.revoked = reader.boolean("revoked");
    if (!reader.good() || !key || entry.notBefore > entry.expires) return std::nullopt;
    return entry;
}

std::optional<KeySet> decode(std::string_view payload) {
    const auto claims = readClaims(payload);
    if (!claims) return std::nullopt;
    ClaimReader reader(*claims);
    KeySet set;
    reader.require(reader.text("typ") == kind);
    set.authority = reader.text("iss");
    reader.require(isAuthorityId(set.authority));
    set.version = static_cast<std::uint64_t>(reader.integer("version", 1, std::numeric_limits<std::int64_t>::max()));
    set.issuedAt = reader.instant("iat");
    const auto& keys = reader.array("keys");
    if (!reader.good() || keys.empty() || keys.size() > maxSigningKeys) return std::nullopt;
    for (const auto& item : keys) {
        auto entry = readEntry(item);
        if (!entry) return std::nullopt;
        const bool known = std::any_of(set.keys.begin(), set.keys.end(),
                                       [&](const SigningKeyEntry& earlier) { return earlier.key == entry->key; });
        if (known) return std::nullopt;
        set.keys.push_back(std::move(*entry));
    }
    if (encode(set) != payload) return std::nullopt;
    return set;
}

}  // namespace

std::string signKeySet(const SecretKey& root, const KeySet& set) {
    const std::string payload = encode(set);
    if (decode(payload) != set) throw std::invalid_argument("a key set that nobody would accept");
    return signToken(root, payload, assertionFor(set.authority));
}

DocumentResult<KeySet> verifyKeySet(std::string_view token, const Roots& roots, std::uint64_t minimumVersion) {
    const auto keyId = tokenKeyId(token);
    if (!keyId) return keyId.error();
    const auto root =
        std::find_if(roots.keys.begin(), roots.keys.end(), [&](const VerifyKey& key) { return key.keyId() == *keyId; });
    if (root == roots.keys.end()) return DocumentError::unknownKey;
    const auto payload = verifyToken(token, *root, assertionFor(roots.authority));
    if (!payload) return payload.error();
    auto set = decode(*payload);
    if (!set || set->authority != roots.authority) return DocumentError::badClaims;
    if (set->version < minimumVersion) return DocumentError::rollback;
    return std::move(*set);
}

}  // namespace entitle
