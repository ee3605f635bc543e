#include "license/base64url.h"

#include <vector>

#include <sodium.h>

namespace entitle {
namespace {

constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

}  // namespace

std::string toBase64url(std::span<const std::uint8_t> bytes) {
    // libsodium writes a final NUL, which the length counts.
    std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
    text.pop_back();
    return text;
}

std::string toBase64url(std::string_view bytes) {
    return toBase64url(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::optional<std::string> fromBase64url(std::string_view text) {
    std::string bytes(text.size() / 4 * 3 + text.size() % 4 * 3 / 4, '\0');
    if (!fromBase64url(text, std::span(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size())))
        return std::nullopt;
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
