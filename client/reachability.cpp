#include "client/reachability.h"

#include <utility>

namespace entitle {

Reach Reachability::snapshot() const {
    auto reach = reach_;
    reach.unresponsive = Clock::now() < retryAt_;
    return reach;
}

Reach Reachability::now() const {
    const std::lock_guard lock(mutex_);
    return snapshot();
}

Reach Reachability::waitUntilTried(Clock::time_point deadline) const {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return reach_.phase != Reach::Phase::starting; });
    return snapshot();
}

Reach Reachability::waitUntilReady(Clock::time_point deadline, std::uint64_t broken) const {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline,
                        [&] { return reach_.phase == Reach::Phase::ready && reach_.connection != broken; });
    return snapshot();
}

void Reachability::setReady() {
    {
        const std::lock_guard lock(mutex_);
        reach_.phase = Reach::Phase::ready;
        reach_.why = Unavailable::none;
        reach_.detail.clear();
        ++reach_.connection;
        retryAt_ = Clock::time_point::min();
    }
    changed_.notify_all();
}

bool Reachability::setAway(Unavailable why, std::string detail) {
    {
        const std::lock_guard lock(mutex_);
        if (reach_.phase == Reach::Phase::away && reach_.why == why) {
            reach_.detail = std::move(detail);
            return false;
        }
        reach_.phase = Reach::Phase::away;
        reach_.why = why;
        reach_.detail = std::move(detail);
        retryAt_ = Clock::time_point::min();
    }
    changed_.notify_all();
    return true;
}

void Reachability::markUnresponsive(Clock::time_point retryAt) {
    const std::lock_guard lock(mutex_);
    retryAt_ = retryAt;
}

void Reachability::heardFrom() {
    const std::lock_guard lock(mutex_);
    retryAt_ = Clock::time_point::min();
}

}  // namespace entitle
