#include "license/printable.h"

#include <algorithm>
#include <cstdint>

namespace entitle {
namespace {

// Length of the well-formed, printable UTF-8 sequence at the front; 0 if there is none. Control characters (C0, DEL,
// C1), surrogates, overlong forms, non-characters and what turns text around (U+202A … U+202E, U+2066 … U+2069, U+200E,
// U+200F, U+061C) or breaks lines (U+2028, U+2029) are not printable.
std::size_t printableLength(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
    const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
    if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
    std::uint32_t code = byte(0) & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (byte(i) & 0x3f);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
    if (code <= 0x9f || (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef)) return 0;
    if (code == 0x61c || code == 0x200e || code == 0x200f || code == 0xfeff) return 0;
    if ((code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return 0;
    return length;
}

}  // namespace

std::string printableFrom(std::string_view text, std::size_t most) {
    std::string printable;
    while (!text.empty()) {
        const auto length = printableLength(text);
        if (printable.size() + length > most) break;
        printable.append(text.substr(0, length));
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return printable;
}

}  // namespace entitle
