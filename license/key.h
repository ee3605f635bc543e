// The license key a person types: CO-XXXXXXXX-XXXXXXXX-XXXXXXXX-XXXXXXXX. Byte-exact description: KEY.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "license/time.h"

namespace entitle {

// What the 88 encrypted bits hold. The row at the authority decides what a license grants; these are for people and
// for finding the row. Expiry: days since 2024-01-01, 0 = never.
struct KeyPayload {
    std::uint64_t serial = 0;  // 40 bits
    std::uint8_t type = 0;     // 4 bits: index of the license type in the catalogue
    std::uint8_t flags = 0;    // 4 bits, 0 today
    std::uint16_t expiryDay = 0;
    std::uint32_t salt = 0;  // 24 bits, random
    bool operator==(const KeyPayload&) const = default;
};

enum class KeyError {
    empty = 1,
    tooLong,       // over 64 bytes
    badPrefix,     // does not begin with CO (C0 is read as CO)
    badLength,     // not 32 symbols
    badSymbol,     // U, or something that is no letter or digit
    badCheck,      // a typing error: the check symbol disagrees
    unknownKeyId,  // made with a secret that this authority does not hold
    notAuthentic,  // the tag disagrees: never made by this authority
};
std::string_view toString(KeyError);  // "bad-check", …
std::string_view explain(KeyError);   // "That key has a typing error …": a sentence for people

template <class T>
using KeyResult = boost::system::result<T, KeyError>;
[[noreturn]] void throw_exception_from_error(KeyError, const boost::source_location&);

// A well-formed key: 32 symbols, values 0 … 31, check symbol right. No secret is needed to make one from text.
struct LicenseKey {
    std::array<std::uint8_t, 32> symbols{};
    std::uint8_t keyId() const { return symbols[0] >> 2; }  // first 3 of 155 bits
    std::string text() const;                               // canonical: upper case, with hyphens
    bool operator==(const LicenseKey&) const = default;
};
// Any case; I and L read as 1, O as 0, U refused; spaces, hyphens and Unicode dashes ignored; over 64 bytes refused.
KeyResult<LicenseKey> parseLicenseKey(std::string_view text);

// LICENSE_SECRET_KEY: one to eight secrets of 64 hex digits, newest first, separated by commas. The key id of a secret
// is the low 3 bits of the last byte of BLAKE2b-256(key = secret, "COkeyID"): stable whatever its place in the list.
// Two secrets with one id are refused: choose another secret. Wiped when it goes.
class KeySecrets {
  public:
    static std::optional<KeySecrets> parse(std::string_view hexList, std::string* whyNot = nullptr);
    KeySecrets(KeySecrets&&) noexcept = default;
    KeySecrets& operator=(KeySecrets&&) noexcept = default;

    // With the newest secret. Throws std::invalid_argument for a field wider than its bits: a fault of the caller.
    LicenseKey seal(const KeyPayload&) const;
    // As `seal`, with the secret of that key id: how the authority shows an old key again.
    KeyResult<LicenseKey> seal(const KeyPayload&, std::uint8_t keyId) const;
    KeyResult<KeyPayload> open(const LicenseKey&) const;  // constant time in the secret
    // What the database holds instead of the key: BLAKE2b-256(Kidx, symbols).
    KeyResult<std::array<std::uint8_t, 32>> index(const LicenseKey&) const;

    // The key id that `seal` uses.
    std::uint8_t newestId() const;
    // BLAKE2b-128 of a rolling token's fields (license/rolling_token.h); nullopt: no secret of that key id.
    std::optional<std::array<std::uint8_t, 16>> rollingMac(std::uint8_t keyId, std::string_view fields) const;

  private:
    KeySecrets() = default;
    // What is derived from one secret; the secret itself is not kept. Wiped with its destructor, so that a vector which
    // grows, moves or goes leaves no copy behind.
    struct Secret {
        std::uint8_t id = 0;
        std::array<std::uint8_t, 32> mac{}, enc{}, idx{}, roll{};
        Secret() = default;
        Secret(const Secret&) = default;
        Secret& operator=(const Secret&) = default;
        ~Secret();
    };
    static Secret derive(const std::array<std::uint8_t, 32>& master);
    const Secret* find(std::uint8_t id) const;

    std::vector<Secret> secrets_;  // newest first
};

}  // namespace entitle
