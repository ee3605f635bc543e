// A bounded number of Stores on one database, for threads that come and go.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "server/store.h"

namespace entitle {

class StorePool {
  public:
    // Opens the first Store, and so brings the schema up to date; the others when they are first needed.
    static Granted<std::unique_ptr<StorePool>> open(const DatabaseAddress&, std::size_t size, Instant now,
                                                    std::chrono::milliseconds wait = std::chrono::seconds(10));

    // One Store, given back when it goes. Waits while all are out.
    class Lease {
      public:
        Lease(Lease&& other) noexcept : pool_(other.pool_), store_(std::move(other.store_)) {}
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        Store& operator*() const { return *store_; }
        Store* operator->() const { return store_.get(); }

      private:
        friend class StorePool;
        Lease(StorePool& pool, std::unique_ptr<Store> store) : pool_(pool), store_(std::move(store)) {}
        StorePool& pool_;
        std::unique_ptr<Store> store_;
    };
    Lease take();

    // For every Store of the pool; before the first `take`. Called on the thread that committed.
    void onEvent(std::function<void(const EventRow&)>);

  private:
    StorePool(DatabaseAddress address, std::size_t size, Instant now, std::chrono::milliseconds wait)
        : address_(std::move(address)), size_(size), openedAt_(now), wait_(wait) {}

    const DatabaseAddress address_;
    const std::size_t size_;
    const Instant openedAt_;
    const std::chrono::milliseconds wait_;
    std::function<void(const EventRow&)> onEvent_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<std::unique_ptr<Store>> idle_;
    std::size_t opened_ = 0;
};

}  // namespace entitle
