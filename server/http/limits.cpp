#include "server/http/limits.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace entitle {

RateLimiter::RateLimiter(RateLimit limit, std::size_t most) : limit_(limit), most_(std::max<std::size_t>(most, 1)) {}

std::size_t RateLimiter::Hash::operator()(const IpAddress& address) const {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, address.bytes.data(), 8);
    std::memcpy(&low, address.bytes.data() + 8, 8);
    // Fixed point mixing; a chosen collision costs a longer chain of at most `most` buckets, which a /64 each must pay.
    high = (high ^ low) * 0x9e3779b97f4a7c15ull;
    return static_cast<std::size_t>(high ^ (high >> 32));
}

std::optional<std::chrono::seconds> RateLimiter::take(const IpAddress& address, std::chrono::nanoseconds now) {
    return ask(address, now, 1);
}

std::optional<std::chrono::seconds> RateLimiter::look(const IpAddress& address, std::chrono::nanoseconds now) {
    return ask(address, now, 0);
}

std::optional<std::chrono::seconds> RateLimiter::ask(const IpAddress& address, std::chrono::nanoseconds now,
                                                     double cost) {
    if (limit_.burst == 0) return std::nullopt;
    const double burst = limit_.burst;
    const double perSecond = burst / static_cast<double>(std::max<std::int64_t>(limit_.per.count(), 1));
    const auto key = address.party();
    const std::scoped_lock lock(mutex_);
    auto found = byAddress_.find(key);
    if (found == byAddress_.end()) {
        if (cost == 0) return std::nullopt;
        if (buckets_.size() >= most_) {
            byAddress_.erase(buckets_.back().address);
            buckets_.pop_back();
        }
        buckets_.push_front({key, burst, now});
        found = byAddress_.emplace(key, buckets_.begin()).first;
    } else {
        buckets_.splice(buckets_.begin(), buckets_, found->second);
    }
    auto& bucket = *found->second;
    const double elapsed = std::chrono::duration<double>(now - bucket.at).count();
    bucket.tokens = std::min(burst, bucket.tokens + std::max(elapsed, 0.0) * perSecond);
    bucket.at = std::max(bucket.at, now);
    if (bucket.tokens < 1) {
        const double wait = std::ceil((1 - bucket.tokens) / perSecond);
        return std::chrono::seconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(wait)));
    }
    bucket.tokens -= cost;
    return std::nullopt;
}

std::size_t RateLimiter::size() const {
    const std::scoped_lock lock(mutex_);
    return buckets_.size();
}

}  // namespace entitle
