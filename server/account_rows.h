// Accounts and bearer tokens, as plain values.
#pragma once

#include <optional>
#include <string>

#include "server/rows.h"

namespace entitle {

struct AccountRow {
    AccountId id;
    std::string email;         // unique as given: the caller has brought it to one form
    std::string passwordHash;  // crypto_pwhash_str
    bool admin = false;
    Instant createdAt{};
    Instant passwordChangedAt{};
    bool operator==(const AccountRow&) const = default;
};

// Of an account, or of one device's hold on a license. A released device's tokens are gone with its seat.
struct TokenRow {
    std::string hash;  // 64 hex digits of BLAKE2b-256 of the token; the token itself is not stored
    std::optional<AccountId> account;
    LicenseId license;  // of a device: the license and
    int device = 0;     // DeviceRow::number; 0: of an account
    Instant createdAt{};
    std::optional<Instant> expiresAt;
    bool operator==(const TokenRow&) const = default;
};

// Whom a token stands for: an account, or a device with its license.
struct Bearer {
    TokenRow token;
    std::optional<AccountRow> account;
    std::optional<LicenseRow> license;
    std::optional<DeviceRow> device;
};

}  // namespace entitle
