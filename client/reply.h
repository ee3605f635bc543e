// One answer, handed from the client's thread to the thread that asked.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace entitle {

enum class ReplyOutcome {
    answered,
    refused,  // the daemon could not make sense of the question
    dropped,  // the connection broke, or there was none
    timedOut,
};

template <class T>
class Reply {
  public:
    // Waits until an answer is here, until none can come any more, or until `deadline`. `onTimeout` runs under the
    // lock, so that what it notes is undone by, never after, a late answer.
    template <class OnTimeout>
    ReplyOutcome wait(std::chrono::steady_clock::time_point deadline, OnTimeout&& onTimeout) {
        std::unique_lock lock(mutex_);
        if (!settled_.wait_until(lock, deadline, [this] { return outcome_.has_value(); })) {
            onTimeout();
            return ReplyOutcome::timedOut;
        }
        return *outcome_;
    }
    T take() {
        const std::lock_guard lock(mutex_);
        return std::move(*value_);
    }

  private:
    template <class>
    friend class ReplySender;

    std::mutex mutex_;
    std::condition_variable settled_;
    std::optional<ReplyOutcome> outcome_;
    std::optional<T> value_;
};

// The end that answers. Destroyed without an answer (the connection broke, the client ended), it tells the waiting
// thread so: nobody waits for what cannot come.
template <class T>
class ReplySender {
  public:
    explicit ReplySender(std::shared_ptr<Reply<T>> reply) : reply_(std::move(reply)) {}
    ReplySender(const ReplySender&) = delete;
    ReplySender& operator=(const ReplySender&) = delete;
    ~ReplySender() { settle(ReplyOutcome::dropped, {}); }

    void send(T value) { settle(ReplyOutcome::answered, std::move(value)); }
    void refuse() { settle(ReplyOutcome::refused, {}); }

  private:
    // The first settlement counts.
    void settle(ReplyOutcome outcome, std::optional<T> value) {
        {
            const std::lock_guard lock(reply_->mutex_);
            if (reply_->outcome_) return;
            reply_->outcome_ = outcome;
            reply_->value_ = std::move(value);
        }
        reply_->settled_.notify_all();
    }

    const std::shared_ptr<Reply<T>> reply_;
};

}  // namespace entitle
