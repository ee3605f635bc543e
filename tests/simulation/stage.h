// What every part of a simulated world shares: the one true time, what is to come, chance, and what has happened.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "license/time.h"
#include "tests/simulation/chance.h"

namespace entitle::simulation {

class Stage {
  public:
    Stage(std::uint64_t seed, Instant start) : chance(seed), seed_(seed), start_(start), now_(start) {}

    Instant now() const { return now_; }
    std::int64_t day() const { return (now_ - start_) / std::chrono::days{1}; }
    std::uint64_t seed() const { return seed_; }

    // In the order of their times, and of these calls where times are the same.
    void at(Instant when, std::function<void()> what);
    void after(Seconds span, std::function<void()> what) { at(now_ + span, std::move(what)); }
    // Until then, or until something fails.
    void run(Instant until);

    void tell(const std::string& who, const std::string& what);
    // An invariant does not hold. The first one counts; the world stops.
    void fail(const std::string& what);
    const std::optional<std::string>& failure() const { return failure_; }
    // Seed, day, what failed, and the last events: what a person needs to see it again.
    std::string report() const;
    std::uint64_t digest() const { return digest_; }  // of all that was told: the same for the same seed

    Chance chance;

  private:
    const std::uint64_t seed_;
    const Instant start_;
    Instant now_;
    std::uint64_t order_ = 0;
    std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> queue_;
    std::deque<std::string> told_;  // the latest
    std::uint64_t digest_ = 0xcbf29ce484222325u;
    std::optional<std::string> failure_;
};

}  // namespace entitle::simulation
