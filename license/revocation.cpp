#include "license/revocation.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "license/claims.h"
#include "license/identifiers.h"
#include "license/keyring.h"

namespace entitle {
namespace {

namespace json = boost::json;

constexpr std::string_view typeName = "co.revocations.v1";
constexpr RevocationKind kinds[] = {RevocationKind::revoked, RevocationKind::suspended, RevocationKind::reinstated};

Assertion assertionFor(const std::string& authority) {
    return {Purpose::revocation, authority, {}};
}

bool byLicense(const Revocation& a, const Revocation& b) {
    return a.license < b.license;
}

// {"typ":…,"iss":…,"epoch":7,"iat":…,"revoked":{"lic_…":"<time>",…},"suspended":{…},"reinstated":{…}}, ids ascending.
std::string encode(const RevocationList& list) {
    json::object claims;
    claims.emplace("typ", typeName);
    claims.emplace("iss", list.authority);
    claims.emplace("epoch", list.epoch);
    claims.emplace("iat", toRfc3339(list.issuedAt));
    for (const RevocationKind kind : kinds) {
        json::object licenses;
        for (const Revocation& entry : list.entries)
            if (entry.kind == kind) licenses.emplace(entry.license.value, toRfc3339(entry.at));
        claims.emplace(toString(kind), std::move(licenses));
    }
    return json::serialize(claims);
}

std::optional<RevocationList> decode(std::string_view payload) {
    ClaimLimits limits;
    limits.depth = 2;
    limits.keysPerObject = maxRevocations;
    const auto claims = readClaims(payload, limits);
    if (!claims) return std::nullopt;
    ClaimReader reader(*claims);
    RevocationList list;
    reader.require(reader.text("typ") == typeName);
    list.authority = reader.text("iss");
    reader.require(isAuthorityId(list.authority));
    list.epoch = static_cast<std::uint64_t>(reader.integer("epoch", 1, std::numeric_limits<std::int64_t>::max()));
    list.issuedAt = reader.instant("iat");
    for (const RevocationKind kind : kinds) {
        const auto& licenses = reader.object(toString(kind));
        ClaimReader times(licenses);
        for (const auto& item : licenses) {
            const std::string_view id(item.key().data(), item.key().size());
            reader.require(isLicenseId(id));
            list.entries.push_back({LicenseId{std::string(id)}, kind, times.instant(id)});
        }
        reader.require(times.good());
    }
    if (!reader.good() || list.entries.size() > maxRevocations) return std::nullopt;
    std::sort(list.entries.begin(), list.entries.end(), byLicense);
    const auto sameLicense = [](const Revocation& a, const Revocation& b) { return a.license == b.license; };
    if (std::adjacent_find(list.entries.begin(), list.entries.end(), sameLicense) != list.entries.end())
        return std::nullopt;
    if (encode(list) != payload) return std::nullopt;
    return list;
}

}  // namespace

const Revocation* RevocationList::find(const LicenseId& license) const {
    const auto it = std::lower_bound(entries.begin(), entries.end(), Revocation{license, {}, {}}, byLicense);
    return it == entries.end() || it->license != license ? nullptr : &*it;
}

std::string signRevocations(const SecretKey& signingKey, const RevocationList& list) {
    const std::string payload = encode(list);
    if (decode(payload) != list) throw std::invalid_argument("a revocation list that nobody would accept");
    return signToken(signingKey, payload, assertionFor(list.authority));
}

DocumentResult<RevocationList> verifyRevocations(std::string_view token, const KeySet& keySet,
                                                 std::uint64_t minimumEpoch) {
    const auto payload = verifyBySigningKey(token, keySet, assertionFor(keySet.authority));
    if (!payload) return payload.error();
    auto list = decode(payload->payload);
    if (!list || list->authority != keySet.authority) return DocumentError::badClaims;
    if (const auto fault = payload->faultAt(list->issuedAt)) return *fault;
    if (list->epoch < minimumEpoch) return DocumentError::rollback;
    return std::move(*list);
}

}  // namespace entitle
