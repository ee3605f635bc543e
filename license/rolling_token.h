// The rolling token: every answer to a device carries the next one, so two copies of one device betray each other. To
// the device it is an opaque text; the authority keeps the last two. Byte-exact description: DOCUMENT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "license/key.h"
#include "license/license.h"

namespace entitle {

// One link of a device's chain. {} stands for "no token": what a device presents that has not been given one yet.
struct RollingToken {
    std::uint64_t number = 0;  // 1 …
    std::string random;        // base64url of 16 random bytes; empty in {}
    bool operator==(const RollingToken&) const = default;
};

// What the authority keeps of one device. {} before its first token.
struct TokenChain {
    RollingToken current;
    RollingToken previous;
    std::string previousRid;  // of the request that made current out of previous
    bool operator==(const TokenChain&) const = default;
};

// Text: base64url( key id u8 | number u64 LE | random 16 bytes | MAC 16 bytes ), 55 letters.
//   MAC = BLAKE2b-128(key = Kroll, PAE("co.roll.1", license, device, number u64 LE, random))
//   Kroll = crypto_kdf(LICENSE_SECRET_KEY[key id], 4, "COrolTok")
// With the newest secret. Throws std::invalid_argument for {} or a random of another form: a fault of the caller.
std::string printRollingToken(const KeySecrets&, const RollingToken&, const LicenseId&, const DeviceId&);

struct PresentedToken {
    RollingToken token;
    // The MAC holds for this license and device. False when its secret was retired since: the token can still be the
    // one the chain remembers, but it proves nothing that the chain does not know.
    bool authentic = false;
};
// {} for an empty text, nullopt for anything else that is not of the form.
std::optional<PresentedToken> readRollingToken(const KeySecrets&, std::string_view text, const LicenseId&,
                                               const DeviceId&);

enum class RollVerdict : std::uint8_t {
    advance,   // it presented the current token
    repeat,    // it presented the last one with the rid it had then: the answer was lost, and is given anew
    ahead,     // an authentic token above ours, or another of its number: this authority was restored from a backup
    conflict,  // a copy of the device, or a device restored from a backup
};
std::string_view toString(RollVerdict);  // "advance", "repeat", "ahead", "conflict"

struct Roll {
    RollVerdict verdict = RollVerdict::conflict;
    TokenChain chain;  // to be stored in the transaction of the request; unchanged by repeat and conflict
    // What the answer carries is chain.current, signed anew; nothing in a conflict.
    bool operator==(const Roll&) const = default;
};

// The rule, for every question that presents a token. `fresh`: base64url of 16 random bytes, used by advance and ahead.
//   presented == current                                   → advance
//   presented == previous and rid == previousRid           → repeat
//   presented.number ≥ current.number, and authentic       → ahead
//   anything else                                          → conflict
// One license and device are given one token of each number. Another of the same number is from before a backup was put
// back, when some question of that time has arrived once more since.
// An honest device keeps the rid of a question until it holds the answer's token, across retries, restarts and denials;
// then it is never in conflict, whatever is lost, repeated or restored at the authority. Two copies that both go on
// renewing are in conflict by the second renewal of either. Checked over all histories in tests/license.
Roll rollToken(const TokenChain&, const PresentedToken&, std::string_view rid, std::string_view fresh);

// A new beginning, for activate and reenrol, which present no token: the number goes on rising, so that every token
// this authority remembers to have given is a conflict from now on. Decide first (fingerprint, seats, approval), then
// restart; a retry of the same rid is a repeat.
Roll restartChain(const TokenChain&, std::string_view rid, std::string_view fresh);

}  // namespace entitle
