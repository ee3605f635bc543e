// Chance from a seed, the same on every machine: what a history is drawn from, so that it can be drawn again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "license/time.h"

namespace entitle::simulation {

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : state_(seed) {}

    std::uint64_t draw();                                         // uniform over its range
    std::int64_t between(std::int64_t least, std::int64_t most);  // both included
    bool percent(int n) { return between(1, 100) <= n; }
    bool permille(int n) { return between(1, 1000) <= n; }
    // Of every magnitude alike: minutes as often as weeks.
    Seconds span(Seconds least, Seconds most);
    template <class Container>
    auto& among(Container& from) {
        return *std::next(from.begin(), between(0, static_cast<std::int64_t>(from.size()) - 1));
    }

  private:
    std::uint64_t state_;
};

// From here on libsodium draws from this seed: keys, rids and nonces are a part of the history too. Once, before
// anything else.
void seedSodium(std::uint64_t seed);

}  // namespace entitle::simulation
