// Token buckets per address: how often somebody may ask.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "server/http/networks.h"

namespace entitle {

// `burst` at once, refilled evenly over `per`. A burst of 0 is no limit.
struct RateLimit {
    std::uint32_t burst = 0;
    std::chrono::seconds per{60};
    bool operator==(const RateLimit&) const = default;
};

struct RateLimits {
    RateLimit general{3'000, std::chrono::seconds(60)};
    RateLimit account{20, std::chrono::seconds(60)};
    RateLimit wrongSecrets{10, std::chrono::seconds(60)};
    Networks exempt;
};

// One bucket per address, an IPv6 one standing for its /64. Bounded: among `most` addresses the one not seen for the
// longest is forgotten. Any thread.
class RateLimiter {
  public:
    explicit RateLimiter(RateLimit, std::size_t most = 65'536);

    // Takes one. Nothing: it was there. Else: until there is one again (at least a second).
    std::optional<std::chrono::seconds> take(const IpAddress&, std::chrono::nanoseconds now);
    // The same without taking.
    std::optional<std::chrono::seconds> look(const IpAddress&, std::chrono::nanoseconds now);
    std::size_t size() const;

  private:
    struct Bucket {
        IpAddress address;
        double tokens = 0;
        std::chrono::nanoseconds at{};
    };
    struct Hash {
        std::size_t operator()(const IpAddress&) const;
    };
    std::optional<std::chrono::seconds> ask(const IpAddress&, std::chrono::nanoseconds now, double cost);

    const RateLimit limit_;
    const std::size_t most_;
    mutable std::mutex mutex_;
    std::list<Bucket> buckets_;  // the most recently seen first
    std::unordered_map<IpAddress, std::list<Bucket>::iterator, Hash> byAddress_;
};

}  // namespace entitle
