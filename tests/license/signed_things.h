// Keys from fixed seeds and one of each signed thing, for tests and for the generator of tests/vectors.
#pragma once

#include <string>
#include <string_view>

#include "license/document.h"

namespace entitle::test {

inline SecretKey rootKey() {
    return SecretKey::fromSeed({'r', 'o', 'o', 't', 1});
}
inline SecretKey standbyRootKey() {
    return SecretKey::fromSeed({'r', 'o', 'o', 't', 2});
}
inline SecretKey signingKey() {
    return SecretKey::fromSeed({'s', 'i', 'g', 'n', 1});
}
inline SecretKey nextSigningKey() {
    return SecretKey::fromSeed({'s', 'i', 'g', 'n', 2});
}
inline SecretKey revokedSigningKey() {
    return SecretKey::fromSeed({'s', 'i', 'g', 'n', 3});
}
inline SecretKey deviceKey() {
    return SecretKey::fromSeed({'d', 'e', 'v', 1});
}
inline SecretKey otherDeviceKey() {
    return SecretKey::fromSeed({'d', 'e', 'v', 2});
}

inline constexpr std::string_view authority = "co-example";

inline Instant at(std::string_view rfc3339) {
    return fromRfc3339(rfc3339).value();
}

inline Roots roots() {
    return {std::string(authority), {rootKey().verifyKey(), standbyRootKey().verifyKey()}};
}

// A signing key in its last year, its successor, and one that was revoked.
inline KeySet keySet() {
    KeySet set;
    set.authority = authority;
    set.version = 7;
    set.issuedAt = at("2026-11-01T00:00:00Z");
    set.keys = {
        {signingKey().verifyKey(), at("2026-01-01T00:00:00Z"), at("2026-12-31T23:59:59Z"), false},
        {nextSigningKey().verifyKey(), at("2026-11-01T00:00:00Z"), at("2027-12-31T23:59:59Z"), false},
        {revokedSigningKey().verifyKey(), at("2026-01-01T00:00:00Z"), at("2027-12-31T23:59:59Z"), true},
    };
    return set;
}

inline DeviceId device() {
    return deviceIdOf(deviceKey().verifyKey());
}

inline FingerprintTemplate fingerprint() {
    return {1,
            false,
            {{"disk", 15, {"AAECAwQFBgcICQoLDA0ODw"}},
             {"machine_id", 20, {"EBESExQVFhcYGRobHB0eHw"}},
             {"nic", 10, {"ICEiIyQlJicoKSorLC0uLw", "MDEyMzQ1Njc4OTo7PD0-Pw"}}}};
}

inline License license() {
    License license;
    license.authority = authority;
    license.id.value = "lic_0123456789abcdef";
    license.device = device();
    license.fingerprint = fingerprint();
    license.issuedAt = at("2026-11-22T09:15:00Z");
    license.notBefore = at("2026-11-22T09:15:00Z");
    license.freshUntil = at("2027-11-22T09:15:00Z");
    license.type = "pro";
    license.plan = "pro";
    license.features = {"basic_trading", "live_trading", "api_access"};
    license.maxBots = 100;
    license.offline = std::chrono::days{14};
    license.grace = std::chrono::days{7};
    license.windDown = std::chrono::days{1};
    license.check = std::chrono::days{1};
    license.sequence = 3;
    license.nonce = "QEFCQ0RFRkdISUpLTE1OTw";
    return license;
}

inline OfflineRequest request() {
    OfflineRequest request;
    request.authority = authority;
    request.deviceKey = deviceKey().verifyKey();
    request.fingerprint = fingerprint();
    request.nonce = "QEFCQ0RFRkdISUpLTE1OTw";
    request.issuedAt = at("2026-11-22T09:00:00Z");
    request.hostLabel = "trading-desk 4";
    request.productVersion = "0.1.0";
    request.highestSequence = 2;
    request.keySetVersion = 6;
    return request;
}

inline Assertion licenseAssertion() {
    return {Purpose::license, std::string(authority), {device().value}};
}
inline Assertion keySetAssertion() {
    return {Purpose::keySet, std::string(authority), {}};
}
inline Assertion requestAssertion() {
    return {Purpose::offlineRequest, std::string(authority), {device().value}};
}

// The payload that a token carries, whoever signed it.
std::string payloadOf(std::string_view token);

// `text` with the only occurrence of `from` replaced. Fails the test when there is none, or more than one.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

}  // namespace entitle::test
