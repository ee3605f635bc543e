// Plain data of the licensing domain. No crypto, no clock, no decisions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "license/time.h"

namespace entitle {

// Unlimited, wherever a number of bots stands.
inline constexpr std::int64_t unlimited = -1;

// Bounds of a document. Whoever fills one in stays within them: verification refuses what lies outside.
inline constexpr std::int64_t maxBotsLimit = 1'000'000;          // a limit above that is `unlimited`
inline constexpr Seconds maxDuration = std::chrono::days{3650};  // of offline, grace, wind-down and check
inline constexpr std::size_t maxFeatures = 32;
inline constexpr std::size_t maxComponents = 16;       // of a fingerprint
inline constexpr std::size_t maxComponentHashes = 16;  // of one component: that many network cards, sorted, count

// What is in force on this machine. Numbers are stored and sent: never reused, never renumbered.
enum class Standing : std::uint8_t {
    demo = 0,         // no license
    active = 1,       // licensed, document fresh
    grace = 2,        // document past its freshness; every right kept until the deadline
    windingDown = 3,  // rights ended; held slots may finish until the deadline
    expired = 4,      // rights and wind-down are over, or grace ended without contact (held slots stay then)
    revoked = 5,      // ended by a signed no of the authority
    suspended = 6,    // paused by a signed no of the authority
    notYetValid = 7,  // the clock stands before the document's nbf
    wrongDevice = 8,  // the document belongs to other hardware
};
std::string_view toString(Standing);  // "demo", "active", "grace", "winding-down", "expired", "revoked", …

// base64url(BLAKE2b-128(device public key)), 22 characters. Names a device to the authority; not a secret.
struct DeviceId {
    std::string value;
    auto operator<=>(const DeviceId&) const = default;
};

// The authority's name for a license: "lic_" and 16 to 32 characters of [a-z0-9]. Not the key a person types.
struct LicenseId {
    std::string value;
    auto operator<=>(const LicenseId&) const = default;
};

// One enrolled hardware fact of a document's `fp`. `hashes` holds one entry, or several for a set (network cards):
// the component matches if any of them is present. Each is base64url of 16 bytes. Source: security.md §6.
struct FingerprintComponent {
    std::string name;
    int weight = 0;  // 1 … 100
    std::vector<std::string> hashes;
    bool operator==(const FingerprintComponent&) const = default;
};

struct FingerprintTemplate {
    int version = 1;
    bool virtualMachine = false;
    std::vector<FingerprintComponent> components;  // sorted by name, names unique, at most 16
    bool operator==(const FingerprintTemplate&) const = default;
};

// A verified license document. Only license/document.cpp makes one from bytes.
struct License {
    std::string authority;  // claim iss: the authority's id
    LicenseId id;           // sub
    DeviceId device;        // dev
    FingerprintTemplate fingerprint;
    Instant issuedAt{};             // iat
    Instant notBefore{};            // nbf
    Instant freshUntil{};           // exp: end of freshness, not of the license
    std::optional<Instant> endsAt;  // lic_exp: a real end (trial, cancellation, admin)
    std::string type;               // "trial", "basic", "pro", "enterprise", or a newer one
    std::string plan;               // "free", "basic", "pro", "enterprise", or a newer one
    std::vector<std::string> features;
    std::int64_t maxBots = 0;  // of the license in all: unlimited, or >= 0
    // bots_leased: the part of maxBots that this device may use until the document's grace is over. Without one the
    // device may use all of them.
    std::optional<std::int64_t> botsLeased;
    Seconds offline{};           // offline_s
    Seconds grace{};             // grace_s
    Seconds windDown{};          // wind_down_s
    Seconds check{};             // check_s: how often to renew
    std::uint64_t sequence = 0;  // seq: rises with every document of one license on one device
    std::string nonce;           // the offline request this answers (base64url, 22 characters); empty if none
    bool operator==(const License&) const = default;

    // What this device may run: its lease, else all of the license's.
    std::int64_t botsHere() const { return botsLeased.value_or(maxBots); }
};

}  // namespace entitle
