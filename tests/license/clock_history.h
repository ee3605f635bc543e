// A machine's clocks told line by line, and what must be thought of each: the files of tests/vectors/clock.
#pragma once

#include <string>

#include "license/clock_guard.h"

namespace entitle::test {

// Replays the body of a clock-history (tests/vectors/README.md). "ok", or the first line that comes out otherwise and
// how; the state is stored and read back between any two lines.
std::string replayClockHistory(const std::string& body, const ClockRules&);

}  // namespace entitle::test
