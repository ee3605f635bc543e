#include "license/contact.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace entitle {
namespace {

constexpr Operation operations[] = {Operation::activate, Operation::renew, Operation::deactivate, Operation::reenrol,
                                    Operation::wait};
constexpr Seconds userWaitingMost{30};
constexpr Seconds backgroundFirst = std::chrono::minutes{1};
constexpr Seconds backgroundMost = std::chrono::hours{6};
constexpr Seconds waitMost = std::chrono::minutes{15};

// first · 2^(failures − 1), held at most.
Seconds doubled(Seconds first, std::uint32_t failures, Seconds most) {
    Seconds delay = first;
    for (std::uint32_t i = 1; i < failures && delay < most; ++i) delay *= 2;
    return std::min(delay, most);
}

// Where the device stands among all of them, of 2^32: FNV-1a, finished by a multiplication so that the high half
// depends on every letter. The id is a hash itself.
std::uint32_t placeOf(const DeviceId& device) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : device.value) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
    return static_cast<std::uint32_t>(hash >> 32);
}

// span · (1 − percent % … 1 + percent %), where `part` of 2^32 lies between.
Seconds spread(Seconds span, std::int64_t percent, std::uint32_t part) {
    const std::int64_t width = span.count() * percent / 100;
    const auto offset = static_cast<std::int64_t>((static_cast<double>(part) / 0x1p32) * (2.0 * width + 1.0));
    return Seconds{span.count() - width + std::min(offset, 2 * width)};
}

}  // namespace

std::string_view routeOf(Operation operation) {
    switch (operation) {
        case Operation::activate:
            return "/v1/device/activate";
        case Operation::renew:
            return "/v1/device/renew";
        case Operation::deactivate:
            return "/v1/device/deactivate";
        case Operation::reenrol:
            return "/v1/device/reenrol";
        case Operation::wait:
            return "/v1/device/wait";
    }
    throw std::invalid_argument("an operation outside of its enumeration");
}

std::string_view toString(Operation operation) {
    const std::string_view route = routeOf(operation);
    return route.substr(route.rfind('/') + 1);
}

std::optional<Operation> operationFrom(std::string_view word) {
    for (const Operation operation : operations)
        if (toString(operation) == word) return operation;
    return std::nullopt;
}

std::string_view toString(SignedEnd end) {
    switch (end) {
        case SignedEnd::none:
            return "";
        case SignedEnd::revoked:
            return "revoked";
        case SignedEnd::suspended:
            return "suspended";
        case SignedEnd::released:
            return "released";
    }
    throw std::invalid_argument("an end outside of its enumeration");
}

std::string_view toString(RevocationKind kind) {
    switch (kind) {
        case RevocationKind::revoked:
            return "revoked";
        case RevocationKind::suspended:
            return "suspended";
        case RevocationKind::reinstated:
            return "reinstated";
    }
    throw std::invalid_argument("a kind of revocation outside of its enumeration");
}

bool worthWaiting(const Attempt& attempt) {
    return attempt.waitingUntil && attempt.nextAttempt <= plus(*attempt.waitingUntil, userWaitingMost);
}

Seconds retryDelay(RetryPolicy policy, std::uint32_t failures, std::uint32_t jitter) {
    if (policy == RetryPolicy::userWaiting) return doubled(Seconds{1}, failures, userWaitingMost);
    return spread(doubled(backgroundFirst, failures, backgroundMost), 20, jitter);
}

Seconds retryAfterDelay(Seconds asked, std::uint32_t jitter) {
    const Seconds least = std::clamp(asked, Seconds{0}, retryAfterCap * 5 / 6);
    return least + Seconds{static_cast<std::int64_t>(static_cast<double>(least.count()) / 5 * jitter / 0x1p32)};
}

Seconds waitDelay(std::uint32_t failures, std::uint32_t jitter) {
    return spread(doubled(backgroundFirst, failures, waitMost), 50, jitter);
}

Seconds renewalInterval(Seconds check, const DeviceId& device) {
    if (check <= Seconds{0}) return Seconds{0};
    return std::max(Seconds{1}, spread(std::min(check, maxDuration), 10, placeOf(device)));
}

Seconds keySetDelay(const DeviceId& device) {
    return std::max(Seconds{1}, spread(keySetRenewals / 2, 100, placeOf(device)));
}

}  // namespace entitle
