#include "server/store_pool.h"

#include <algorithm>

namespace entitle {

Granted<std::unique_ptr<StorePool>> StorePool::open(const DatabaseAddress& address, std::size_t size, Instant now,
                                                    std::chrono::milliseconds wait) {
    auto first = Store::open(address, now, wait);
    if (!first) return first.error();
    std::unique_ptr<StorePool> pool(new StorePool(address, std::max<std::size_t>(size, 1), now, wait));
    pool->idle_.push_back(std::make_unique<Store>(std::move(*first)));
    pool->opened_ = 1;
    return pool;
}

StorePool::Lease StorePool::take() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty() || opened_ < size_; });
    if (!idle_.empty()) {
        auto store = std::move(idle_.back());
        idle_.pop_back();
        return Lease(*this, std::move(store));
    }
    ++opened_;
    lock.unlock();
    try {
        auto store = std::make_unique<Store>(Store::open(address_, openedAt_, wait_).value());
        store->onEvent(onEvent_);
        return Lease(*this, std::move(store));
    } catch (...) {
        lock.lock();
        --opened_;
        returned_.notify_one();
        throw;
    }
}

StorePool::Lease::~Lease() {
    if (!store_) return;
    {
        const std::lock_guard lock(pool_.mutex_);
        pool_.idle_.push_back(std::move(store_));
    }
    pool_.returned_.notify_one();
}

void StorePool::onEvent(std::function<void(const EventRow&)> tell) {
    const std::lock_guard lock(mutex_);
    onEvent_ = std::move(tell);
    for (auto& store : idle_) store->onEvent(onEvent_);
}

}  // namespace entitle
