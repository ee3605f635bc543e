#include "license/keyring.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include <sodium.h>

#include "license/base64url.h"
#include "license/sodium.h"

namespace entitle {
namespace {

constexpr std::string_view publicHeader = "k4.public.";
constexpr std::string_view secretHeader = "k4.secret.";
constexpr std::string_view idHeader = "k4.pid.";
constexpr std::size_t maxRootsBytes = 1024;
constexpr std::size_t maxRoots = 4;

static_assert(std::tuple_size_v<VerifyKey::Bytes> == crypto_sign_PUBLICKEYBYTES);
static_assert(std::tuple_size_v<SecretKey::Seed> == crypto_sign_SEEDBYTES);

}  // namespace

bool isAuthorityId(std::string_view id) {
    return id.size() >= 3 && id.size() <= 40 && std::all_of(id.begin(), id.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

// --- VerifyKey ------------------------------------------------------------------------------------------------------

std::optional<VerifyKey> VerifyKey::fromPaserk(std::string_view text) {
    if (text.substr(0, publicHeader.size()) != publicHeader) return std::nullopt;
    Bytes bytes{};
    if (!fromBase64url(text.substr(publicHeader.size()), bytes)) return std::nullopt;
    return VerifyKey(bytes);
}

std::string VerifyKey::paserk() const {
    return std::string(publicHeader) + toBase64url(bytes_);
}

std::string VerifyKey::keyId() const {
    const std::string hashed = std::string(idHeader) + paserk();
    std::array<std::uint8_t, 33> digest{};
    crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(hashed.data()),
                       hashed.size(), nullptr, 0);
    return std::string(idHeader) + toBase64url(digest);
}

// --- SecretKey ------------------------------------------------------------------------------------------------------

SecretKey SecretKey::generate() {
    startSodium();
    SecretKey key;
    VerifyKey::Bytes publicHalf{};
    crypto_sign_keypair(publicHalf.data(), key.bytes_.data());
    return key;
}

SecretKey SecretKey::fromSeed(const Seed& seed) {
    startSodium();
    SecretKey key;
    VerifyKey::Bytes publicHalf{};
    crypto_sign_seed_keypair(publicHalf.data(), key.bytes_.data(), seed.data());
    return key;
}

std::optional<SecretKey> SecretKey::fromPaserk(std::string_view text) {
    if (text.substr(0, secretHeader.size()) != secretHeader) return std::nullopt;
    SecretKey given;
    if (!fromBase64url(text.substr(secretHeader.size()), given.bytes_)) return std::nullopt;
    // A public half that does not belong to the seed would make signatures that give the secret away.
    Seed seed{};
    std::copy_n(given.bytes_.begin(), seed.size(), seed.begin());
    SecretKey derived = fromSeed(seed);
    sodium_memzero(seed.data(), seed.size());
    if (sodium_memcmp(derived.bytes_.data(), given.bytes_.data(), given.bytes_.size()) != 0) return std::nullopt;
    return derived;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
    if (this != &other) {
        bytes_ = other.bytes_;
        sodium_memzero(other.bytes_.data(), other.bytes_.size());
    }
    return *this;
}

SecretKey::~SecretKey() {
    sodium_memzero(bytes_.data(), bytes_.size());
}

VerifyKey SecretKey::verifyKey() const {
    VerifyKey::Bytes publicHalf{};
    std::copy_n(bytes_.begin() + crypto_sign_SEEDBYTES, publicHalf.size(), publicHalf.begin());
    return VerifyKey(publicHalf);
}

std::string SecretKey::paserk() const {
    return std::string(secretHeader) + toBase64url(bytes_);
}

// --- Roots ----------------------------------------------------------------------------------------------------------

boost::system::result<Roots, RootsError> parseRoots(std::string_view text) {
    if (text.size() > maxRootsBytes) return RootsError::tooLong;
    // Exactly one line that is not a comment.
    std::optional<std::string_view> line;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view current = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!current.empty() && current.back() == '\r') current.remove_suffix(1);
        if (!current.empty() && current.front() == '#') continue;
        if (line) return RootsError::badForm;
        line = current;
    }
    if (!line || line->empty()) return RootsError::badForm;

    Roots roots;
    for (bool first = true;; first = false) {
        const auto end = std::min(line->find(' '), line->size());
        const std::string_view word = line->substr(0, end);
        if (first) {
            if (!isAuthorityId(word)) return RootsError::badAuthority;
            roots.authority = word;
        } else {
            const auto key = VerifyKey::fromPaserk(word);
            if (!key || std::find(roots.keys.begin(), roots.keys.end(), *key) != roots.keys.end())
                return RootsError::badKey;
            if (roots.keys.size() == maxRoots) return RootsError::tooManyKeys;
            roots.keys.push_back(*key);
        }
        if (end == line->size()) break;
        line->remove_prefix(end + 1);
    }
    if (roots.keys.empty()) return RootsError::badKey;
    return roots;
}

std::string printRoots(const Roots& roots) {
    std::string text = roots.authority;
    for (const auto& key : roots.keys) text.append(1, ' ').append(key.paserk());
    return text;
}

std::string_view toString(RootsError error) {
    switch (error) {
        case RootsError::tooLong:
            return "the trust anchor is longer than 1 KiB";
        case RootsError::badForm:
            return "the trust anchor must be one line: an authority id and its root keys";
        case RootsError::badAuthority:
            return "the authority id must be 3 to 40 of a-z, 0-9 and '-'";
        case RootsError::badKey:
            return "each root key must be k4.public.… and be named once";
        case RootsError::tooManyKeys:
            return "the trust anchor names more than four root keys";
    }
    return "the trust anchor is not valid";
}

void throw_exception_from_error(RootsError error, const boost::source_location&) {
    throw std::logic_error(std::string(toString(error)));
}

// --- KeySet ---------------------------------------------------------------------------------------------------------

const SigningKeyEntry* KeySet::find(std::string_view keyId) const {
    const auto it = std::find_if(keys.begin(), keys.end(),
                                 [&](const SigningKeyEntry& entry) { return entry.key.keyId() == keyId; });
    return it == keys.end() ? nullptr : &*it;
}

}  // namespace entitle
