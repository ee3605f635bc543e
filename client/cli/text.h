// Text for people: escaping, alignment, dates. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"

namespace entitle::cli {

// What the daemon or a user's label says, safe to print on a terminal: control characters, bidirectional overrides and
// bytes that are not UTF-8 become \n, \x1b, \u{202e}.
std::string escaped(std::string_view);

// Columns a terminal needs for UTF-8 text of narrow characters.
std::size_t width(std::string_view);

// Left-aligned columns, two spaces apart; no trailing spaces. Rows may be of different length.
std::string table(const std::vector<std::vector<std::string>>&);

// "in 13 days", "3 minutes ago", "now".
std::string relative(TimePoint, TimePoint now);
// "2026-12-06 00:15:00 CET (in 13 days)", in the time zone of this process.
std::string date(TimePoint, TimePoint now);
std::string date(const std::optional<TimePoint>&, TimePoint now, std::string_view none);

// "unlimited", or the number.
std::string limitText(std::int64_t);

}  // namespace entitle::cli
