// The writers of one SQLite file in this process. It takes one at a time, and its disk one at a time: so whoever comes
// to the front writes for all who wait behind it, and they share one commit.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

namespace entitle {

class Database;
class Sql;

class WriteQueue {
  public:
    // One writer. Lives on its thread's stack while it waits.
    struct Entry {
        Database& database;                    // its own
        const std::function<void(Sql&)>& run;  // on any thread, while its own one waits; perhaps more than once
        std::exception_ptr fault;              // why it was not written

      private:
        friend class WriteQueue;
        enum class State { waiting, taken, written } state = State::waiting;
        std::condition_variable turned;

      public:
        Entry(Database& of, const std::function<void(Sql&)>& what) : database(of), run(what) {}
    };
    using Batch = std::vector<Entry*>;  // in the order they came

    enum class Turn { leads, written, late };
    // Returns when `mine` was written by another thread, or when the caller is to write all of `batch`, `mine` first,
    // and then to call `leave`; `late` when nobody took it up within `wait`.
    Turn enter(Entry& mine, std::chrono::milliseconds wait, Batch& batch);
    void leave(const Batch&);

  private:
    std::mutex mutex_;
    std::deque<Entry*> waiting_;
    bool led_ = false;
};

}  // namespace entitle
