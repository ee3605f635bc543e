// Forgets what nobody needs any more, a little at a time and beside the requests: expired tokens, old attempts, old
// news.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "server/store.h"

namespace entitle {

struct Retention {
    Seconds attempts = std::chrono::days{365};  // [retention] attempts_days
    Seconds events = std::chrono::days{7};      // [retention] events_days: news for servers that were cut off so long
    Seconds every = std::chrono::hours{1};      // of all processes on a database one sweeps so often
    int batch = 500;                            // rows a transaction: others wait no longer than for one of them
};

struct Swept {
    int tokens = 0, attempts = 0, events = 0;
    bool any() const { return tokens + attempts + events > 0; }
};

// Until nothing is left to forget or `goOn` says no, which it is asked after every batch. Nothing when another process
// swept less than `every` ago.
Swept sweep(Store&, const Retention&, Instant now, const std::function<bool()>& goOn);

// A thread that does so. Its connection is there only while it sweeps.
class Sweeper {
  public:
    Sweeper(DatabaseAddress, Retention, std::function<Instant()> now, std::function<void(const std::string&)> complain);
    ~Sweeper();
    Sweeper(const Sweeper&) = delete;
    Sweeper& operator=(const Sweeper&) = delete;

  private:
    void run();
    bool pause(std::chrono::milliseconds);  // false: it is to stop

    const DatabaseAddress address_;
    const Retention retention_;
    const std::function<Instant()> now_;
    const std::function<void(const std::string&)> complain_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace entitle
