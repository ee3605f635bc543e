// Another way to ask over a Unix socket, for comparison: D-Bus between two peers, by sd-bus.
#pragma once

#include <cstddef>
#include <optional>

namespace entitle::bench {

// The median time of one question and its answer, in nanoseconds; nothing without ENTITLE_BENCH_SD_BUS.
std::optional<double> sdBusCheck(std::size_t times);

}  // namespace entitle::bench
