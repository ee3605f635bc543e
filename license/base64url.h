// base64url without padding (RFC 4648 §5), strict: one text for every byte string, one byte string for every text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace entitle {

std::string toBase64url(std::span<const std::uint8_t> bytes);
std::string toBase64url(std::string_view bytes);

// Decodes, re-encodes and compares: padding, dirty trailing bits, white space and foreign letters are refused.
std::optional<std::string> fromBase64url(std::string_view text);

// The same into exactly `out.size()` bytes; another length is refused and leaves zeros. Leaves no copy behind, so it is
// fit for secrets.
bool fromBase64url(std::string_view text, std::span<std::uint8_t> out);

}  // namespace entitle
