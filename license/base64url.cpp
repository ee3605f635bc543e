#include "license/base64url.h"

#include <algorithm>
#include <array>
#include <vector>

#include <sodium.h>

namespace entitle {
namespace {

constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// A letter's six bits; 0xff: no letter.
constexpr auto bitsOf = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(0xff);
    for (std::size_t i = 0; i < letters.size(); ++i)
        table[static_cast<unsigned char>(letters[i])] = static_cast<std::uint8_t>(i);
    return table;
}();

}  // namespace

std::string toBase64url(std::span<const std::uint8_t> bytes) {
    // libsodium writes a final NUL, which the length counts.
    std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
    text.pop_back();
    return text;
}

std::string toBase64url(std::string_view bytes) {
    std::string text((bytes.size() * 4 + 2) / 3, '\0');
    std::size_t at = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (int shift = 18; shift >= 0 && at < text.size(); shift -= 6) text[at++] = letters[group >> shift & 63];
    }
    return text;
}

std::optional<std::string> fromBase64url(std::string_view text) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes(text.size() / 4 * 3 + text.size() % 4 * 3 / 4, '\0');
    std::size_t at = 0;
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::uint32_t group = 0;
        const auto count = std::min<std::size_t>(4, text.size() - i);
        for (std::size_t k = 0; k < 4; ++k) {
            const std::uint8_t bits = k < count ? bitsOf[static_cast<unsigned char>(text[i + k])] : 0;
            if (bits > 63) return std::nullopt;
            group = group << 6 | bits;
        }
        for (std::size_t k = 0; k + 1 < count; ++k) bytes[at++] = static_cast<char>(group >> (16 - 8 * k) & 0xff);
        // The bits that are left over must be none.
        if (count < 4 && (group & (count == 2 ? 0xffffu : 0xffu)) != 0) return std::nullopt;
    }
    return bytes;
}

bool fromBase64url(std::string_view text, std::span<std::uint8_t> out) {
    // An own buffer, because libsodium writes what it has read before it finds a fault. One byte more than wanted, so
    // that a longer text is seen to be longer.
    std::vector<std::uint8_t> bytes(out.size() + 1);
    std::size_t length = 0;
    const char* end = nullptr;
    bool good =
        sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &length, &end, variant) == 0 &&
        end == text.data() + text.size() && length == out.size();
    if (good) {
        std::string again = toBase64url(std::span<const std::uint8_t>(bytes.data(), length));
        good = again == text;
        sodium_memzero(again.data(), again.size());
    }
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = good ? bytes[i] : 0;
    sodium_memzero(bytes.data(), bytes.size());
    return good;
}

}  // namespace entitle
