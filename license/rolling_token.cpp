#include "license/rolling_token.h"

#include <array>
#include <span>
#include <stdexcept>

#include <sodium.h>

#include "license/base64url.h"
#include "license/identifiers.h"
#include "license/paseto.h"

namespace entitle {
namespace {

constexpr std::string_view domain = "co.roll.1";
constexpr std::size_t randomBytes = 16;
constexpr std::size_t macBytes = 16;
constexpr std::size_t fieldBytes = 1 + 8 + randomBytes;

std::string littleEndian(std::uint64_t number) {
    std::string bytes;
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(number >> shift & 0xff));
    return bytes;
}

std::string macFields(const LicenseId& license, const DeviceId& device, std::string_view number,
                      std::string_view random) {
    const std::array<std::string_view, 5> pieces{domain, license.value, device.value, number, random};
    return preAuthEncode(pieces);
}

// In constant time: the random half of a token is all that proves it.
bool same(const RollingToken& a, const RollingToken& b) {
    return a.number == b.number && a.random.size() == b.random.size() &&
           sodium_memcmp(a.random.data(), b.random.data(), a.random.size()) == 0;
}

void requireFresh(std::string_view rid, std::string_view fresh) {
    if (!isOpaqueId(rid) || !isOpaqueId(fresh)) throw std::invalid_argument("a rid or random of another form");
}

}  // namespace

std::string printRollingToken(const KeySecrets& secrets, const RollingToken& token, const LicenseId& license,
                              const DeviceId& device) {
    std::array<std::uint8_t, randomBytes> bits{};
    if (token.number == 0 || !fromBase64url(token.random, bits))
        throw std::invalid_argument("a rolling token without number or random");
    const std::string_view random(reinterpret_cast<const char*>(bits.data()), bits.size());
    const std::string number = littleEndian(token.number);
    const std::uint8_t keyId = secrets.newestId();
    const auto mac = secrets.rollingMac(keyId, macFields(license, device, number, random)).value();
    std::string bytes(1, static_cast<char>(keyId));
    bytes.append(number).append(random).append(mac.begin(), mac.end());
    return toBase64url(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::optional<PresentedToken> readRollingToken(const KeySecrets& secrets, std::string_view text,
                                               const LicenseId& license, const DeviceId& device) {
    if (text.empty()) return PresentedToken{};
    std::array<std::uint8_t, fieldBytes + macBytes> bytes{};
    if (!fromBase64url(text, bytes)) return std::nullopt;
    const std::span<const std::uint8_t> all(bytes);
    const auto random = all.subspan(9, randomBytes);
    PresentedToken presented;
    for (std::size_t i = 8; i >= 1; --i) presented.token.number = presented.token.number << 8 | bytes[i];
    presented.token.random = toBase64url(random);
    if (presented.token.number == 0) return std::nullopt;
    const std::string fields = macFields(license, device, littleEndian(presented.token.number),
                                         {reinterpret_cast<const char*>(random.data()), random.size()});
    const auto mac = secrets.rollingMac(bytes[0], fields);
    presented.authentic = mac && sodium_memcmp(mac->data(), bytes.data() + fieldBytes, macBytes) == 0;
    return presented;
}

std::string_view toString(RollVerdict verdict) {
    switch (verdict) {
        case RollVerdict::advance:
            return "advance";
        case RollVerdict::repeat:
            return "repeat";
        case RollVerdict::ahead:
            return "ahead";
        case RollVerdict::conflict:
            return "conflict";
    }
    return "unknown";
}

Roll rollToken(const TokenChain& chain, const PresentedToken& presented, std::string_view rid, std::string_view fresh) {
    requireFresh(rid, fresh);
    // The last number is never handed out twice: a chain that has come to its end stands still, in conflict.
    const auto onwards = [&](RollVerdict verdict) -> Roll {
        if (presented.token.number == UINT64_MAX) return {RollVerdict::conflict, chain};
        return {verdict, {{presented.token.number + 1, std::string(fresh)}, presented.token, std::string(rid)}};
    };
    if (same(presented.token, chain.current)) return onwards(RollVerdict::advance);
    if (same(presented.token, chain.previous) && !chain.previousRid.empty() && chain.previousRid == rid)
        return {RollVerdict::repeat, chain};
    if (presented.authentic && presented.token.number >= chain.current.number) return onwards(RollVerdict::ahead);
    return {RollVerdict::conflict, chain};
}

Roll restartChain(const TokenChain& chain, std::string_view rid, std::string_view fresh) {
    requireFresh(rid, fresh);
    if (chain.previous == RollingToken{} && chain.previousRid == rid) return {RollVerdict::repeat, chain};
    if (chain.current.number == UINT64_MAX) return {RollVerdict::conflict, chain};
    return {RollVerdict::advance, {{chain.current.number + 1, std::string(fresh)}, {}, std::string(rid)}};
}

}  // namespace entitle
