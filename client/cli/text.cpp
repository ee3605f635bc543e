#include "client/cli/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "license/time.h"

namespace entitle::cli {

namespace {

struct Decoded {
    char32_t character = 0;
    std::size_t length = 0;  // 0: not UTF-8 at this place
};

// One character of strict UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
Decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
    char32_t character = first & (0xff >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        character = (character << 6) | (byte(i) & 0x3f);
    }
    constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    if (character < smallest[length] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff)) return {};
    return {character, length};
}

// Characters that act on a terminal or on the order of what is shown, instead of showing.
bool acts(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

std::string formatted(const char* format, unsigned value) {
    std::array<char, 16> buffer{};
    const int size = std::snprintf(buffer.data(), buffer.size(), format, value);
    return {buffer.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto [character, length] = decode(text);
        if (length == 0) {
            out += formatted("\\x%02x", static_cast<unsigned char>(text[0]));
            text.remove_prefix(1);
            continue;
        }
        if (character == '\n')
            out += "\\n";
        else if (character == '\t')
            out += "\\t";
        else if (character < 0x80 && acts(character))
            out += formatted("\\x%02x", character);
        else if (acts(character))
            out += formatted("\\u{%x}", character);
        else
            out.append(text.substr(0, length));
        text.remove_prefix(length);
    }
    return out;
}

std::size_t width(std::string_view text) {
    // Colour sequences are ours and take no room: ESC [ … m.
    std::size_t columns = 0;
    bool inSequence = false;
    for (const char c : text) {
        if (c == '\x1b') inSequence = true;
        if (!inSequence && (static_cast<unsigned char>(c) & 0xc0) != 0x80) ++columns;
        if (inSequence && c == 'm') inSequence = false;
    }
    return columns;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> columns;
    for (const auto& row : rows) {
        columns.resize(std::max(columns.size(), row.size()));
        // The last cell of a row pushes nothing to its right.
        for (std::size_t i = 0; i + 1 < row.size(); ++i) columns[i] = std::max(columns[i], width(row[i]));
    }
    std::string out;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out += row[i];
            if (i + 1 < row.size()) out.append(columns[i] - std::min(columns[i], width(row[i])) + 2, ' ');
        }
        out.erase(out.find_last_not_of(' ') + 1);
        out += '\n';
    }
    return out;
}

std::string relative(TimePoint at, TimePoint now) {
    const auto distance = at > now ? at - now : now - at;
    if (distance < std::chrono::seconds{1}) return "now";
    // Of "13 days 4 hours" the larger unit says enough beside the date.
    auto words = describeDuration(distance);
    const auto second = words.find(' ', words.find(' ') + 1);
    if (second != std::string::npos) words.erase(second);
    return at > now ? "in " + words : words + " ago";
}

std::string date(TimePoint at, TimePoint now) {
    const std::time_t time = std::chrono::system_clock::to_time_t(at);
    std::tm local{};
    std::array<char, 64> buffer{};
    if (localtime_r(&time, &local) == nullptr ||
        std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S %Z", &local) == 0)
        return toRfc3339(at);
    return std::string(buffer.data()) + " (" + relative(at, now) + ")";
}

std::string date(const std::optional<TimePoint>& at, TimePoint now, std::string_view none) {
    return at ? date(*at, now) : std::string(none);
}

std::string limitText(std::int64_t limit) {
    return limit == unlimitedUnits ? "unlimited" : std::to_string(limit);
}

}  // namespace entitle::cli
