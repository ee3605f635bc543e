// Keys from fixed seeds and one of each signed thing, for tests and for the generator of tests/vectors.
#pragma once

#include <string>
#include <string_view>

#include "license/document.h"
#include "license/exchange.h"
#include "license/rolling_token.h"

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

inline constexpr std::string_view rid = "UFFSU1RVVldYWVpbXF1eXw";
inline constexpr std::string_view keySecret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

inline KeySecrets keySecrets() {
    return KeySecrets::parse(keySecret).value();
}

inline std::string rollingToken() {
    return printRollingToken(keySecrets(), {7, "YGFiY2RlZmdoaWprbG1ubw"}, license().id, device());
}

// A renewal; the others differ in what they name.
inline ExchangeRequest exchangeRequest(Operation operation = Operation::renew) {
    ExchangeRequest request;
    request.authority = authority;
    request.operation = operation;
    request.deviceKey = deviceKey().verifyKey();
    if (operation != Operation::activate) request.license = license().id;
    if (operation == Operation::activate) request.key = keySecrets().seal({42, 2, 0, 0, 0x010203}).text();
    if (operation != Operation::activate && operation != Operation::reenrol) request.token = rollingToken();
    request.rid = rid;
    request.sentAt = at("2026-11-23T09:00:00Z");
    request.fingerprint = fingerprint();
    request.hostLabel = "trading-desk 4";
    request.productVersion = "0.2.0";
    request.highestSequence = 3;
    request.keySetVersion = 7;
    request.revocationEpoch = 4;
    request.keyLevel = "file";
    request.bots = 12;
    return request;
}

// What a renewal is granted: license(), and a next token.
inline ExchangeAnswer exchangeAnswer() {
    ExchangeAnswer answer;
    answer.authority = authority;
    answer.rid = rid;
    answer.time = at("2026-11-23T09:00:01Z");
    answer.outcome = Outcome::granted;
    answer.token = printRollingToken(keySecrets(), {8, "cHFyc3R1dnd4eXp7fH1-fw"}, license().id, device());
    answer.license = license().id;
    answer.sequence = license().sequence;
    answer.after = std::chrono::days{1};
    return answer;
}

inline ExchangeAnswer revokedAnswer() {
    ExchangeAnswer answer = exchangeAnswer();
    answer.outcome = Outcome::denied;
    answer.code = "license_revoked";
    answer.message = "The license was revoked.";
    answer.token.clear();
    answer.sequence = 0;
    answer.ended = SignedEnd::revoked;
    answer.windDown = std::chrono::days{1};
    return answer;
}

inline RevocationList revocations() {
    return {std::string(authority),
            5,
            at("2026-11-23T08:00:00Z"),
            {{{"lic_0123456789abcdef"}, RevocationKind::suspended, at("2026-11-22T12:00:00Z")},
             {{"lic_1111111111111111"}, RevocationKind::revoked, at("2026-11-20T00:00:00Z")},
             {{"lic_2222222222222222"}, RevocationKind::reinstated, at("2026-11-21T00:00:00Z")},
             {{"lic_3333333333333333"}, RevocationKind::revoked, at("2026-11-23T08:00:00Z")}}};
}

inline Assertion exchangeAssertion(Operation operation = Operation::renew) {
    return {Purpose::request, std::string(authority), {std::string(toString(operation)), device().value}};
}
inline Assertion answerAssertion(Operation operation = Operation::renew) {
    return {Purpose::response,
            std::string(authority),
            {std::string(toString(operation)), device().value, std::string(rid)}};
}
inline Assertion revocationAssertion() {
    return {Purpose::revocation, std::string(authority), {}};
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
