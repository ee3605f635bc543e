// How things are measured: medians of medians, on one core, against a yardstick taken beside them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace entitle::bench {

inline std::int64_t nowNanos() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{1'000'000'000} * now.tv_sec + now.tv_nsec;
}

double median(std::vector<double> values);

// The median time of one call of `f`, in nanoseconds.
template <class F>
double medianNanos(std::size_t times, F&& f) {
    std::vector<double> samples;
    samples.reserve(times);
    for (std::size_t i = 0; i < times; ++i) {
        const std::int64_t before = nowNanos();
        f();
        samples.push_back(static_cast<double>(nowNanos() - before));
    }
    return median(std::move(samples));
}

// This process and its children to come run on one core: what is compared then shares its caches and its clock, and a
// wake-up is a switch, not a message to another core. Returns the core.
int pinToOneCore();
int allowedCores();  // how many this process may run on
// For this process and its children to come. Returns what is allowed now.
std::size_t raiseDescriptorLimit(std::size_t wanted);

// What /proc says of a process; nothing when it is gone.
struct ProcessFacts {
    std::uint64_t residentBytes = 0;
    std::uint64_t wakeUps = 0;  // voluntary context switches, of all threads
};
std::optional<ProcessFacts> factsOf(pid_t);

double cpuSeconds();       // that this process has used so far, user and system
double cpuSeconds(pid_t);  // of another one, its ended children not counted; 0 when it is gone
// Of those below `root` that are called `name`: a PostgreSQL server's processes, for one.
double cpuSecondsBelow(pid_t root, const std::string& name);

// A child that runs `serve(fd)` on one end of a socket pair and exits; the other end is ours. Killed when it goes.
class Child {
  public:
    explicit Child(const std::function<void(int fd)>& serve);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }
    int socket() const { return fd_; }
    int releaseSocket();  // the caller closes it

  private:
    pid_t pid_ = -1;
    int fd_ = -1;
};

}  // namespace entitle::bench
