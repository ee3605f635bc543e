#include "daemon/key_vault.h"

#include <filesystem>
#include <functional>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/credential_seal.h"
#include "tests/daemon/faulty_calls.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using ::testing::ElementsAre;
using testing::FaultyCalls;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::readFile;
using ::testing::SizeIs;
using testing::TemporaryDirectory;
using testing::writeFile;

// Stands where a TPM stands; what sealing itself is worth is tpm_test's to say. Seals by a real cipher all the same.
class StandIn final : public Sealer {
  public:
    KeyLevel level() const override { return KeyLevel::tpm2; }
    std::string obstacle() const override { return there ? "" : "this machine shows no TPM 2.0"; }
    SealResult<std::string> seal(const Seed& seed, const VerifyKey& device) override {
        if (fault) return SealProblem{*fault, "the stand-in does not seal"};
        return cipher().seal(seed, device);
    }
    SealResult<Seed> unseal(std::string_view sealed, const VerifyKey& device) override {
        if (!there) return SealProblem{SealFault::absent, obstacle()};
        if (fault || opensNothing) return SealProblem{fault.value_or(SealFault::busy), "the stand-in does not answer"};
        return cipher().unseal(sealed, device);
    }
    bool there = true;
    bool opensNothing = false;
    std::optional<SealFault> fault;
    char secret = 't';  // another one: another TPM

  private:
    CredentialSealer cipher() const { return CredentialSealer(std::string(32, secret)); }
};

struct Place {
    TemporaryDirectory temporary;
    FaultyCalls calls;
    std::unique_ptr<OwnedDirectory> directory =
        OwnedDirectory::open(temporary.path(), OwnedDirectory::Privacy::secret, calls).value();
    StandIn tpm;
    CredentialSealer credential{std::string(32, 'c')};
    std::vector<Sealer*> sealers;
    std::optional<KeyLevel> wanted;
    std::string file = temporary / "device.key";

    Place() { tpm.there = false; }
    FileResult<OpenedKey> open() { return DeviceKeyVault(*directory, wanted, sealers).open(); }
    OpenedKey opened() {
        auto key = open();
        if (!key) throw std::runtime_error(key.error().message);
        return *std::move(key);
    }
    void all() { sealers = {&tpm, &credential}; }
    bool holdsItInTheClear() const { return readFile(file).find("k4.secret.") != std::string::npos; }
};

TEST(KeyVault, TheKeyIsMadeOnceAndComesBackTheSame) {
    Place place;
    const auto made = place.opened();
    EXPECT_EQ(made.level, KeyLevel::file);
    const auto again = place.opened();
    EXPECT_EQ(again.key.verifyKey(), made.key.verifyKey());
    EXPECT_NE(again.key.secret(), nullptr);
    EXPECT_THAT(again.findings, IsEmpty());
}

TEST(KeyVault, TheKeyRestsInAFileThatOnlyItsOwnerMayRead) {
    Place place;
    (void)place.opened();
    struct stat status {};
    ASSERT_EQ(::stat(place.file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    ASSERT_EQ(::chmod(place.file.c_str(), 0640), 0);
    EXPECT_EQ(place.open().error().fault, FileFault::insecure);
}

TEST(KeyVault, EveryChangedByteAndEveryTruncationIsNoticedAndKeptAside) {
    Place place;
    const auto device = place.opened().key.verifyKey();
    const auto whole = readFile(place.file);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto damaged = whole;
        damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
        for (const auto& text : {damaged, whole.substr(0, i), whole + "\n"}) {
            writeFile(place.file, text);
            const auto opened = place.opened();
            ASSERT_NE(opened.key.verifyKey(), device) << i;
            ASSERT_THAT(opened.findings, SizeIs(1)) << i;
            ASSERT_EQ(readFile(place.temporary / "device.key.corrupt-1"), text);
            std::filesystem::remove(place.temporary / "device.key.corrupt-1");
        }
    }
}

TEST(KeyVault, ADamagedSealedKeyIsAsLostAndStillTellsWhoItWas) {
    Place place;
    place.all();
    const auto earlier = place.opened().key.verifyKey();
    const auto device = DeviceKeyVault(*place.directory, std::nullopt, place.sealers).replace().value().key.verifyKey();
    std::filesystem::remove(place.temporary / "device.key.corrupt-1");
    const auto whole = readFile(place.file);
    constexpr std::size_t versionEnds = 12, deviceBegins = 16, deviceEnds = 48, countEnds = 52, formerEnds = 84;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
        for (const auto& text : {damaged, whole.substr(0, i), whole + "x"}) {
            writeFile(place.file, text);
            const auto opened = place.open();
            if (i >= 8 && i < versionEnds && text == damaged) {
                ASSERT_EQ(opened.error().fault, FileFault::newerFormat) << i;
                continue;
            }
            ASSERT_TRUE(opened) << i;
            ASSERT_NE(opened->key.verifyKey(), device) << i;
            ASSERT_THAT(opened->findings, SizeIs(1)) << i;
            ASSERT_EQ(readFile(place.temporary / "device.key.corrupt-1"), text);
            std::filesystem::remove(place.temporary / "device.key.corrupt-1");
            const auto& formers = opened->key.formers;
            // How many are told, and which of them the damage is in.
            const bool cut = text.size() < whole.size(), changed = text == damaged;
            std::size_t told = 2;
            if (cut ? i < deviceEnds : changed && i < 8) {
                told = 0;
            } else if (cut ? i < formerEnds : changed && i >= deviceEnds && i < countEnds) {
                told = 1;
            }
            ASSERT_THAT(formers, SizeIs(told)) << i;
            if (told > 0) {
                ASSERT_EQ(formers[0] == device, !(changed && i >= deviceBegins && i < deviceEnds)) << i;
            }
            if (told > 1) {
                ASSERT_EQ(formers[1] == earlier, !(changed && i >= countEnds && i < formerEnds)) << i;
            }
            ASSERT_THAT(opened->findings[0].advice,
                        HasSubstr(formers.empty() ? "is not known any more" : "if the damaged file still says whose"))
                << i;
        }
    }
}

TEST(KeyVault, ADamagedSealedKeyThatIsGivenUpStillTellsWhoItWas) {
    Place place;
    place.all();
    const auto device = place.opened().key.verifyKey();
    auto damaged = readFile(place.file);
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    writeFile(place.file, damaged);
    const auto made = DeviceKeyVault(*place.directory, std::nullopt, place.sealers).replace().value();
    EXPECT_THAT(made.key.formers, ElementsAre(device));
}

TEST(KeyVault, ADamagedKeyIsSaidInWordsThatDoNotShowIt) {
    Place place;
    (void)place.opened();
    const auto damaged = readFile(place.file).substr(0, 60) + "\n";
    writeFile(place.file, damaged);
    const auto opened = place.opened();
    ASSERT_THAT(opened.findings, SizeIs(1));
    EXPECT_EQ(opened.findings[0].level, Finding::Level::problem);
    EXPECT_THAT(opened.findings[0].message, HasSubstr("device.key.corrupt-1"));
    EXPECT_THAT(opened.findings[0].message, ::testing::Not(HasSubstr(damaged.substr(10, 20))));
    EXPECT_THAT(opened.findings[0].advice, HasSubstr("entitlectl activate"));
    EXPECT_THAT(opened.findings[0].advice, HasSubstr("not in force")) << "nothing tells whose the license was";
    writeFile(place.file, std::string(5'000, 'x'));
    EXPECT_THAT(place.opened().findings, SizeIs(1)) << "nor one that is too large";
}

TEST(KeyVault, ANewerFormIsLeftAlone) {
    Place place;
    const std::string newer = std::string("ENTSEAL\n\x09\0\0\0", 12) + std::string(100, 'n');
    writeFile(place.file, newer);
    std::filesystem::permissions(place.file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(place.open().error().fault, FileFault::newerFormat);
    EXPECT_EQ(readFile(place.file), newer);
}

TEST(KeyVault, ASymbolicLinkInItsPlaceIsRefused) {
    Place place;
    writeFile(place.temporary / "other", SecretKey::fromSeed({1}).paserk() + "\n");
    std::filesystem::create_symlink("other", place.file);
    EXPECT_EQ(place.open().error().fault, FileFault::insecure);
}

// --- levels
// -----------------------------------------------------------------------------------------------------------

TEST(KeyVault, TheBestLevelThatIsThereIsTakenByItself) {
    Place place;
    place.all();
    EXPECT_EQ(place.opened().level, KeyLevel::systemdCreds);
    EXPECT_FALSE(place.holdsItInTheClear());
    Place other;
    other.all();
    other.tpm.there = true;
    EXPECT_EQ(other.opened().level, KeyLevel::tpm2);
}

TEST(KeyVault, AKeyMovesUpByItselfAndNeverDown) {
    Place place;
    const auto device = place.opened().key.verifyKey();
    ASSERT_TRUE(place.holdsItInTheClear());
    place.all();
    EXPECT_EQ(place.opened().level, KeyLevel::systemdCreds);
    EXPECT_FALSE(place.holdsItInTheClear());
    place.tpm.there = true;
    auto opened = place.opened();
    EXPECT_EQ(opened.level, KeyLevel::tpm2);
    EXPECT_EQ(opened.key.verifyKey(), device);
    EXPECT_THAT(opened.findings, IsEmpty());

    place.tpm.there = false;
    opened = place.opened();
    EXPECT_EQ(opened.level, KeyLevel::tpm2);
    EXPECT_EQ(opened.key.verifyKey(), device) << "who it is stays known";
    EXPECT_EQ(opened.key.secret(), nullptr);
    place.tpm.there = true;
    EXPECT_NE(place.opened().key.secret(), nullptr);
}

TEST(KeyVault, AnExplicitLevelIsTakenInBothDirections) {
    Place place;
    place.all();
    place.tpm.there = true;
    const auto device = place.opened().key.verifyKey();
    for (const auto level :
         {KeyLevel::file, KeyLevel::tpm2, KeyLevel::systemdCreds, KeyLevel::file, KeyLevel::systemdCreds}) {
        place.wanted = level;
        const auto opened = place.opened();
        EXPECT_EQ(opened.level, level);
        EXPECT_EQ(opened.key.verifyKey(), device);
        EXPECT_NE(opened.key.secret(), nullptr);
        EXPECT_EQ(place.holdsItInTheClear(), level == KeyLevel::file);
    }
}

TEST(KeyVault, AnExplicitLevelThatIsNotThereIsRefusedAndChangesNothing) {
    Place place;
    place.all();
    place.wanted = KeyLevel::tpm2;
    auto refused = place.open().error();
    EXPECT_EQ(refused.fault, FileFault::unavailable);
    EXPECT_THAT(refused.message, HasSubstr("[key] protection"));
    EXPECT_FALSE(std::filesystem::exists(place.file)) << "no key is made below the level that was asked for";

    place.wanted = KeyLevel::file;
    const auto device = place.opened().key.verifyKey();
    place.wanted = KeyLevel::tpm2;
    EXPECT_EQ(place.open().error().fault, FileFault::unavailable);
    place.wanted.reset();
    EXPECT_EQ(place.opened().key.verifyKey(), device);
}

TEST(KeyVault, AMoveThatFailsLeavesTheKeyWhereItIsAndIsSaid) {
    for (const bool seals : {false, true}) {
        Place place;
        const auto device = place.opened().key.verifyKey();
        place.sealers = {&place.tpm};
        place.tpm.there = true;
        if (seals) {
            place.tpm.opensNothing = true;  // it seals, and does not open: nothing may rest there
        } else {
            place.tpm.fault = SealFault::busy;
        }
        const auto opened = place.opened();
        EXPECT_EQ(opened.level, KeyLevel::file);
        EXPECT_EQ(opened.key.verifyKey(), device);
        ASSERT_THAT(opened.findings, SizeIs(1));
        EXPECT_THAT(opened.findings[0].message, HasSubstr("could not be moved to tpm2"));
        EXPECT_TRUE(place.holdsItInTheClear());
    }
}

TEST(KeyVault, WhatCouldNotBeHadIsSaidWithTheLevelThatWas) {
    for (const bool anew : {true, false}) {
        Place place;
        if (!anew) (void)place.opened();
        place.all();
        place.tpm.there = true;
        place.tpm.fault = SealFault::busy;
        const auto opened = place.opened();
        EXPECT_EQ(opened.level, KeyLevel::systemdCreds);
        ASSERT_THAT(opened.findings, SizeIs(1));
        EXPECT_THAT(opened.findings[0].message, HasSubstr("could not be moved to tpm2 and rests as systemd-creds"));
    }
}

TEST(KeyVault, ATpmThatDoesNotAnswerCostsNoKey) {
    Place place;
    place.all();
    place.tpm.there = true;
    const auto device = place.opened().key.verifyKey();
    const auto whole = readFile(place.file);
    for (const auto fault : {SealFault::absent, SealFault::busy}) {
        place.tpm.fault = fault;
        DeviceKeyVault vault(*place.directory, std::nullopt, place.sealers);
        const auto opened = vault.open().value();
        EXPECT_EQ(opened.key.verifyKey(), device);
        EXPECT_EQ(opened.key.secret(), nullptr);
        EXPECT_THAT(opened.key.obstacle(), HasSubstr("does not answer"));
        ASSERT_THAT(opened.findings, SizeIs(1));
        EXPECT_THAT(opened.findings[0].advice, HasSubstr("Nothing is lost"));
        EXPECT_EQ(readFile(place.file), whole);
        ASSERT_TRUE(vault.awaited());
        place.tpm.fault.reset();
        const auto seed = place.tpm.unseal(vault.awaited()->sealed, device).value();
        EXPECT_EQ(vault.accept(seed).value().verifyKey(), device);
        EXPECT_EQ(vault.accept(Seed({7})).error().fault, SealFault::damaged);
    }
}

TEST(KeyVault, AnotherTpmMeansANewKeyThatRemembersTheOneBefore) {
    Place place;
    place.all();
    place.tpm.there = true;
    const auto device = place.opened().key.verifyKey();
    const auto sealed = readFile(place.file);
    place.tpm.secret = 'u';
    const auto opened = place.opened();
    EXPECT_NE(opened.key.verifyKey(), device);
    EXPECT_NE(opened.key.secret(), nullptr);
    EXPECT_THAT(opened.key.formers, ElementsAre(device));
    ASSERT_THAT(opened.findings, SizeIs(1));
    EXPECT_THAT(opened.findings[0].advice, HasSubstr("The license stays in force while its grace lasts: activate"));
    EXPECT_EQ(readFile(place.temporary / "device.key.corrupt-1"), sealed) << "what may be wanted again is kept";

    place.wanted = KeyLevel::file;
    EXPECT_THAT(place.opened().key.formers, ElementsAre(device)) << "over every move";
    place.wanted.reset();
    EXPECT_THAT(place.opened().key.formers, ElementsAre(device));
    EXPECT_THAT(place.opened().findings, IsEmpty());
}

TEST(KeyVault, ACredentialThatIsAnotherOrMissing) {
    Place place;
    place.all();
    const auto device = place.opened().key.verifyKey();
    CredentialSealer none("none");
    place.sealers = {&none};
    const auto waiting = place.opened();
    EXPECT_EQ(waiting.key.verifyKey(), device);
    EXPECT_EQ(waiting.key.secret(), nullptr);
    EXPECT_THAT(waiting.key.obstacle(), HasSubstr("entitled-key.service"));
    CredentialSealer other(std::string(32, 'd'));
    place.sealers = {&other};
    const auto anew = place.opened();
    EXPECT_THAT(anew.key.formers, ElementsAre(device));
    EXPECT_EQ(anew.level, KeyLevel::systemdCreds);
}

TEST(KeyVault, ANewKeyIsMadeOnDemandWhateverStateTheOldOneIsIn) {
    Place place;
    place.all();
    place.tpm.there = true;
    const auto device = place.opened().key.verifyKey();
    place.tpm.there = false;
    const auto made = DeviceKeyVault(*place.directory, std::nullopt, place.sealers).replace().value();
    EXPECT_THAT(made.key.formers, ElementsAre(device));
    EXPECT_EQ(made.level, KeyLevel::systemdCreds);
    EXPECT_EQ(place.opened().key.verifyKey(), made.key.verifyKey());
}

// Which of them the license was given to is the license's to say: none is forgotten before it has one of its own.
TEST(KeyVault, AKeyLostTwiceRemembersBothAndOneLostForEverTheLatest) {
    Place place;
    place.all();
    place.tpm.there = true;
    const auto first = place.opened().key.verifyKey();
    place.tpm.secret = 'u';
    const auto second = place.opened().key.verifyKey();
    const auto third = DeviceKeyVault(*place.directory, std::nullopt, place.sealers).replace().value();
    EXPECT_THAT(third.key.formers, ElementsAre(second, first));
    for (const auto level : {KeyLevel::file, KeyLevel::systemdCreds, KeyLevel::tpm2}) {
        place.wanted = level;
        EXPECT_THAT(place.opened().key.formers, ElementsAre(second, first)) << "over every move";
    }
    for (std::size_t i = 0; i < maxFormers; ++i)
        ASSERT_TRUE(DeviceKeyVault(*place.directory, std::nullopt, place.sealers).replace());
    EXPECT_THAT(place.opened().key.formers, SizeIs(maxFormers));
}

TEST(KeyVault, AKeyInTheClearIsOverwrittenOnceItsSuccessorIsDurable) {
    Place place;
    (void)place.opened();
    place.sealers = {&place.credential};
    place.calls.clearJournal();
    (void)place.opened();
    // Stored, synced, named, the directory synced; put in its place, the directory synced; only then overwritten.
    const auto& journal = place.calls.journal();
    const auto taken = std::find(journal.begin(), journal.end(), "rename device.key.next device.key");
    ASSERT_NE(taken, journal.end());
    EXPECT_THAT(std::vector<std::string>(taken + 1, journal.end()), ElementsAre("fsync", "write", "fsync"));
    EXPECT_EQ(std::count(journal.begin(), taken, "fsync"), 2);
}

// --- death
// ------------------------------------------------------------------------------------------------------------

// Dies at every call of `work` in turn, and looks at what is left each time.
void dieEverywhere(const std::function<void(Place&)>& prepare, const std::function<void(Place&)>& work,
                   const std::function<void(Place&, unsigned)>& look) {
    unsigned deaths = 0;
    for (unsigned at = 1;; ++at) {
        Place place;
        place.all();
        prepare(place);
        place.calls.arm(at, testing::Fault::leave);
        try {
            work(place);
        } catch (const testing::Killed&) {
            ++deaths;
        }
        if (!place.calls.struck()) break;
        place.calls.arm(0, testing::Fault::eio);
        look(place, at);
    }
    EXPECT_GT(deaths, 4U);
}

TEST(KeyVault, DeathAtAnyCallOfItsMakingLeavesNoneOrAWholeOne) {
    dieEverywhere([](Place&) {}, [](Place& place) { (void)place.open(); },
                  [](Place& place, unsigned at) {
                      const auto opened = place.opened();
                      EXPECT_THAT(opened.findings, IsEmpty()) << "call " << at;
                      EXPECT_EQ(place.opened().key.verifyKey(), opened.key.verifyKey()) << "call " << at;
                  });
}

TEST(KeyVault, DeathAtAnyCallOfAMoveLeavesTheOldFormOrTheNew) {
    for (const auto& [from, to] : {std::pair{KeyLevel::file, KeyLevel::tpm2},
                                   {KeyLevel::tpm2, KeyLevel::file},
                                   {KeyLevel::systemdCreds, KeyLevel::tpm2},
                                   {KeyLevel::file, KeyLevel::systemdCreds}}) {
        std::optional<VerifyKey> device;
        dieEverywhere(
            [&, from = from](Place& place) {
                place.tpm.there = true;
                place.wanted = from;
                device = place.opened().key.verifyKey();
            },
            [to = to](Place& place) {
                place.wanted = to;
                (void)place.open();
            },
            [&, from = from, to = to](Place& place, unsigned at) {
                const auto form = readKey(readFile(place.file));
                const auto* sealed = std::get_if<SealedKey>(&form);
                const auto level = sealed ? sealed->level : KeyLevel::file;
                EXPECT_TRUE(level == from || level == to) << "call " << at;
                const auto opened = place.opened();
                EXPECT_EQ(opened.key.verifyKey(), *device) << "call " << at;
                EXPECT_EQ(opened.level, to) << "call " << at;
                EXPECT_FALSE(std::filesystem::exists(place.temporary / "device.key.next")) << "call " << at;
                EXPECT_FALSE(std::filesystem::exists(place.temporary / "device.key.next.new")) << "call " << at;
            });
    }
}

TEST(KeyVault, DeathAtAnyCallOfALostKeysReplacementForgetsNotWhoItWas) {
    std::optional<VerifyKey> device;
    dieEverywhere(
        [&](Place& place) {
            place.tpm.there = true;
            device = place.opened().key.verifyKey();
            place.tpm.secret = 'u';
        },
        [](Place& place) { (void)place.open(); },
        [&](Place& place, unsigned at) {
            const auto opened = place.opened();
            EXPECT_THAT(opened.key.formers, ElementsAre(*device)) << "call " << at;
            EXPECT_NE(opened.key.secret(), nullptr) << "call " << at;
        });
}

TEST(KeyVault, AFullDiskKeepsNobodyFromStarting) {
    Place place;
    const auto device = place.opened().key.verifyKey();
    place.all();
    place.calls.alwaysFull = true;
    const auto opened = place.opened();
    EXPECT_EQ(opened.key.verifyKey(), device);
    EXPECT_EQ(opened.level, KeyLevel::file);
    EXPECT_THAT(opened.findings, SizeIs(1));
}

// --- the credential
// ---------------------------------------------------------------------------------------------------

TEST(CredentialSeal, OpensForItsDeviceAndItsCredentialOnly) {
    const auto device = SecretKey::fromSeed({9}).verifyKey();
    CredentialSealer sealer(std::string(32, 'c'));
    const auto sealed = sealer.seal(Seed({9}), device).value();
    EXPECT_EQ(sealer.unseal(sealed, device).value().bytes(), (SecretKey::Seed{9}));
    EXPECT_NE(sealer.seal(Seed({9}), device).value(), sealed) << "a nonce is used once";
    EXPECT_EQ(sealer.unseal(sealed, SecretKey::fromSeed({8}).verifyKey()).error().fault, SealFault::foreign);
    EXPECT_EQ(CredentialSealer(std::string(32, 'd')).unseal(sealed, device).error().fault, SealFault::foreign);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        auto changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        ASSERT_EQ(sealer.unseal(changed, device).error().fault, SealFault::foreign) << i;
        ASSERT_EQ(sealer.unseal(sealed.substr(0, i), device).error().fault, SealFault::damaged) << i;
    }
}

TEST(CredentialSeal, OnlyThirtyTwoBytesAreACredential) {
    TemporaryDirectory place;
    EXPECT_EQ(CredentialSealer::read(place.path()), "");
    const std::string secret("\n\0secret with blanks at its ends \n", 32);
    writeFile(place / "entitled.wrap", secret);
    EXPECT_EQ(CredentialSealer::read(place.path()), secret);
    EXPECT_EQ(CredentialSealer(secret).obstacle(), "");
    for (const auto& other : {std::string("none"), secret + "x", secret.substr(1), std::string(100'000, 'x')}) {
        writeFile(place / "entitled.wrap", other);
        EXPECT_NE(CredentialSealer(CredentialSealer::read(place.path())).obstacle(), "");
    }
}

}  // namespace
}  // namespace entitle
