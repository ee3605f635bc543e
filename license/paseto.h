// PASETO v4.public as its specification has it, payload and footer being any bytes: what the public test vectors test.
// Source: https://github.com/paseto-standard/paseto-spec, docs/01-Protocol-Versions/Version4.md and Common.md.
// The project's own, stricter profile of it is license/token.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "license/keyring.h"

namespace entitle {

// Pre-authentication encoding: the number of pieces, then each piece after its length; numbers are 64 bits, little
// endian, top bit clear. No two lists of pieces have the same encoding.
std::string preAuthEncode(std::span<const std::string_view> pieces);

// A token taken apart. Nothing in it has been verified.
struct PasetoParts {
    std::string message;
    std::array<std::uint8_t, 64> signature{};
    std::string footer;  // empty when the token has none
    bool operator==(const PasetoParts&) const = default;
};

std::string signPaseto(const SecretKey&, std::string_view message, std::string_view footer, std::string_view implicit);

// Strict: "v4.public.", strict base64url, at least a signature, and either no footer or one that is not empty.
std::optional<PasetoParts> splitPaseto(std::string_view token);

bool verifyPaseto(const PasetoParts&, const VerifyKey&, std::string_view implicit);

}  // namespace entitle
