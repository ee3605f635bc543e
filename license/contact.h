// Talking to the authority, as plain values: what is asked, what may be heard, and how often it is asked again. No
// crypto: the envelopes around it are license/exchange.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "license/license.h"
#include "license/time.h"

namespace entitle {

// What is asked. Each has a route of its own, POST /v1/device/<word>, and stands in the assertion of both envelopes: a
// request sent to another route, or an answer to another question, fails at its signature.
enum class Operation : std::uint8_t { activate, renew, deactivate, reenrol, wait };
std::string_view toString(Operation);                      // "activate", "renew", "deactivate", "reenrol", "wait"
std::optional<Operation> operationFrom(std::string_view);  // exactly one of those words
std::string_view routeOf(Operation);                       // "/v1/device/activate", …

// A signed no to a license as a whole, or to this device's seat of it.
enum class SignedEnd : std::uint8_t { none, revoked, suspended, released };
std::string_view toString(SignedEnd);  // "", "revoked", "suspended", "released"

enum class RevocationKind : std::uint8_t { revoked, suspended, reinstated };
std::string_view toString(RevocationKind);  // "revoked", "suspended", "reinstated"

// What the authority last decided about one license. `at`: when, by its own clock.
struct Revocation {
    LicenseId license;
    RevocationKind kind = RevocationKind::revoked;
    Instant at{};
    bool operator==(const Revocation&) const = default;
};

// A question that waits for its answer. Persisted before it is first sent; kept, with its rid and token, until the
// answer is stored: an authority that has answered already must recognise the retry.
struct Attempt {
    Operation operation = Operation::renew;  // activate, renew, deactivate or reenrol
    std::string rid;                         // base64url of 16 random bytes
    LicenseId license;                       // empty in activate
    std::string key;                         // of activate: the license key, canonical; empty in all others
    std::string token;                       // the rolling token presented; empty in activate and reenrol
    Instant startedAt{};
    std::uint32_t sent = 0;      // how often
    std::uint32_t failures = 0;  // in a row, under the policy in force
    Instant nextAttempt{};
    std::optional<Instant> waitingUntil;  // a person waits until then: RetryPolicy::userWaiting
    bool operator==(const Attempt&) const = default;
};

enum class RetryPolicy : std::uint8_t {
    userWaiting,  // 1, 2, 4, 8, 16, then 30 seconds, for userPatience; then background
    background,   // 1 minute, doubling up to 6 hours, each ±20 %
};
inline constexpr Seconds userPatience = std::chrono::minutes{2};
inline constexpr Seconds retryAfterCap = std::chrono::hours{24};  // whatever a Retry-After says
// What a Retry-After comes to: not earlier (it counts up to 20 hours), up to a fifth later, as everybody is told the
// same.
Seconds retryAfterDelay(Seconds asked, std::uint32_t jitter);
// A question is not sent again within this time, unless it was reported Unreachable: longer than any transport takes.
inline constexpr Seconds answerLimit{150};

// Whether who waits for it should go on: its next attempt comes within their patience, or is the one more try after it.
// Nobody waits for an administrator, or for an hour that an authority asks for.
bool worthWaiting(const Attempt&);

// How long to wait after `failures` (1 …) in a row. `jitter` is uniform over its range, from outside: 0 is −20 %, the
// largest +20 %. Without effect while a person waits.
Seconds retryDelay(RetryPolicy, std::uint32_t failures, std::uint32_t jitter);

// How long until the request that waits for news is sent again after `failures` (1 …) in a row: 1 minute, doubling up
// to 15, each ±50 %. It notices that an outage is over, so it backs off less than a renewal; and whoever lost an
// authority in one moment must not come back in one.
Seconds waitDelay(std::uint32_t failures, std::uint32_t jitter);

// The wait before the next renewal: `check` ±10 %, by a hash of the device, so that devices spread and each stays where
// it is. 0 stays 0: never.
Seconds renewalInterval(Seconds check, const DeviceId&);

// The wait before a renewal that only a new key set is the cause of: within `keySetRenewals`, by a hash of the device.
// Every device of an authority hears of it at once, and none is in a hurry: the old key's documents go on verifying.
inline constexpr Seconds keySetRenewals = std::chrono::hours{1};
Seconds keySetDelay(const DeviceId&);

}  // namespace entitle
