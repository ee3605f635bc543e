// The clock's memory as text, for the daemon's record:
//   {"v":1,"signed_at":1795348800,"anchor":1795348800,"uptime_ns":0,"anchored_here":true,"suspected_ns":0,
//    "boot":"6d1b…","boottime_ns":3600000000000,"flag":0,"rewound":false,"watermark":1795348800,
//    "steady_wall":1795348800,"steady_ns":3600000000000}
// JSON without white space, members in that order. Times are seconds since 1970, spans and boottimes nanoseconds.
// signed_at, boot, watermark, and the two of steady are left out when there is none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "license/clock_guard.h"

namespace entitle {

inline constexpr int clockClaimsVersion = 1;

// What judge, contact and imported return is always read back as it was.
std::string encodeClockTrust(const ClockTrust&);

// nullopt: not exactly what encodeClockTrust writes, of another version, or a state that no history leads to.
std::optional<ClockTrust> decodeClockTrust(std::string_view);

}  // namespace entitle
