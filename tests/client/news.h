// Waits for a client's own word on a change, instead of sleeping.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "client/client.h"

namespace entitle::testing {

inline constexpr std::chrono::seconds patience{20};  // for one event, on a loaded machine under a sanitizer

class News {
  public:
    explicit News(Client& client)
        : watch_(client.onChange([this](const Change& change) {
              {
                  const std::lock_guard lock(mutex_);
                  last_ = change;
                  ++count_;
              }
              told_.notify_all();
          })) {}

    // True as soon as `holds` does, asked after every change.
    bool waitFor(const std::function<bool(const Change&)>& holds) {
        std::unique_lock lock(mutex_);
        return told_.wait_for(lock, patience, [&] { return count_ > 0 && holds(last_); });
    }
    int count() {
        const std::lock_guard lock(mutex_);
        return count_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable told_;
    Change last_;
    int count_ = 0;
    Watch watch_;  // last: its callback uses the rest
};

}  // namespace entitle::testing
