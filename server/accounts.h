// Accounts as people make them: one form of an e-mail address, passwords by Argon2id, bearer tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "server/account_rows.h"

namespace entitle {

enum class AccountField { email, password };
std::string_view toString(AccountField);  // "email", "password"
struct AccountFault {
    AccountField field = AccountField::email;
    std::string message;  // for people
};
[[noreturn]] void throw_exception_from_error(const AccountFault&, const boost::source_location&);
template <class T>
using AccountResult = boost::system::result<T, AccountFault>;

// Lower case, 3 to 254 bytes of printable ASCII with one '@' and something on both sides. None: not of that form.
std::optional<std::string> normalEmail(std::string_view);

// crypto_pwhash_str: Argon2id, 64 MiB. 8 to 256 bytes. Costs a tenth of a second.
AccountResult<std::string> hashPassword(std::string_view password);
// Without a hash it does the same work and says no.
bool passwordIs(const std::optional<std::string>& hash, std::string_view password);

// A new account, not stored yet.
AccountResult<AccountRow> makeAccount(std::string_view email, std::string_view password, bool admin, Instant now);

// "cot_" and base64url of 32 random bytes: shown once, stored as its hash.
std::string freshToken();

}  // namespace entitle
