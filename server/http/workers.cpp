#include "server/http/workers.h"

#include <utility>

namespace entitle {

Workers::Workers(int threads, std::size_t queue, const std::function<std::shared_ptr<Worker>()>& make) : most_(queue) {
    const auto count = static_cast<std::size_t>(threads);
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this, make] { run(make); });
    std::unique_lock lock(mutex_);
    begun_.wait(lock, [&] { return ready_ == count; });
    if (!failure_) return;
    lock.unlock();
    stop();
    std::rethrow_exception(failure_);
}

void Workers::started(std::exception_ptr failure) {
    const std::scoped_lock lock(mutex_);
    ++ready_;
    if (failure && !failure_) failure_ = failure;
    begun_.notify_all();
}

void Workers::run(const std::function<std::shared_ptr<Worker>()>& make) {
    std::shared_ptr<Worker> worker;
    try {
        worker = make();
    } catch (...) {
        return started(std::current_exception());
    }
    started(nullptr);
    Job job;
    while (next(job)) {
        job(*worker);
        job = nullptr;  // what it holds is not kept until the next one comes
    }
}

bool Workers::next(Job& job) {
    std::unique_lock lock(mutex_);
    if (!stopped_ && !anything()) {
        Idle idle;
        do {
            idle.awake = false;
            idle_.push_back(&idle);
            idle.called.wait(lock, [&] { return idle.awake; });
            waking_ = false;
        } while (!stopped_ && !anything());
    }
    if (stopped_) return false;
    auto& queue = jobs_.empty() || (admittedTurn_ && !admitted_.empty()) ? admitted_ : jobs_;
    admittedTurn_ = &queue == &jobs_;
    job = std::move(queue.front());
    queue.pop_front();
    if (anything()) wakeOne();
    return true;
}

void Workers::wakeOne() {
    if (waking_ || idle_.empty()) return;
    auto* idle = idle_.back();
    idle_.pop_back();
    waking_ = idle->awake = true;
    idle->called.notify_one();
}

bool Workers::post(Job job) {
    const std::scoped_lock lock(mutex_);
    if (stopped_ || jobs_.size() >= most_) return false;
    jobs_.push_back(std::move(job));
    wakeOne();
    return true;
}

void Workers::postAdmitted(Job job) {
    const std::scoped_lock lock(mutex_);
    if (stopped_) return;
    admitted_.push_back(std::move(job));
    wakeOne();
}

void Workers::stop() {
    std::deque<Job> dropped[2];  // ends outside the lock
    {
        const std::scoped_lock lock(mutex_);
        stopped_ = true;
        dropped[0].swap(jobs_);
        dropped[1].swap(admitted_);
        for (auto* idle : std::exchange(idle_, {})) {
            idle->awake = true;
            idle->called.notify_one();
        }
    }
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

std::size_t Workers::queued() const {
    const std::scoped_lock lock(mutex_);
    return jobs_.size() + admitted_.size();
}

}  // namespace entitle
