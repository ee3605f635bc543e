#include "license/identifiers.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "license/base64url.h"

namespace entitle {
namespace {

bool isAlphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool isLicenseId(std::string_view text) {
    constexpr std::string_view head = "lic_";
    if (text.substr(0, head.size()) != head) return false;
    text.remove_prefix(head.size());
    return text.size() >= 16 && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
           });
}

bool isOpaqueId(std::string_view text) {
    std::array<std::uint8_t, 16> bytes{};
    return fromBase64url(text, bytes);
}

bool isOpaqueToken(std::string_view text) {
    return !text.empty() && text.size() <= 160 &&
           std::all_of(text.begin(), text.end(), [](char c) { return isAlphanumeric(c) || c == '-' || c == '_'; });
}

bool isKeyLevelText(std::string_view text) {
    return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

bool isVersionText(std::string_view text) {
    return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
        return isAlphanumeric(c) || c == '.' || c == '+' || c == '~' || c == '-';
    });
}

}  // namespace entitle
