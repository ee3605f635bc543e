#include "license/time.h"

#include <array>
#include <limits>

namespace entitle {
namespace {

constexpr std::int64_t secondsPerDay = 86'400;

struct Civil {
    std::int64_t year = 0;
    int month = 0;
    int day = 0;
};

// Proleptic Gregorian calendar in 64 bits: std::chrono::year ends at 32767, an Instant does not.
// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
Civil civilFromDays(std::int64_t days) {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const std::int64_t dayOfEra = days - era * 146'097;
    const std::int64_t yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36'524 - dayOfEra / 146'096) / 365;
    const std::int64_t dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    const std::int64_t shifted = (5 * dayOfYear + 2) / 153;  // months counted from March
    const int day = static_cast<int>(dayOfYear - (153 * shifted + 2) / 5 + 1);
    const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
    return {yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::int64_t daysFromCivil(std::int64_t year, int month, int day) {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t yearOfEra = year - era * 400;
    const std::int64_t dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146'097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719'468;
}

std::string padded(std::int64_t number, std::size_t width) {
    const std::string text = std::to_string(number);
    return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

// The number written in `text`, which must be digits only.
std::optional<int> digits(std::string_view text) {
    int value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

}  // namespace

Instant plus(Instant t, Seconds d) {
    const std::int64_t a = t.time_since_epoch().count();
    const std::int64_t b = d.count();
    if (b > 0 && a > std::numeric_limits<std::int64_t>::max() - b) return Instant::max();
    if (b < 0 && a < std::numeric_limits<std::int64_t>::min() - b) return Instant::min();
    return Instant{Seconds{a + b}};
}

std::string toRfc3339(Instant t) {
    const std::int64_t count = t.time_since_epoch().count();
    std::int64_t days = count / secondsPerDay;
    std::int64_t rest = count % secondsPerDay;
    if (rest < 0) {
        rest += secondsPerDay;
        --days;
    }
    const Civil date = civilFromDays(days);
    const std::int64_t year = date.year < 0 ? -date.year : date.year;
    return (date.year < 0 ? "-" : "") + padded(year, 4) + '-' + padded(date.month, 2) + '-' + padded(date.day, 2) +
           'T' + padded(rest / 3600, 2) + ':' + padded(rest / 60 % 60, 2) + ':' + padded(rest % 60, 2) + 'Z';
}

std::optional<Instant> fromRfc3339(std::string_view text) {
    if (text.size() != 20) return std::nullopt;
    const auto year = digits(text.substr(0, 4));
    const auto month = digits(text.substr(5, 2));
    const auto day = digits(text.substr(8, 2));
    const auto hour = digits(text.substr(11, 2));
    const auto minute = digits(text.substr(14, 2));
    const auto second = digits(text.substr(17, 2));
    if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
    if (*month < 1 || *month > 12 || *day < 1 || *day > 31) return std::nullopt;
    const Instant t{
        Seconds{daysFromCivil(*year, *month, *day) * secondsPerDay + *hour * 3600 + *minute * 60 + *second}};
    // Written again and compared: refuses the 30th of February, 24:00, a leap second and wrong separators alike.
    if (toRfc3339(t) != text) return std::nullopt;
    return t;
}

std::string describeDuration(Seconds span) {
    struct Unit {
        const char* name;
        std::int64_t seconds;
    };
    static constexpr std::array<Unit, 4> units{{{"day", secondsPerDay}, {"hour", 3600}, {"minute", 60}, {"second", 1}}};
    std::int64_t rest = span.count();
    if (rest <= 0) return "0 seconds";
    const auto say = [](std::int64_t n, const char* unit) {
        return std::to_string(n) + ' ' + unit + (n == 1 ? "" : "s");
    };
    for (std::size_t i = 0; i < units.size(); ++i) {
        const std::int64_t n = rest / units[i].seconds;
        if (n == 0) continue;
        std::string text = say(n, units[i].name);
        if (i + 1 < units.size()) {
            // The next smaller unit only: "3 days 4 hours", never "3 days 5 seconds".
            if (const std::int64_t more = rest % units[i].seconds / units[i + 1].seconds; more > 0)
                text += ' ' + say(more, units[i + 1].name);
        }
        return text;
    }
    return "0 seconds";
}

}  // namespace entitle
