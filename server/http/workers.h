// Threads that may block: each has a Worker of its own; what they are given waits in a bounded queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/http/waiting.h"

namespace entitle {

class Workers {
  public:
    using Job = std::function<void(Worker&)>;  // must not throw

    // Returns when every thread has its Worker. Throws what making one threw.
    Workers(int threads, std::size_t queue, const std::function<std::shared_ptr<Worker>()>& make);
    ~Workers() { stop(); }

    // False: the queue is full, or the workers were stopped. The job is dropped then.
    bool post(Job);
    // For what was admitted before and is bounded by that: it waits however long the queue is.
    void postAdmitted(Job);
    // Waits for the jobs at work and drops those in the queue. Once; nothing is accepted afterwards.
    void stop();

    std::size_t queued() const;

  private:
    // A thread that has nothing to do. Each has a condition of its own: the one that slept last is woken first, its
    // caches still warm, and one at a time, which wakes the next if there is more to do. A burst of short jobs is then
    // done by few, without a switch for each.
    struct Idle {
        std::condition_variable called;
        bool awake = false;
    };

    void run(const std::function<std::shared_ptr<Worker>()>& make);
    void started(std::exception_ptr);
    bool next(Job&);
    bool anything() const { return !jobs_.empty() || !admitted_.empty(); }
    void wakeOne();  // with mutex_ held

    const std::size_t most_;
    mutable std::mutex mutex_;
    std::condition_variable begun_;
    std::vector<Idle*> idle_;
    bool waking_ = false;  // one was called and does not run yet
    std::deque<Job> jobs_;
    std::deque<Job> admitted_;
    bool admittedTurn_ = false;  // the two take turns, so that neither starves
    bool stopped_ = false;
    std::size_t ready_ = 0;
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;
};

}  // namespace entitle
