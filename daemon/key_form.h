// "device.key" in the state directory, byte for byte: in the clear, or sealed. Pure.
//
// In the clear (level "file"), text:
//   k4.secret.…                the PASERK; it holds seed and public half, so a damaged one is noticed
//   formerly k4.public.…       one line for each of `formers`
//
// Sealed, all integers little endian:
//   8 bytes  magic "ENTSEAL\n"
//   u32      version, 1
//   u32      level: 1 systemd-creds, 2 tpm2
//   32 bytes the device's public key: who the device is must be known while its secret is out of reach
//   u32      how many `formers`, 0 to 8; 32 bytes for each
//   u32      length of what follows but the checksum, 1 to 1024
//   …        the sealed seed, in the form of its level
//   32 bytes BLAKE2b-256 of everything before it. Tells damage, which a backup heals, from another TPM, which nothing
//            does; no protection against forgery
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/key_level.h"
#include "license/keyring.h"

namespace entitle {

inline constexpr std::size_t maxKeyFileBytes = 2048;

// `formers`: the keys before this one that were lost, the latest first. The license that one of them was given stays in
// force, while its grace lasts, until this one has its own: which of them has it is not known here.
inline constexpr std::size_t maxFormers = 8;

struct PlainKey {
    SecretKey key;
    std::vector<VerifyKey> formers;
};

struct SealedKey {
    KeyLevel level = KeyLevel::tpm2;
    VerifyKey device;
    std::vector<VerifyKey> formers;
    std::string sealed;
    bool operator==(const SealedKey&) const = default;
};

enum class KeyFormError {
    damaged = 1,
    newerVersion,  // of a newer entitled: never overwritten, never guessed at
};

// Throw std::invalid_argument for what readKey would refuse. The first is secret: the caller wipes it.
std::string printKey(const PlainKey&);
std::string printKey(const SealedKey&);

// What is read prints as the same bytes.
std::variant<KeyFormError, PlainKey, SealedKey> readKey(std::string_view);

// The devices that a damaged sealed one of version 1 still names, its own first: a seed that is lost must not take
// along who the device was. No more than a hint, as any of them may be what is damaged.
std::vector<VerifyKey> devicesNamedIn(std::string_view damaged);

}  // namespace entitle
