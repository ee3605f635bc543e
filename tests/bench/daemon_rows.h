// What is measured of a real daemon.
#pragma once

#include <cstddef>

#include "tests/bench/daemon_process.h"
#include "tests/bench/report.h"

namespace entitle::bench {

struct Scale {
    std::size_t rounds = 15;
    std::size_t calls = 4'000;       // of each kind in a round
    std::size_t pipelined = 40'000;  // calls in a round
    std::size_t idle = 10'000;       // connections
    std::size_t slots = 10'000;      // of the killed holder
    std::size_t idleSeconds = 5;

    static Scale quick() { return {3, 300, 2'000, 200, 200, 1}; }
};

void measureDaemon(const Programs&, const Scale&, Report&);

}  // namespace entitle::bench
