#include "server/sweeper.h"

#include <algorithm>

#include "server/database_fault.h"

namespace entitle {
namespace {

constexpr std::chrono::minutes afterStart{1};
// Between two batches, so that whoever waits for the writer's turn gets it.
constexpr std::chrono::milliseconds betweenBatches{20};

}  // namespace

Swept sweep(Store& store, const Retention& retention, Instant now, const std::function<bool()>& goOn) {
    Swept swept;
    if (!store.claimSweep(now, retention.every)) return swept;
    const auto all = [&](int& count, const std::function<int()>& batch) {
        for (int gone = retention.batch; gone >= retention.batch;) {
            gone = batch();
            count += gone;
            if (!goOn()) return false;
        }
        return true;
    };
    all(swept.tokens, [&] { return store.sweepTokens(now, retention.batch); }) &&
        all(swept.attempts, [&] { return store.sweepAttempts(now - retention.attempts, retention.batch); }) &&
        all(swept.events, [&] { return store.sweepEvents(now - retention.events, retention.batch); });
    return swept;
}

Sweeper::Sweeper(DatabaseAddress address, Retention retention, std::function<Instant()> now,
                 std::function<void(const std::string&)> complain)
    : address_(std::move(address)),
      retention_(retention),
      now_(std::move(now)),
      complain_(std::move(complain)),
      thread_([this] { run(); }) {}

Sweeper::~Sweeper() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopped_.notify_all();
    thread_.join();
}

bool Sweeper::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_for(lock, time, [&] { return stop_; });
}

void Sweeper::run() {
    bool told = false;
    std::chrono::milliseconds wait = std::min<std::chrono::milliseconds>(afterStart, retention_.every);
    while (pause(wait)) {
        wait = retention_.every;
        try {
            auto store = Store::open(address_, now_());
            if (!store) throw DatabaseFault(store.error().message);
            sweep(*store, retention_, now_(), [&] { return pause(betweenBatches); });
            told = false;
        } catch (const std::exception& fault) {
            if (!told) complain_(std::string("old rows are not swept: ") + fault.what());
            told = true;
        }
    }
}

}  // namespace entitle
