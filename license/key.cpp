#include "license/key.h"

#include <algorithm>
#include <stdexcept>

#include <sodium.h>

#include "license/sodium.h"

namespace entitle {
namespace {

// Crockford's base32: no I, L, O, U.
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t maxTypedBytes = 64;
constexpr std::size_t dataSymbols = 31;  // 155 bits: key id 3, tag 64, ciphertext 88
constexpr std::size_t tagBytes = 8;
constexpr std::size_t payloadBytes = 11;
constexpr std::size_t groupSymbols = 8;

using Tag = std::array<std::uint8_t, tagBytes>;
using Block = std::array<std::uint8_t, payloadBytes>;  // the payload, clear or encrypted
using Symbols = std::array<std::uint8_t, 32>;

static_assert(tagBytes == crypto_stream_chacha20_NONCEBYTES);

// --- the check symbol -----------------------------------------------------------------------------------------------

// GF(32) as polynomials over GF(2) modulo x^5 + x^2 + 1; 2 (that is x) generates all 31 elements that are not 0.
constexpr std::uint8_t timesX(std::uint8_t element) {
    return static_cast<std::uint8_t>((element << 1) ^ (element & 0x10 ? 0x25 : 0));
}

// The symbol that makes Σ x^i · s_i = 0 over i = 0 … 31. A changed symbol changes the sum, for no weight is 0; so does
// an exchange of neighbours, for their weights differ (x^31 = 1 stands beside x^30).
std::uint8_t checkSymbol(const Symbols& symbols) {
    // Horner's rule from the last data symbol down to the first.
    std::uint8_t sum = 0;
    for (std::size_t i = dataSymbols; i-- > 0;) sum = timesX(sum) ^ symbols[i];
    return sum;
}

// --- 155 bits -------------------------------------------------------------------------------------------------------

struct Packed {
    std::uint8_t keyId = 0;
    Tag tag{};
    Block cipher{};
};

// Bits go in order, the highest of each number first: key id, tag, ciphertext; five to a symbol.
LicenseKey pack(const Packed& packed) {
    LicenseKey key;
    std::size_t position = 0;
    const auto put = [&](std::uint8_t value, int bits) {
        for (int bit = bits - 1; bit >= 0; --bit, ++position) {
            auto& symbol = key.symbols[position / 5];
            symbol = static_cast<std::uint8_t>(symbol << 1 | (value >> bit & 1));
        }
    };
    put(packed.keyId, 3);
    for (const auto byte : packed.tag) put(byte, 8);
    for (const auto byte : packed.cipher) put(byte, 8);
    key.symbols[dataSymbols] = checkSymbol(key.symbols);
    return key;
}

Packed unpack(const LicenseKey& key) {
    Packed packed;
    std::size_t position = 0;
    const auto take = [&](int bits) {
        std::uint8_t value = 0;
        for (int bit = 0; bit < bits; ++bit, ++position)
            value = static_cast<std::uint8_t>(value << 1 | (key.symbols[position / 5] >> (4 - position % 5) & 1));
        return value;
    };
    packed.keyId = take(3);
    for (auto& byte : packed.tag) byte = take(8);
    for (auto& byte : packed.cipher) byte = take(8);
    return packed;
}

Block toBytes(const KeyPayload& payload) {
    if (payload.serial >> 40 != 0 || payload.type > 15 || payload.flags > 15 || payload.salt >> 24 != 0)
        throw std::invalid_argument("a license key payload with a field wider than its bits");
    Block block{};
    for (int i = 0; i < 5; ++i) block[i] = static_cast<std::uint8_t>(payload.serial >> (8 * i));
    block[5] = static_cast<std::uint8_t>(payload.type | payload.flags << 4);
    for (int i = 0; i < 2; ++i) block[6 + i] = static_cast<std::uint8_t>(payload.expiryDay >> (8 * i));
    for (int i = 0; i < 3; ++i) block[8 + i] = static_cast<std::uint8_t>(payload.salt >> (8 * i));
    return block;
}

KeyPayload fromBytes(const Block& block) {
    KeyPayload payload;
    for (int i = 0; i < 5; ++i) payload.serial |= std::uint64_t{block[i]} << (8 * i);
    payload.type = block[5] & 15;
    payload.flags = block[5] >> 4;
    payload.expiryDay = static_cast<std::uint16_t>(block[6] | block[7] << 8);
    for (int i = 0; i < 3; ++i) payload.salt |= std::uint32_t{block[8 + i]} << (8 * i);
    return payload;
}

// --- sealing --------------------------------------------------------------------------------------------------------

Tag tagOf(const std::array<std::uint8_t, 32>& mac, std::uint8_t keyId, const Block& clear) {
    constexpr std::string_view domain = "CO-key-1";
    std::array<std::uint8_t, domain.size() + 1 + payloadBytes> message{};
    auto end = std::copy(domain.begin(), domain.end(), message.begin());
    *end++ = keyId;
    std::copy(clear.begin(), clear.end(), end);
    std::array<std::uint8_t, 32> digest{};
    crypto_generichash(digest.data(), digest.size(), message.data(), message.size(), mac.data(), mac.size());
    Tag tag{};
    std::copy_n(digest.begin(), tag.size(), tag.begin());
    sodium_memzero(message.data(), message.size());
    return tag;
}

// Its own inverse.
Block crypt(const std::array<std::uint8_t, 32>& enc, const Tag& tag, const Block& in) {
    Block out{};
    crypto_stream_chacha20_xor(out.data(), in.data(), in.size(), tag.data(), enc.data());
    return out;
}

// --- reading what was typed -----------------------------------------------------------------------------------------

// Length of a space, hyphen or Unicode dash at the front of `text`; 0 if there is none.
std::size_t ignorable(std::string_view text) {
    constexpr std::string_view ignored[] = {
        " ",
        "\t",
        "\r",
        "\n",
        "-",
        "\xc2\xa0",  // no-break space
        "\xc2\xad",  // soft hyphen
        "\xe2\x80\x87",
        "\xe2\x80\x89",
        "\xe2\x80\xaf",  // figure space, thin space, narrow no-break space
        "\xe2\x80\x90",
        "\xe2\x80\x91",
        "\xe2\x80\x92",  // hyphen, non-breaking hyphen, figure dash
        "\xe2\x80\x93",
        "\xe2\x80\x94",
        "\xe2\x80\x95",  // en dash, em dash, horizontal bar
        "\xe2\x88\x92",  // minus sign
        "\xef\xb9\x98",
        "\xef\xb9\xa3",
        "\xef\xbc\x8d",  // small em dash, small and full-width hyphen-minus
    };
    for (const auto mark : ignored)
        if (text.substr(0, mark.size()) == mark) return mark.size();
    return 0;
}

// The value 0 … 31 of a letter or digit, -1 for anything else.
int symbolValue(char c) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'I' || c == 'L') c = '1';
    if (c == 'O') c = '0';
    const auto at = alphabet.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string LicenseKey::text() const {
    std::string text = "CO";
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (i % groupSymbols == 0) text += '-';
        text += alphabet[symbols[i] & 31];
    }
    return text;
}

KeyResult<LicenseKey> parseLicenseKey(std::string_view text) {
    if (text.size() > maxTypedBytes) return KeyError::tooLong;
    std::vector<int> typed;
    while (!text.empty()) {
        const auto skip = ignorable(text);
        if (skip == 0) typed.push_back(symbolValue(text.front()));
        text.remove_prefix(std::max<std::size_t>(skip, 1));
    }
    if (typed.empty()) return KeyError::empty;
    if (typed.size() < 2 || typed[0] != symbolValue('C') || typed[1] != symbolValue('O')) return KeyError::badPrefix;
    typed.erase(typed.begin(), typed.begin() + 2);
    if (std::find(typed.begin(), typed.end(), -1) != typed.end()) return KeyError::badSymbol;

    LicenseKey key;
    if (typed.size() != key.symbols.size()) return KeyError::badLength;
    std::transform(typed.begin(), typed.end(), key.symbols.begin(), [](int v) { return static_cast<std::uint8_t>(v); });
    if (key.symbols[dataSymbols] != checkSymbol(key.symbols)) return KeyError::badCheck;
    return key;
}

// --- KeySecrets -----------------------------------------------------------------------------------------------------

KeySecrets::Secret::~Secret() {
    sodium_memzero(mac.data(), mac.size());
    sodium_memzero(enc.data(), enc.size());
    sodium_memzero(idx.data(), idx.size());
    sodium_memzero(roll.data(), roll.size());
}

KeySecrets::Secret KeySecrets::derive(const std::array<std::uint8_t, 32>& master) {
    constexpr std::string_view idDomain = "COkeyID";
    Secret secret;
    std::array<std::uint8_t, 32> digest{};
    crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(idDomain.data()),
                       idDomain.size(), master.data(), master.size());
    secret.id = digest.back() & 7;
    crypto_kdf_derive_from_key(secret.mac.data(), secret.mac.size(), 1, "COkeyMAC", master.data());
    crypto_kdf_derive_from_key(secret.enc.data(), secret.enc.size(), 2, "COkeyENC", master.data());
    crypto_kdf_derive_from_key(secret.idx.data(), secret.idx.size(), 3, "COkeyIDX", master.data());
    crypto_kdf_derive_from_key(secret.roll.data(), secret.roll.size(), 4, "COrolTok", master.data());
    sodium_memzero(digest.data(), digest.size());
    return secret;
}

std::optional<KeySecrets> KeySecrets::parse(std::string_view hexList, std::string* whyNot) {
    constexpr std::size_t maxSecrets = 8;
    const auto refuse = [&](std::string_view reason) -> std::optional<KeySecrets> {
        if (whyNot != nullptr) *whyNot = reason;  // never a word of the secrets themselves
        return std::nullopt;
    };
    startSodium();
    KeySecrets secrets;
    secrets.secrets_.reserve(maxSecrets);
    for (bool more = true; more;) {
        const auto comma = hexList.find(',');
        const auto hex = hexList.substr(0, comma);
        more = comma != std::string_view::npos;
        if (more) hexList.remove_prefix(comma + 1);

        std::array<std::uint8_t, 32> master{};
        std::size_t length = 0;
        const char* end = nullptr;
        const bool good =
            hex.size() == 2 * master.size() &&
            sodium_hex2bin(master.data(), master.size(), hex.data(), hex.size(), nullptr, &length, &end) == 0 &&
            length == master.size() && end == hex.data() + hex.size();
        if (!good) {
            sodium_memzero(master.data(), master.size());
            return refuse("each secret must be 64 hex digits, separated by commas");
        }
        const Secret secret = derive(master);
        sodium_memzero(master.data(), master.size());
        if (secrets.secrets_.size() == maxSecrets) return refuse("more than eight secrets");
        if (secrets.find(secret.id) != nullptr)
            return refuse("two secrets have the same key id: choose another for the newest");
        secrets.secrets_.push_back(secret);
    }
    return secrets;
}

const KeySecrets::Secret* KeySecrets::find(std::uint8_t id) const {
    const auto it =
        std::find_if(secrets_.begin(), secrets_.end(), [&](const Secret& secret) { return secret.id == id; });
    return it == secrets_.end() ? nullptr : &*it;
}

LicenseKey KeySecrets::seal(const KeyPayload& payload) const {
    return seal(payload, secrets_.at(0).id).value();
}

KeyResult<LicenseKey> KeySecrets::seal(const KeyPayload& payload, std::uint8_t keyId) const {
    const Secret* secret = find(keyId);
    if (secret == nullptr) return KeyError::unknownKeyId;
    const Block clear = toBytes(payload);
    const Tag tag = tagOf(secret->mac, secret->id, clear);
    return pack({secret->id, tag, crypt(secret->enc, tag, clear)});
}

KeyResult<KeyPayload> KeySecrets::open(const LicenseKey& key) const {
    const Packed packed = unpack(key);
    const Secret* secret = find(packed.keyId);
    if (secret == nullptr) return KeyError::unknownKeyId;
    const Block clear = crypt(secret->enc, packed.tag, packed.cipher);
    const Tag tag = tagOf(secret->mac, packed.keyId, clear);
    if (sodium_memcmp(tag.data(), packed.tag.data(), tag.size()) != 0) return KeyError::notAuthentic;
    return fromBytes(clear);
}

KeyResult<std::array<std::uint8_t, 32>> KeySecrets::index(const LicenseKey& key) const {
    const Secret* secret = find(key.keyId());
    if (secret == nullptr) return KeyError::unknownKeyId;
    std::array<std::uint8_t, 32> digest{};
    crypto_generichash(digest.data(), digest.size(), key.symbols.data(), key.symbols.size(), secret->idx.data(),
                       secret->idx.size());
    return digest;
}

std::uint8_t KeySecrets::newestId() const {
    return secrets_.at(0).id;
}

std::optional<std::array<std::uint8_t, 16>> KeySecrets::rollingMac(std::uint8_t keyId, std::string_view fields) const {
    const Secret* secret = find(keyId);
    if (secret == nullptr) return std::nullopt;
    std::array<std::uint8_t, 16> mac{};
    crypto_generichash(mac.data(), mac.size(), reinterpret_cast<const unsigned char*>(fields.data()), fields.size(),
                       secret->roll.data(), secret->roll.size());
    return mac;
}

// --- words ----------------------------------------------------------------------------------------------------------

std::string_view toString(KeyError error) {
    switch (error) {
        case KeyError::empty:
            return "empty";
        case KeyError::tooLong:
            return "too-long";
        case KeyError::badPrefix:
            return "bad-prefix";
        case KeyError::badLength:
            return "bad-length";
        case KeyError::badSymbol:
            return "bad-symbol";
        case KeyError::badCheck:
            return "bad-check";
        case KeyError::unknownKeyId:
            return "unknown-key-id";
        case KeyError::notAuthentic:
            return "not-authentic";
    }
    return "unknown";
}

std::string_view explain(KeyError error) {
    switch (error) {
        case KeyError::empty:
            return "No license key was given. It looks like CO-XXXXXXXX-XXXXXXXX-XXXXXXXX-XXXXXXXX.";
        case KeyError::tooLong:
            return "That is too long for a license key. Copy only the key, from CO- to its last letter.";
        case KeyError::badPrefix:
            return "A license key begins with CO-. Copy the whole key.";
        case KeyError::badLength:
            return "That key has letters missing or doubled: four groups of eight follow CO-.";
        case KeyError::badSymbol:
            return "That key has a character no license key contains. The letter U is never used.";
        case KeyError::badCheck:
            return "That key has a typing error. Compare it with the original, letter by letter.";
        case KeyError::unknownKeyId:
            return "That license key was not issued by this authority.";
        case KeyError::notAuthentic:
            return "That license key was not issued by this authority.";
    }
    return "That license key was refused.";
}

void throw_exception_from_error(KeyError error, const boost::source_location&) {
    throw std::logic_error("unexpected refusal of a license key: " + std::string(toString(error)));
}

}  // namespace entitle
