// "device.key" in the state directory, byte for byte: in the clear, or sealed. Pure.
//
// In the clear (level "file"), text of one or two lines:
//   k4.secret.…                the PASERK; it holds seed and public half, so a damaged one is noticed
//   formerly k4.public.…       see `former`
//
// Sealed, all integers little endian:
//   8 bytes  magic "ENTSEAL\n"
//   u32      version, 1
//   u32      level: 1 systemd-creds, 2 tpm2
//   32 bytes the device's public key: who the device is must be known while its secret is out of reach
//   32 bytes `former`, all zero if there is none
//   u32      length of what follows but the checksum, 1 to 1024
//   …        the sealed seed, in the form of its level
//   32 bytes BLAKE2b-256 of everything before it. Tells damage, which a backup heals, from another TPM, which nothing
//            does; no protection against forgery
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/key_level.h"
#include "license/keyring.h"

namespace entitle {

inline constexpr std::size_t maxKeyFileBytes = 2048;

// `former`: the key before this one, when that was lost. The license it was given stays in force, while its grace
// lasts, until this one has its own.
struct PlainKey {
    SecretKey key;
    std::optional<VerifyKey> former;
};

struct SealedKey {
    KeyLevel level = KeyLevel::tpm2;
    VerifyKey device;
    std::optional<VerifyKey> former;
    std::string sealed;
    bool operator==(const SealedKey&) const = default;
};

enum class KeyFormError {
    damaged = 1,
    newerVersion,  // of a newer entitled: never overwritten, never guessed at
};

// Secret: the caller wipes it.
std::string printKey(const PlainKey&);
// Throws std::invalid_argument for what readKey would refuse.
std::string printKey(const SealedKey&);

// What is read prints as the same bytes.
std::variant<KeyFormError, PlainKey, SealedKey> readKey(std::string_view);

}  // namespace entitle
