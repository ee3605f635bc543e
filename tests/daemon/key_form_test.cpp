#include "daemon/key_form.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "daemon/sealing.h"

namespace entitle {
namespace {

const VerifyKey device = SecretKey::fromSeed({1}).verifyKey();
const VerifyKey former = SecretKey::fromSeed({2}).verifyKey(), earlier = SecretKey::fromSeed({3}).verifyKey();

SealedKey sample() {
    return {KeyLevel::tpm2, device, {former, earlier}, std::string(200, 's')};
}

TEST(KeyForm, WhatIsPrintedReadsAsTheSame) {
    auto key = sample();
    EXPECT_EQ(std::get<SealedKey>(readKey(printKey(key))), key);
    key.formers.clear();
    key.level = KeyLevel::systemdCreds;
    EXPECT_EQ(std::get<SealedKey>(readKey(printKey(key))), key);

    for (const auto& before :
         std::vector<std::vector<VerifyKey>>{{}, {former}, {former, earlier}, std::vector(maxFormers, former)}) {
        const auto plain = readKey(printKey(PlainKey{SecretKey::fromSeed({1}), before}));
        EXPECT_EQ(std::get<PlainKey>(plain).key.verifyKey(), device);
        EXPECT_EQ(std::get<PlainKey>(plain).formers, before);
    }
}

TEST(KeyForm, EveryChangedBitOfASealedOneIsNoticedAndEveryTruncation) {
    const auto whole = printKey(sample());
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            auto changed = whole;
            changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
            ASSERT_TRUE(std::holds_alternative<KeyFormError>(readKey(changed))) << i;
        }
        ASSERT_TRUE(std::holds_alternative<KeyFormError>(readKey(whole.substr(0, i)))) << i;
    }
    EXPECT_TRUE(std::holds_alternative<KeyFormError>(readKey(whole + "x")));
}

TEST(KeyForm, ANewerVersionIsNotTakenForDamage) {
    auto newer = printKey(sample());
    newer[8] = 2;
    EXPECT_EQ(std::get<KeyFormError>(readKey(newer)), KeyFormError::newerVersion);
    newer[8] = 0;
    EXPECT_EQ(std::get<KeyFormError>(readKey(newer)), KeyFormError::damaged);
}

TEST(KeyForm, OnlyWholeLinesOfAKeyInTheClearAreTaken) {
    const auto whole = printKey(PlainKey{SecretKey::fromSeed({1}), {former, earlier}});
    for (std::size_t i = 0; i < whole.size(); ++i) {
        if (whole[i] == '\n' && i + 1 < whole.size()) continue;  // what ends there is a key without a former one
        if (i > 0 && whole[i - 1] == '\n') continue;
        ASSERT_TRUE(std::holds_alternative<KeyFormError>(readKey(whole.substr(0, i)))) << i;
    }
    EXPECT_TRUE(std::holds_alternative<KeyFormError>(readKey(whole + "\n")));
    EXPECT_TRUE(std::holds_alternative<KeyFormError>(readKey("\n" + whole)));
    EXPECT_TRUE(std::holds_alternative<KeyFormError>(readKey(whole + former.paserk() + "\n")));
    auto tooMany = whole;
    for (std::size_t i = 2; i <= maxFormers; ++i) tooMany += "formerly " + former.paserk() + "\n";
    EXPECT_TRUE(std::holds_alternative<KeyFormError>(readKey(tooMany)));
}

TEST(KeyForm, WhatNobodyCouldReadIsNotPrinted) {
    auto key = sample();
    key.sealed.assign(maxSealedBytes + 1, 's');
    EXPECT_THROW(printKey(key), std::invalid_argument);
    key.sealed.clear();
    EXPECT_THROW(printKey(key), std::invalid_argument);
    key = sample();
    key.level = KeyLevel::file;
    EXPECT_THROW(printKey(key), std::invalid_argument);
    key = sample();
    key.formers.assign(maxFormers + 1, former);
    EXPECT_THROW(printKey(key), std::invalid_argument);
    EXPECT_THROW(printKey(PlainKey{SecretKey::fromSeed({1}), key.formers}), std::invalid_argument);
    key.formers.pop_back();
    key.sealed.assign(maxSealedBytes, 's');
    EXPECT_EQ(std::get<SealedKey>(readKey(printKey(key))), key) << "the largest there is";
    EXPECT_LE(printKey(key).size(), maxKeyFileBytes);
}

}  // namespace
}  // namespace entitle
