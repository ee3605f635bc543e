#include "server/accounts.h"

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>

#include <sodium.h>

#include "license/base64url.h"
#include "license/sodium.h"
#include "server/authority.h"

namespace entitle {
namespace {

constexpr std::size_t shortestPassword = 8;
constexpr std::size_t longestPassword = 256;
constexpr std::size_t longestEmail = 254;

std::string hashed(std::string_view password) {
    startSodium();
    std::array<char, crypto_pwhash_STRBYTES> text{};
    if (crypto_pwhash_str(text.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        throw std::bad_alloc();
    return text.data();
}

}  // namespace

std::string_view toString(AccountField field) {
    return field == AccountField::email ? "email" : "password";
}

void throw_exception_from_error(const AccountFault& fault, const boost::source_location&) {
    throw std::logic_error(std::string(toString(fault.field)) + ": " + fault.message);
}

std::optional<std::string> normalEmail(std::string_view text) {
    if (text.size() < 3 || text.size() > longestEmail) return std::nullopt;
    const auto at = text.find('@');
    if (at == 0 || at == std::string_view::npos || at + 1 == text.size() || text.rfind('@') != at) return std::nullopt;
    std::string out(text);
    for (char& letter : out) {
        if (letter <= ' ' || letter > '~') return std::nullopt;
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    return out;
}

AccountResult<std::string> hashPassword(std::string_view password) {
    if (password.size() < shortestPassword || password.size() > longestPassword)
        return AccountFault{AccountField::password, "a password has 8 to 256 bytes"};
    return hashed(password);
}

bool passwordIs(const std::optional<std::string>& hash, std::string_view password) {
    static const std::string nobodys = hashed("of no account");
    const std::string& against = hash ? *hash : nobodys;
    const auto bounded = password.substr(0, longestPassword);
    const bool right = crypto_pwhash_str_verify(against.c_str(), bounded.data(), bounded.size()) == 0;
    return right && hash && bounded.size() == password.size();
}

AccountResult<AccountRow> makeAccount(std::string_view email, std::string_view password, bool admin, Instant now) {
    const auto normal = normalEmail(email);
    if (!normal) return AccountFault{AccountField::email, "an e-mail address as name@host, at most 254 bytes of ASCII"};
    auto hash = hashPassword(password);
    if (!hash) return hash.error();
    AccountRow row;
    row.id = AccountId{"acc_" + randomWord(20)};
    row.email = *normal;
    row.passwordHash = std::move(*hash);
    row.admin = admin;
    row.createdAt = row.passwordChangedAt = now;
    return row;
}

std::string freshToken() {
    startSodium();
    std::array<std::uint8_t, 32> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    return "cot_" + toBase64url(bytes);
}

}  // namespace entitle
