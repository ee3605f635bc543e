// Whom to believe: pinned roots → signed key set → signing key. Verify keys and secret keys are different types.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "license/time.h"

namespace entitle {

// An Ed25519 public key. `paserk` is "k4.public.…", `keyId` the PASERK id "k4.pid.…" (44 characters of base64url).
class VerifyKey {
  public:
    using Bytes = std::array<std::uint8_t, 32>;
    VerifyKey() = default;
    explicit VerifyKey(const Bytes& bytes) : bytes_(bytes) {}
    static std::optional<VerifyKey> fromPaserk(std::string_view);  // strict: re-encoded and compared
    const Bytes& bytes() const { return bytes_; }
    std::string paserk() const;
    std::string keyId() const;
    bool operator==(const VerifyKey&) const = default;

  private:
    Bytes bytes_{};
};

// An Ed25519 secret key, wiped when it goes. Move only; never printed.
class SecretKey {
  public:
    using Seed = std::array<std::uint8_t, 32>;
    static SecretKey generate();  // randomness from libsodium
    static SecretKey fromSeed(const Seed&);
    static std::optional<SecretKey> fromPaserk(std::string_view);  // "k4.secret.…", public half checked
    SecretKey(SecretKey&&) noexcept;
    SecretKey& operator=(SecretKey&&) noexcept;
    SecretKey(const SecretKey&) = delete;
    SecretKey& operator=(const SecretKey&) = delete;
    ~SecretKey();
    VerifyKey verifyKey() const;
    std::string paserk() const;                                           // a secret: to a 0600 file only
    const std::array<std::uint8_t, 64>& bytes() const { return bytes_; }  // libsodium's seed || public

  private:
    SecretKey() = default;
    std::array<std::uint8_t, 64> bytes_{};
};

// What names an authority: 3 to 40 of [a-z0-9-].
bool isAuthorityId(std::string_view);

// The trust anchor: an authority's id and its root keys (active and standby). Text form, one line, at most 1 KiB:
//   <authority id> k4.public.… [k4.public.…]…      (one to four roots; id: 3 to 40 of [a-z0-9-])
// A final newline and lines that begin with '#' are allowed in a file.
struct Roots {
    std::string authority;
    std::vector<VerifyKey> keys;
    bool operator==(const Roots&) const = default;
};
enum class RootsError { tooLong = 1, badForm, badAuthority, badKey, tooManyKeys };
boost::system::result<Roots, RootsError> parseRoots(std::string_view);
std::string printRoots(const Roots&);
std::string_view toString(RootsError);  // a sentence for people
[[noreturn]] void throw_exception_from_error(RootsError, const boost::source_location&);

// One signing key of a key set. Its documents verify from notBefore to expires, unless revoked.
struct SigningKeyEntry {
    VerifyKey key;
    Instant notBefore{};
    Instant expires{};
    bool revoked = false;
    bool operator==(const SigningKeyEntry&) const = default;
};

// co.keyset.v1. A device keeps the highest version it has seen and refuses a lower one.
struct KeySet {
    std::string authority;
    std::uint64_t version = 0;
    Instant issuedAt{};
    std::vector<SigningKeyEntry> keys;  // 1 … 10
    bool operator==(const KeySet&) const = default;

    // The entry with this id, whatever its times; nullptr if there is none.
    const SigningKeyEntry* find(std::string_view keyId) const;
};

}  // namespace entitle
