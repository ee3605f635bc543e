#include "client/watches.h"

#include <utility>

#include "client/process.h"

namespace entitle {
inline namespace v0 {

void WatchRecord::call(const Change& change) {
    const std::lock_guard lock(running_);
    if (removed_) return;
    ++depth_;
    try {
        callback_(change);
    } catch (...) {  // the program's own; there is nobody here to tell
    }
    --depth_;
    if (removed_) callback_ = nullptr;
}

void WatchRecord::remove() {
    // In a forked child the lock may be held by a thread that does not exist there.
    if (process_ != processId()) return;
    const std::lock_guard lock(running_);
    removed_ = true;
    // A callback that removes itself still runs: it is destroyed when it returns.
    if (depth_ == 0) callback_ = nullptr;
}

}  // namespace v0

std::shared_ptr<WatchRecord> Watches::add(std::function<void(const Change&)> callback, std::int64_t process) {
    auto record = std::make_shared<WatchRecord>(std::move(callback), process);
    {
        const std::lock_guard lock(mutex_);
        records_.push_back({record});
        if (!thread_.joinable() && !stopped_) {
            const SignalsBlocked blocked;
            thread_ = std::thread([this] { run(); });
        }
    }
    due_.notify_all();
    return record;
}

void Watches::open() {
    {
        const std::lock_guard lock(mutex_);
        open_ = true;
    }
    due_.notify_all();
}

void Watches::changed() {
    {
        const std::lock_guard lock(mutex_);
        ++changes_;
    }
    due_.notify_all();
}

void Watches::stop() {
    std::thread thread;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        thread = std::move(thread_);
    }
    due_.notify_all();
    if (thread.joinable()) thread.join();
}

void Watches::run() {
    while (const auto record = nextDue()) record->call(present_());
}

std::shared_ptr<WatchRecord> Watches::nextDue() {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
        if (open_) {
            std::erase_if(records_, [](const auto& registered) { return registered.record.expired(); });
            for (auto& registered : records_) {
                if (registered.seen == changes_) continue;
                registered.seen = changes_;
                if (auto record = registered.record.lock()) return record;
            }
        }
        due_.wait(lock);
    }
    return nullptr;
}

}  // namespace entitle
