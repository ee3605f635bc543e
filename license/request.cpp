#include "license/request.h"

#include <algorithm>
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

bool isVersion(std::string_view text) {
    return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '+' ||
               c == '~' || c == '-';
    });
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
    reader.require(isAuthorityId(request.authority) && isOpaqueId(request.nonce) && isVersion(request.productVersion));
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

// Length of the well-formed, printable UTF-8 sequence at the front; 0 if there is none. Control characters (C0, DEL,
// C1), surrogates, overlong forms, non-characters and what turns text around (U+202A … U+202E, U+2066 … U+2069, U+200E,
// U+200F, U+061C) or breaks lines (U+2028, U+2029) are not printable.
std::size_t printableLength(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
    const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
    if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
    std::uint32_t code = byte(0) & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (byte(i) & 0x3f);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
    if (code <= 0x9f || (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef)) return 0;
    if (code == 0x61c || code == 0x200e || code == 0x200f || code == 0xfeff) return 0;
    if ((code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return 0;
    return length;
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
    constexpr std::size_t most = 64;
    std::string label;
    while (!text.empty()) {
        const auto length = printableLength(text);
        if (label.size() + length > most) break;
        label.append(text.substr(0, length));
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return label;
}

std::string freshNonce() {
    startSodium();
    std::array<std::uint8_t, 16> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    return toBase64url(bytes);
}

}  // namespace entitle
