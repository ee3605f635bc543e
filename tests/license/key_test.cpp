// The license key people type. The weights and bits of KEY.md are worked out here a second time, not taken from
// key.cpp.
#include "license/key.h"

#include <random>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace entitle {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view newest = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view older = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
constexpr std::size_t check = 31;

KeySecrets secretsOf(const std::string& list) {
    std::string why;
    auto secrets = KeySecrets::parse(list, &why);
    if (!secrets) throw std::invalid_argument(why);
    return std::move(*secrets);
}
KeySecrets secrets() {
    return secretsOf(std::string(newest));
}

// An own GF(32), by long multiplication modulo x^5 + x^2 + 1, to check the product's by.
int times(int a, int b) {
    int product = 0;
    for (int bit = 0; bit < 5; ++bit)
        if (b >> bit & 1) product ^= a << bit;
    for (int bit = 8; bit >= 5; --bit)
        if (product >> bit & 1) product ^= 0b100101 << (bit - 5);
    return product;
}

const std::array<int, 32>& weights() {
    static const auto table = [] {
        std::array<int, 32> powers{};
        powers[0] = 1;
        for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = times(powers[i - 1], 2);
        return powers;
    }();
    return table;
}

using Symbols = std::array<std::uint8_t, 32>;

void repair(Symbols& symbols) {
    static const auto table = [] {
        std::array<std::array<std::uint8_t, 32>, 31> products{};
        for (std::size_t i = 0; i < 31; ++i)
            for (int value = 0; value < 32; ++value)
                products[i][static_cast<std::size_t>(value)] = static_cast<std::uint8_t>(times(weights()[i], value));
        return products;
    }();
    std::uint8_t sum = 0;
    for (std::size_t i = 0; i < check; ++i) sum ^= table[i][symbols[i]];
    symbols[check] = sum;
}

std::string textOf(const Symbols& symbols) {
    return LicenseKey{symbols}.text();
}

Symbols randomSymbols(std::mt19937_64& random) {
    Symbols symbols{};
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (i % 12 == 0) bits = random();
        symbols[i] = bits & 31;
        bits >>= 5;
    }
    return symbols;
}

KeyError refusal(std::string_view text) {
    const auto key = parseLicenseKey(text);
    return key ? KeyError{} : key.error();
}

// --- sealing --------------------------------------------------------------------------------------------------------

TEST(LicenseKey, OpensToWhatWasSealed) {
    const KeyPayload payload{123'456'789'012, 3, 9, 700, 0xabcdef};
    const auto key = secrets().seal(payload);
    EXPECT_EQ(secrets().open(key).value(), payload);
    EXPECT_EQ(secrets().seal(payload), key);
}

RC_GTEST_PROP(LicenseKey, EveryPayloadComesBackThroughItsText, ()) {
    const KeyPayload payload{*rc::gen::inRange<std::uint64_t>(0, 1ull << 40), *rc::gen::inRange<std::uint8_t>(0, 16),
                             *rc::gen::inRange<std::uint8_t>(0, 16), *rc::gen::arbitrary<std::uint16_t>(),
                             *rc::gen::inRange<std::uint32_t>(0, 1u << 24)};
    const auto read = parseLicenseKey(secrets().seal(payload).text());
    RC_ASSERT(bool(read));
    RC_ASSERT(secrets().open(*read).value() == payload);
}

TEST(LicenseKey, TheLargestFieldsFitAndLargerOnesAreAFault) {
    const KeyPayload largest{(1ull << 40) - 1, 15, 15, 65535, (1u << 24) - 1};
    EXPECT_EQ(secrets().open(secrets().seal(largest)).value(), largest);
    for (const KeyPayload& over : {KeyPayload{1ull << 40, 0, 0, 0, 0}, KeyPayload{0, 16, 0, 0, 0},
                                   KeyPayload{0, 0, 16, 0, 0}, KeyPayload{0, 0, 0, 0, 1u << 24}})
        EXPECT_THROW(secrets().seal(over), std::invalid_argument);
}

TEST(LicenseKey, NeighbouringPayloadsLookUnrelated) {
    const auto a = secrets().seal({1, 2, 0, 0, 0}).symbols;
    const auto b = secrets().seal({2, 2, 0, 0, 0}).symbols;
    int same = 0;
    for (std::size_t i = 0; i < check; ++i) same += a[i] == b[i];
    EXPECT_LT(same, 8);
}

TEST(LicenseKey, HasItsText) {
    const auto text = secrets().seal({1, 2, 0, 0, 0}).text();
    ASSERT_EQ(text.size(), 38u);
    EXPECT_EQ(text.substr(0, 3), "CO-");
    for (const std::size_t hyphen : {2, 11, 20, 29}) EXPECT_EQ(text[hyphen], '-');
    EXPECT_EQ(text.find_first_of("ILOU", 3), std::string::npos);
}

// --- forgery --------------------------------------------------------------------------------------------------------

// Both with a key id that exists: the tag, not the list of secrets, is what refuses them.
TEST(LicenseKey, NoneOfAMillionRandomKeysOpens) {
    const auto authority = secrets();
    const auto id = secrets().seal({}).keyId();
    std::mt19937_64 random(20261122);
    for (int i = 0; i < 1'000'000; ++i) {
        LicenseKey key{randomSymbols(random)};
        key.symbols[0] = static_cast<std::uint8_t>(id << 2 | (key.symbols[0] & 3));
        repair(key.symbols);
        if (i % 1000 == 0) {
            ASSERT_EQ(refusal(key.text()), KeyError{});
        }
        ASSERT_EQ(authority.open(key).error(), KeyError::notAuthentic) << key.text();
    }
}

TEST(LicenseKey, NoneOfAMillionMutantsWithARepairedCheckOpens) {
    const auto authority = secrets();
    std::mt19937_64 random(42);
    LicenseKey current;
    for (int i = 0; i < 1'000'000; ++i) {
        if (i % 100 == 0) current = authority.seal({random() >> 24, 2, 0, 0, 0});
        LicenseKey mutant = current;
        const auto changes = 1 + random() % 3;
        for (std::uint64_t change = 0; change < changes; ++change) {
            // Not symbol 0, which holds the key id: that is the next test's.
            const auto where = 1 + random() % (check - 1);
            mutant.symbols[where] ^= static_cast<std::uint8_t>(1 + random() % 31);
        }
        repair(mutant.symbols);
        if (mutant == current) continue;
        ASSERT_EQ(authority.open(mutant).error(), KeyError::notAuthentic) << mutant.text();
    }
}

TEST(LicenseKey, NoneOfAHundredThousandSwappedKeyIdsOpens) {
    const auto both = secretsOf(std::string(newest) + "," + std::string(older));
    const auto ids =
        std::array{secretsOf(std::string(newest)).seal({}).keyId(), secretsOf(std::string(older)).seal({}).keyId()};
    ASSERT_NE(ids[0], ids[1]);
    for (std::uint64_t serial = 0; serial < 100'000; ++serial) {
        auto key = both.seal({serial, 1, 0, 0, 0});
        ASSERT_EQ(key.keyId(), ids[0]);
        key.symbols[0] = static_cast<std::uint8_t>(ids[1] << 2 | (key.symbols[0] & 3));
        repair(key.symbols);
        ASSERT_EQ(both.open(key).error(), KeyError::notAuthentic);
    }
}

// --- the check symbol -----------------------------------------------------------------------------------------------

TEST(CheckSymbol, EverySubstitutionIsCaught) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 20; ++round) {
        Symbols symbols = randomSymbols(random);
        repair(symbols);
        ASSERT_EQ(refusal(textOf(symbols)), KeyError{});
        for (std::size_t at = 0; at < symbols.size(); ++at) {
            for (std::uint8_t error = 1; error < 32; ++error) {
                Symbols wrong = symbols;
                wrong[at] ^= error;
                ASSERT_EQ(refusal(textOf(wrong)), KeyError::badCheck) << at;
            }
        }
    }
}

// Exhaustive over neighbours and their values: every pair of unequal symbols at every place.
TEST(CheckSymbol, EveryAdjacentSwapIsCaught) {
    std::mt19937_64 random(2);
    for (std::size_t at = 0; at + 1 < 32; ++at) {
        for (std::uint8_t a = 0; a < 32; ++a) {
            for (std::uint8_t b = 0; b < 32; ++b) {
                if (a == b) continue;
                Symbols symbols = randomSymbols(random);
                symbols[at] = a;
                if (at + 1 < check) symbols[at + 1] = b;
                repair(symbols);
                if (at + 1 == check) {
                    // The check symbol is the second of the pair: the first symbol, of weight 1, makes it b.
                    symbols[0] ^= symbols[check] ^ b;
                    repair(symbols);
                    ASSERT_EQ(symbols[check], b);
                }
                ASSERT_EQ(refusal(textOf(symbols)), KeyError{});
                std::swap(symbols[at], symbols[at + 1]);
                ASSERT_EQ(refusal(textOf(symbols)), KeyError::badCheck) << at << ": " << int(a) << ", " << int(b);
            }
        }
    }
}

TEST(CheckSymbol, EveryChangedBitOfEveryRealKeyIsCaught) {
    for (std::uint64_t serial = 0; serial < 200; ++serial) {
        const auto key = secrets().seal({serial, 1, 0, 0, 0});
        for (std::size_t at = 0; at < 32; ++at)
            for (int bit = 0; bit < 5; ++bit) {
                Symbols wrong = key.symbols;
                wrong[at] ^= static_cast<std::uint8_t>(1 << bit);
                ASSERT_EQ(refusal(textOf(wrong)), KeyError::badCheck);
            }
    }
}

// --- typing ---------------------------------------------------------------------------------------------------------

TEST(Typing, CaseSpacesHyphensAndDashesDoNotMatter) {
    const auto key = secrets().seal({77, 2, 0, 0, 5});
    const std::string text = key.text();
    std::string lower, bare, spaced;
    for (const char c : text) {
        lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (c != '-') bare += c;
        if (c != '-') spaced += c;
        if (c == '-') spaced += " ";
    }
    for (const auto& typed : {text, lower, bare, spaced, "  " + text + "\r\n", "\t" + bare})
        EXPECT_EQ(parseLicenseKey(typed).value(), key) << typed;
    for (const char* dash :
         {"\xe2\x80\x90", "\xe2\x80\x91", "\xe2\x80\x92", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95",
          "\xe2\x88\x92", "\xef\xb9\x98", "\xef\xb9\xa3", "\xef\xbc\x8d", "\xc2\xad", "\xc2\xa0"}) {
        std::string typed;
        for (const char c : text) typed += c == '-' ? std::string(dash) : std::string(1, c);
        EXPECT_EQ(parseLicenseKey(typed).value(), key) << typed;
    }
}

TEST(Typing, LettersThatLookAlikeAreReadAsTheDigit) {
    // A key with a 0 and a 1 in it, whatever the secret: search for one.
    for (std::uint64_t serial = 0;; ++serial) {
        const auto key = secrets().seal({serial, 0, 0, 0, 0});
        const auto text = key.text().substr(2);
        if (text.find('0') == std::string::npos || text.find('1') == std::string::npos) continue;
        for (const auto& [one, zero] :
             {std::pair{'I', 'O'}, std::pair{'l', 'o'}, std::pair{'i', '0'}, std::pair{'L', 'o'}}) {
            std::string typed = text;
            for (char& c : typed) c = c == '1' ? one : c == '0' ? zero : c;
            EXPECT_EQ(parseLicenseKey("CO" + typed).value(), key);
            EXPECT_EQ(parseLicenseKey("c0" + typed).value(), key);
        }
        break;
    }
}

TEST(Typing, EveryRefusalHasItsReason) {
    const std::string text = secrets().seal({77, 2, 0, 0, 5}).text();
    EXPECT_EQ(refusal(""), KeyError::empty);
    EXPECT_EQ(refusal(" - \xe2\x80\x93 "), KeyError::empty);
    EXPECT_EQ(refusal("C"), KeyError::badPrefix);
    EXPECT_EQ(refusal(text.substr(2)), KeyError::badPrefix);
    EXPECT_EQ(refusal("OC" + text.substr(2)), KeyError::badPrefix);
    EXPECT_EQ(refusal("CO"), KeyError::badLength);
    EXPECT_EQ(refusal(text + "0"), KeyError::badLength);
    EXPECT_EQ(refusal(text.substr(0, 37)), KeyError::badLength);
    EXPECT_EQ(refusal(text + std::string(27, ' ')), KeyError::tooLong);
    EXPECT_EQ(refusal(text + std::string(26, ' ')), KeyError{});
    for (const auto& symbol : {"U"s, "u"s, "\0"s, "\xff"s, "!"s, "_"s, "."s, "\x7f"s, "é"s, "\xe2\x80"s, "\x80"s})
        EXPECT_EQ(refusal(text.substr(0, 5) + symbol + text.substr(6)), KeyError::badSymbol) << symbol;
}

TEST(Typing, NulAndAMegabyteAreRefused) {
    const std::string text = secrets().seal({77, 2, 0, 0, 5}).text();
    EXPECT_EQ(refusal(text + '\0'), KeyError::badSymbol);
    EXPECT_EQ(refusal("\0"s + text), KeyError::badPrefix);
    EXPECT_EQ(refusal(std::string(1'000'000, 'A')), KeyError::tooLong);
    EXPECT_EQ(refusal(std::string(1'000'000, '\0')), KeyError::tooLong);
    EXPECT_EQ(refusal(std::string(64, '\0')), KeyError::badPrefix);
}

TEST(Typing, EveryByteAtEveryPlaceIsRefusedOrReadsTheSame) {
    const auto key = secrets().seal({77, 2, 0, 0, 5});
    const std::string text = key.text();
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string typed = text;
            typed[at] = static_cast<char>(byte);
            const auto read = parseLicenseKey(typed);
            if (read) {
                ASSERT_EQ(*read, key) << at << ", " << byte;
            }
        }
    }
}

RC_GTEST_PROP(Typing, NoBytesBreakIt, (const std::string& bytes)) {
    const auto key = parseLicenseKey("CO" + bytes);
    RC_ASSERT((!key || parseLicenseKey(key->text()).value() == *key));
}

// --- secrets --------------------------------------------------------------------------------------------------------

TEST(KeySecrets, OldKeysStillOpenAfterARotation) {
    const auto before = secretsOf(std::string(older));
    const auto after = secretsOf(std::string(newest) + "," + std::string(older));
    const KeyPayload payload{5, 1, 0, 0, 0};
    const auto old = before.seal(payload);
    EXPECT_EQ(after.open(old).value(), payload);
    EXPECT_EQ(after.index(old).value(), before.index(old).value());
    EXPECT_EQ(after.seal(payload, old.keyId()).value(), old);
    EXPECT_NE(after.seal(payload), old);
    EXPECT_EQ(before.open(after.seal(payload)).error(), KeyError::unknownKeyId);
    EXPECT_EQ(before.index(after.seal(payload)).error(), KeyError::unknownKeyId);
    EXPECT_EQ(before.seal(payload, after.seal(payload).keyId()).error(), KeyError::unknownKeyId);
}

std::string secretWithId(std::uint8_t id) {
    for (int i = 0;; ++i) {
        char hex[65];
        std::snprintf(hex, sizeof hex, "%064x", i);
        if (secretsOf(hex).seal({}).keyId() == id) return hex;
    }
}

TEST(KeySecrets, EightMayBeHeldAndEachOpensItsOwn) {
    std::string list;
    for (std::uint8_t id = 0; id < 8; ++id) list += (id ? "," : "") + secretWithId(id);
    const auto all = secretsOf(list);
    for (std::uint8_t id = 0; id < 8; ++id) {
        const auto key = secretsOf(secretWithId(id)).seal({id, 0, 0, 0, 0});
        EXPECT_EQ(all.open(key).value().serial, id);
        EXPECT_EQ(key.keyId(), id);
    }
    std::string why;
    EXPECT_FALSE(KeySecrets::parse(list + "," + std::string(newest), &why));
    EXPECT_EQ(why, "more than eight secrets");
}

TEST(KeySecrets, TwoOfOneKeyIdAreRefused) {
    std::string why;
    EXPECT_FALSE(KeySecrets::parse(std::string(newest) + "," + std::string(newest), &why));
    EXPECT_EQ(why, "two secrets have the same key id: choose another for the newest");
}

TEST(KeySecrets, OnlyCommaSeparatedHexOf32BytesIsRead) {
    const std::string hex(newest);
    EXPECT_TRUE(KeySecrets::parse("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"));
    for (const auto& bad :
         {""s, ","s, hex + ",", "," + hex, hex + ",," + std::string(older), hex + " ", " " + hex, hex + "\n",
          hex.substr(0, 62), hex + "00", hex.substr(0, 63) + "g", hex.substr(0, 63), "0x" + hex.substr(2),
          hex + ";" + std::string(older), std::string(1'000'000, '0'), std::string(64, '\0')}) {
        std::string why;
        EXPECT_FALSE(KeySecrets::parse(bad, &why)) << bad.substr(0, 200);
        // The reason goes to a log: not a byte of the secret in it.
        EXPECT_EQ(why, "each secret must be 64 hex digits, separated by commas");
    }
}

TEST(KeySecrets, TheIndexIsOfTheKeyAndNeedsTheSecret) {
    const auto key = secrets().seal({1, 2, 3, 4, 5});
    EXPECT_EQ(secrets().index(key).value(), secrets().index(key).value());
    EXPECT_NE(secrets().index(key).value(), secrets().index(secrets().seal({2, 2, 3, 4, 5})).value());
    EXPECT_NE(secrets().index(key).value(), secretsOf(secretWithId(key.keyId())).index(key).value());
}

TEST(KeyError, EveryOneHasItsWordAndASentence) {
    std::string words;
    for (int code = 1; code <= static_cast<int>(KeyError::notAuthentic); ++code) {
        words.append(toString(static_cast<KeyError>(code))).append(" ");
        EXPECT_TRUE(explain(static_cast<KeyError>(code)).ends_with('.'));
    }
    EXPECT_EQ(words, "empty too-long bad-prefix bad-length bad-symbol bad-check unknown-key-id not-authentic ");
    // Which of the two it was is nobody's business but the operator's.
    EXPECT_EQ(explain(KeyError::unknownKeyId), explain(KeyError::notAuthentic));
    EXPECT_THROW(parseLicenseKey("").value(), std::logic_error);
}

}  // namespace
}  // namespace entitle
