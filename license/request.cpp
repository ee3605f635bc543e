#include "license/request.h"

#include <limits>
#include <stdexcept>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <sodium.h>

#include "license/base64url.h"
#include "license/claims.h"
#include "license/fingerprint_claim.h"
#include "license/identifiers.h"
#include "license/paseto.h"
#include "license/printable.h"
#include "license/sodium.h"

namespace entitle {
namespace {

namespace json = boost::json;

constexpr std::size_t paserkLetters = 53;  // "k4.public." and 43

Assertion assertionFor(const std::string& authority, const DeviceId& device) {
    return {Purpose::offlineRequest, authority, {device.value}};
}

std::string encode(const OfflineRequest& request) {
    json::object claims;
    // These two come first and are found by their place, before anything is verified: see signerOf.
    claims.emplace("key", request.deviceKey.paserk());
    claims.emplace("aud", request.authority);
    claims.emplace("fp", fingerprintClaim(request.fingerprint));
    claims.emplace("nonce", request.nonce);
    claims.emplace("iat", toRfc3339(request.issuedAt));
    claims.emplace("host", request.hostLabel);
    claims.emplace("ver", request.productVersion);
    claims.emplace("seq", request.highestSequence);
    claims.emplace("ks", request.keySetVersion);
    return json::serialize(claims);
}

std::optional<OfflineRequest> decode(std::string_view payload) {
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    const auto claims = readClaims(payload);
    if (!claims) return std::nullopt;
    ClaimReader reader(*claims);
    OfflineRequest request;
    const auto key = VerifyKey::fromPaserk(reader.text("key"));
    request.authority = reader.text("aud");
    auto fingerprint = readFingerprintClaim(reader.object("fp"));
    request.nonce = reader.text("nonce");
    request.issuedAt = reader.instant("iat");
    request.hostLabel = reader.text("host");
    request.productVersion = reader.text("ver");
    request.highestSequence = static_cast<std::uint64_t>(reader.integer("seq", 0, most));
    request.keySetVersion = static_cast<std::uint64_t>(reader.integer("ks", 0, most));
    reader.require(isAuthorityId(request.authority) && isOpaqueId(request.nonce) &&
                   isVersionText(request.productVersion));
    reader.require(hostLabelFrom(request.hostLabel) == request.hostLabel);
    if (!reader.good() || !key || !fingerprint) return std::nullopt;
    request.deviceKey = *key;
    request.fingerprint = std::move(*fingerprint);
    if (encode(request) != payload) return std::nullopt;
    return request;
}

struct Signer {
    VerifyKey key;
    std::string authority;
};

// The payload of every request begins with {"key":"k4.public.…","aud":"…", byte for byte, so that the key that must
// have signed it is found by place: no JSON is parsed before the signature has been checked.
std::optional<Signer> signerOf(std::string_view payload) {
    constexpr std::string_view beforeKey = R"({"key":")";
    constexpr std::string_view beforeAuthority = R"(","aud":")";
    if (payload.substr(0, beforeKey.size()) != beforeKey) return std::nullopt;
    payload.remove_prefix(beforeKey.size());
    const auto key = VerifyKey::fromPaserk(payload.substr(0, paserkLetters));
    if (!key) return std::nullopt;
    payload.remove_prefix(paserkLetters);
    if (payload.substr(0, beforeAuthority.size()) != beforeAuthority) return std::nullopt;
    payload.remove_prefix(beforeAuthority.size());
    const auto end = payload.find('"');
    const auto authority = payload.substr(0, end);
    if (end == std::string_view::npos || !isAuthorityId(authority)) return std::nullopt;
    return Signer{*key, std::string(authority)};
}

}  // namespace

DeviceId deviceIdOf(const VerifyKey& key) {
    std::array<std::uint8_t, 16> digest{};
    crypto_generichash(digest.data(), digest.size(), key.bytes().data(), key.bytes().size(), nullptr, 0);
    return {toBase64url(digest)};
}

DeviceId OfflineRequest::device() const {
    return deviceIdOf(deviceKey);
}

std::string signOfflineRequest(const SecretKey& deviceKey, const OfflineRequest& request) {
    OfflineRequest complete = request;
    complete.deviceKey = deviceKey.verifyKey();
    const std::string payload = encode(complete);
    if (decode(payload) != complete) throw std::invalid_argument("an offline request that nobody would accept");
    return signToken(deviceKey, payload, assertionFor(complete.authority, complete.device()));
}

DocumentResult<OfflineRequest> verifyOfflineRequest(std::string_view token) {
    if (const auto keyId = tokenKeyId(token); !keyId) return keyId.error();
    const auto parts = splitPaseto(token);
    if (!parts) return DocumentError::badForm;
    const auto signer = signerOf(parts->message);
    if (!signer) return DocumentError::badForm;
    const auto payload = verifyToken(token, signer->key, assertionFor(signer->authority, deviceIdOf(signer->key)));
    if (!payload) return payload.error();
    auto request = decode(*payload);
    if (!request) return DocumentError::badClaims;
    return std::move(*request);
}

std::string hostLabelFrom(std::string_view text) {
    return printableFrom(text, 64);
}

std::string freshNonce() {
    startSodium();
    std::array<std::uint8_t, 16> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    return toBase64url(bytes);
}

}  // namespace entitle
