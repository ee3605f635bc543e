// A license as document.cpp would hand it over, for the tests of what is decided from it.
#pragma once

#include <chrono>

#include "license/lifecycle.h"

namespace entitle {

using std::chrono::hours;

inline constexpr Seconds day = std::chrono::days{1};
inline const Instant noon = *fromRfc3339("2026-11-22T12:00:00Z");

inline Now at(Instant wall) {
    Now now;
    now.wall = wall;
    return now;
}

// A pro license: valid from noon, fresh for 14 days, 7 days of grace, 24 hours of wind-down, no end of its own.
inline License sampleLicense() {
    License license;
    license.authority = "example";
    license.id = {"lic_0123456789abcdef"};
    license.device = {"AAAAAAAAAAAAAAAAAAAAAA"};
    license.issuedAt = noon;
    license.notBefore = noon;
    license.freshUntil = noon + 14 * day;
    license.type = "pro";
    license.plan = "pro";
    license.features = {"paper_trading", "live_trading", "all_strategies", "advanced_ml", "api_access"};
    license.maxBots = 100;
    license.offline = 3 * day;
    license.grace = 7 * day;
    license.windDown = day;
    license.check = day;
    license.sequence = 5;
    return license;
}

// The state after that license was imported at noon.
inline State licensed(const License& license = sampleLicense()) {
    return step(State{}, Imported{license}, at(license.notBefore)).state;
}

}  // namespace entitle
