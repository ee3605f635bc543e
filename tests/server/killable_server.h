// `entitle-server serve`, killed (SIGKILL) at a chosen system call while it answers.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include <sys/types.h>

#include "tests/server/running_server.h"

namespace entitle::testing {

class KillableServer {
  public:
    // Returns when it listens; what it says goes to a file of the authority's scratch.
    explicit KillableServer(const ServedAuthority&);
    ~KillableServer();
    KillableServer(const KillableServer&) = delete;
    KillableServer& operator=(const KillableServer&) = delete;

    static bool possible();  // may this process trace another?
    std::uint16_t port() const { return port_; }

    // From here on the calls of all its threads that can change a file or say something are counted; it is killed at
    // the entry of the nth, so that this call is not made. 0: never; they are counted all the same.
    void killAt(int nth);
    int counted() const { return counted_; }
    bool killed() const { return killed_; }  // by killAt
    void waitForEnd();                       // after it was killed

    std::optional<Received> ask(const std::string& bytes) const;

  private:
    void trace(const std::string& directory, const std::string& logFile);

    std::uint16_t port_ = 0;
    std::atomic<pid_t> pid_{-1};
    std::atomic<int> killAt_{0}, counted_{0};
    std::atomic<bool> killed_{false}, ended_{false};
    std::thread tracer_;  // it forks, traces and waits: all three must be one thread's
};

}  // namespace entitle::testing
