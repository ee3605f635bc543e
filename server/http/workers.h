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
    void run(const std::function<std::shared_ptr<Worker>()>& make);
    void started(std::exception_ptr);
    bool next(Job&);

    const std::size_t most_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;
    std::deque<Job> admitted_;
    bool admittedTurn_ = false;  // the two take turns, so that neither starves
    bool stopped_ = false;
    std::size_t ready_ = 0;
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;
};

}  // namespace entitle
