// Time as the pure core sees it: always an argument, never read here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entitle {

// A moment in UTC, in whole seconds since 1970-01-01.
using Instant = std::chrono::sys_seconds;
using Seconds = std::chrono::seconds;

// What the machine's clocks say at one moment. `wall` alone decides document times today; the rest is what the
// judgement of a suspicious clock needs (boot time survives a changed wall clock, the boot id tells boots apart).
struct Now {
    Instant wall{};
    std::chrono::nanoseconds boottime{};  // since boot, suspend included
    std::string bootId;                   // empty where the platform has none
    bool synced = false;                  // the system says its clock follows a time server

    bool operator==(const Now&) const = default;
};

// The range every time in a signed document must lie in: 2020-01-01 up to 9999-12-31, both in UTC.
inline constexpr Instant earliestInstant{Seconds{1577836800}};
inline constexpr Instant latestInstant{Seconds{253402300799}};

// t + d, held at the ends of the range instead of overflowing: times and spans may come from anywhere.
Instant plus(Instant t, Seconds d);

// "2026-11-22T09:15:00Z" (RFC 3339). Total: every value prints, whatever its year.
std::string toRfc3339(Instant);

// Reads exactly the form that toRfc3339 writes for the years 0000 to 9999, with a real calendar date; nothing else.
std::optional<Instant> fromRfc3339(std::string_view);

// For people: "3 days 4 hours", "12 minutes", "5 seconds"; never more than two units, negative as "0 seconds".
std::string describeDuration(Seconds);

}  // namespace entitle
