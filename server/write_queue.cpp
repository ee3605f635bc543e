#include "server/write_queue.h"

#include <algorithm>

namespace entitle {

namespace {
constexpr std::size_t mostAtOnce = 64;  // nobody waits for more than these before it
}

WriteQueue::Turn WriteQueue::enter(Entry& mine, std::chrono::milliseconds wait, Batch& batch) {
    std::unique_lock lock(mutex_);
    waiting_.push_back(&mine);
    const bool inTime = mine.turned.wait_for(
        lock, wait, [&] { return mine.state != Entry::State::waiting || (!led_ && waiting_.front() == &mine); });
    if (!inTime) {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &mine));
        return Turn::late;
    }
    if (mine.state != Entry::State::waiting) {
        mine.turned.wait(lock, [&] { return mine.state == Entry::State::written; });
        return Turn::written;
    }
    led_ = true;
    const auto count = std::min(waiting_.size(), mostAtOnce);
    batch.assign(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    for (auto* entry : batch) entry->state = Entry::State::taken;
    return Turn::leads;
}

void WriteQueue::leave(const Batch& batch) {
    // Under the lock throughout: an entry is gone as soon as its thread sees that it was written.
    const std::lock_guard lock(mutex_);
    led_ = false;
    for (auto* entry : batch) {
        entry->state = Entry::State::written;
        entry->turned.notify_one();
    }
    if (!waiting_.empty()) waiting_.front()->turned.notify_one();
}

}  // namespace entitle
