// The callbacks of onChange and the thread that runs them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "client/client.h"

namespace entitle {
inline namespace v0 {

// One registered callback. Its lock is held while the callback runs, so that removing it from another thread waits.
class WatchRecord {
  public:
    explicit WatchRecord(std::function<void(const Change&)> callback, std::int64_t process)
        : callback_(std::move(callback)), process_(process) {}

    void call(const Change&);
    void remove();

  private:
    std::recursive_mutex running_;  // recursive: a callback may remove itself
    std::function<void(const Change&)> callback_;
    bool removed_ = false;
    int depth_ = 0;
    const std::int64_t process_;
};

}  // namespace v0

// Thread-safe. Changes are counted; a callback is told the state at the time it is called, so changes that come while
// it runs coalesce into one more call.
class Watches {
  public:
    // `present` gives the state to tell. Called on the callbacks' thread.
    explicit Watches(std::function<Change()> present) : present_(std::move(present)) {}
    ~Watches() { stop(); }

    std::shared_ptr<WatchRecord> add(std::function<void(const Change&)>, std::int64_t process);
    void open();  // the first attempt to connect has ended: callbacks may be called
    void changed();
    void stop();  // waits for a callback under way

  private:
    void run();
    std::shared_ptr<WatchRecord> nextDue();  // waits; nullptr: stopped

    const std::function<Change()> present_;
    std::mutex mutex_;
    std::condition_variable due_;
    struct Registered {
        std::weak_ptr<WatchRecord> record;
        std::uint64_t seen = 0;  // the count of changes it was told of
    };
    std::vector<Registered> records_;
    std::uint64_t changes_ = 1;
    bool open_ = false;
    bool stopped_ = false;
    std::thread thread_;  // from the first callback on
};

}  // namespace entitle
