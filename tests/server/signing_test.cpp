#include "server/signing.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "server/signer.h"
#include "tests/server/desk.h"

namespace entitle {
namespace {

using testing::day;
using testing::Desk;
using testing::importFile;
using testing::Machine;
using testing::noon;

class Signing : public ::testing::Test {
  protected:
    Desk desk_;
    Machine machine_{"trading host"};
    LicenseId license_ = desk_.mint("pro").row.id;

    DenialReason reasonFor(const std::string& requestFile, Instant now = noon) {
        const auto answer = desk_.answer(license_, requestFile, now);
        EXPECT_FALSE(answer);
        return answer ? DenialReason::usage : answer.error().reason;
    }
};

TEST_F(Signing, LicenseFileVerifiesFromNothingButTheRoots) {
    const auto request = machine_.request("desk");
    const auto issued = desk_.answer(license_, machine_.file(request));
    ASSERT_TRUE(issued) << issued.error().message;
    const auto license = importFile(issued->text, desk_.authority().roots(), machine_.device());
    ASSERT_TRUE(license);
    EXPECT_EQ(*license, issued->license);
    EXPECT_EQ(license->nonce, request.nonce);
    EXPECT_EQ(license->fingerprint, request.fingerprint);
    EXPECT_FALSE(importFile(issued->text, desk_.authority().roots(), Machine().device()));
}

TEST_F(Signing, SameRequestTwiceGivesTheSameBytesAndOneSeat) {
    const auto file = machine_.file("desk");
    const auto first = desk_.answer(license_, file, noon);
    const auto second = desk_.answer(license_, file, noon + 3 * day);
    ASSERT_TRUE(first);
    ASSERT_TRUE(second);
    EXPECT_EQ(first->text, second->text);
    EXPECT_FALSE(first->repeated);
    EXPECT_TRUE(second->repeated);
    EXPECT_EQ(desk_.store().devices(license_).size(), 1u);
    EXPECT_EQ(desk_.store().documents(license_).size(), 1u);
}

TEST_F(Signing, SameRequestGivesTheSameBytesAfterARelabelledRequestAndAKeyRotation) {
    const auto file = machine_.file("desk");
    const auto first = desk_.answer(license_, file);
    auto renamed = machine_.request("desk");
    renamed.hostLabel = "another name";
    ASSERT_TRUE(desk_.answer(license_, machine_.file(renamed)));
    EXPECT_EQ(desk_.store().devices(license_)[0].hostLabel, "another name");
    EXPECT_EQ(desk_.answer(license_, file)->text, first->text);
}

TEST_F(Signing, NewRequestOfTheSameDeviceGetsANewerDocument) {
    ASSERT_EQ(desk_.answer(license_, machine_.file("desk"))->license.sequence, 1u);
    EXPECT_EQ(desk_.answer(license_, machine_.file("desk"))->license.sequence, 2u);
    auto request = machine_.request("desk");
    request.highestSequence = 10;
    EXPECT_EQ(desk_.answer(license_, machine_.file(request))->license.sequence, 11u);
    EXPECT_EQ(desk_.answer(license_, machine_.file("desk"))->license.sequence, 12u);
    EXPECT_EQ(desk_.store().devices(license_).size(), 1u);
}

TEST_F(Signing, OtherDeviceIsRefusedUntilTheSeatIsReleased) {
    const auto oldFile = machine_.file("desk");
    ASSERT_TRUE(desk_.answer(license_, oldFile));
    const Machine other("new host");
    const auto file = other.file("desk");
    EXPECT_EQ(reasonFor(file), DenialReason::seatTaken);
    EXPECT_EQ(desk_.store().release(license_, other.device(), noon).error().reason, DenialReason::unknownDevice);
    ASSERT_TRUE(desk_.store().release(license_, machine_.device(), noon));
    EXPECT_EQ(desk_.store().release(license_, machine_.device(), noon).error().reason, DenialReason::unknownDevice);
    EXPECT_EQ(reasonFor(oldFile), DenialReason::seatReleased) << "an old request must not take the seat back";

    const auto issued = desk_.answer(license_, file);
    ASSERT_TRUE(issued) << issued.error().message;
    EXPECT_EQ(issued->license.sequence, 2u) << "the license's numbers go on";
    EXPECT_EQ(reasonFor(machine_.file("desk")), DenialReason::seatTaken);
    EXPECT_EQ(desk_.store().devices(license_).size(), 2u);
}

TEST_F(Signing, TrialEndsFourteenDaysAfterItsFirstDocumentWhateverComesLater) {
    license_ = desk_.mint("trial").row.id;
    const Instant first = noon + 30 * day;  // the key lay on a shelf
    EXPECT_EQ(desk_.answer(license_, machine_.file("desk"), first)->license.endsAt, first + 14 * day);
    EXPECT_EQ(desk_.answer(license_, machine_.file("desk"), first + 9 * day)->license.endsAt, first + 14 * day);
    ASSERT_TRUE(desk_.store().release(license_, machine_.device(), first + 10 * day));
    const Machine other;
    EXPECT_EQ(desk_.answer(license_, other.file("desk"), first + 10 * day)->license.endsAt, first + 14 * day);
    EXPECT_EQ(reasonFor(other.file("desk"), first + 14 * day), DenialReason::licenseEnded);
}

TEST_F(Signing, RequestMangledAtAnyByteIsRefusedAndTakesNoSeat) {
    const auto file = machine_.file("desk");
    for (std::size_t at = 0; at < file.size(); ++at) {
        for (const int bit : {0, 1, 5}) {
            std::string mangled = file;
            mangled[at] = static_cast<char>(mangled[at] ^ (1 << bit));
            EXPECT_EQ(reasonFor(mangled), DenialReason::badRequest) << "byte " << at << ", bit " << bit;
        }
    }
    for (std::size_t length = 0; length + 1 < file.size(); ++length)
        EXPECT_EQ(reasonFor(file.substr(0, length)), DenialReason::badRequest) << "cut at " << length;
    EXPECT_TRUE(desk_.store().devices(license_).empty());
    EXPECT_TRUE(desk_.answer(license_, file)) << "unharmed, it is granted";
}

TEST_F(Signing, LicenseFileInPlaceOfARequestIsRefused) {
    const auto issued = desk_.answer(license_, machine_.file("desk"));
    EXPECT_EQ(reasonFor(issued->text), DenialReason::badRequest);
    const auto tokens = parseLicenseFile(issued->text).value();
    EXPECT_EQ(reasonFor(printRequestFile(tokens.documentToken, "")), DenialReason::badRequest);
    EXPECT_EQ(reasonFor(printRequestFile(tokens.keySetToken, "")), DenialReason::badRequest);
}

TEST_F(Signing, EveryAttemptIsRecordedGrantedOrNot) {
    const auto file = machine_.file("desk");
    ASSERT_TRUE(desk_.answer(license_, file));
    ASSERT_TRUE(desk_.answer(license_, file, noon + day));
    const Machine other;
    EXPECT_EQ(reasonFor(other.file("desk")), DenialReason::seatTaken);
    const auto attempts = desk_.store().attempts(license_, 10);
    ASSERT_EQ(attempts.size(), 3u);
    EXPECT_EQ(attempts[0], (AttemptRow{noon, license_, machine_.device(), "granted"}));
    EXPECT_EQ(attempts[1], (AttemptRow{noon + day, license_, machine_.device(), "repeated"}));
    EXPECT_EQ(attempts[2], (AttemptRow{noon, license_, other.device(), "seat-taken"}));
    EXPECT_EQ(desk_.store().attempts(license_, 1), (std::vector<AttemptRow>{attempts[2]}));
}

TEST_F(Signing, NeedsNoRoots) {
    std::filesystem::remove_all(desk_.roots());
    desk_.reopen();
    EXPECT_TRUE(desk_.answer(license_, machine_.file("desk")));
}

TEST_F(Signing, RefusesToSignWhileARootLiesInItsDirectoryUnderAnyName) {
    for (const auto* name : {"root-standby.key", "root-active.key"}) {
        const auto hidden = desk_.directory() / "signing" / "notes.txt";
        std::filesystem::copy_file(desk_.roots() / name, hidden);
        const auto answer = desk_.answer(license_, machine_.file("desk"));
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().reason, DenialReason::rootsInReach);
        EXPECT_NE(answer.error().message.find(hidden.string()), std::string::npos);
        std::filesystem::remove(hidden);
    }
    std::filesystem::create_directory_symlink(desk_.roots(), desk_.directory() / "usb");
    EXPECT_EQ(reasonFor(machine_.file("desk")), DenialReason::rootsInReach);
    std::filesystem::remove(desk_.directory() / "usb");
    EXPECT_TRUE(desk_.answer(license_, machine_.file("desk")));
}

TEST_F(Signing, SigningKeyThatOthersCouldReadIsRefusedWithTheCommandThatHelps) {
    const auto key = AuthorityFiles(desk_.directory()).signingKey(desk_.authority().keySet().keys[0].key);
    const auto refusedFor = [&](const char* words) {
        const auto answer = desk_.answer(license_, machine_.file("desk"));
        ASSERT_FALSE(answer);
        EXPECT_NE(answer.error().message.find(words), std::string::npos) << answer.error().message;
    };
    for (const int mode : {0640, 0604, 0620, 0777}) {
        ASSERT_EQ(::chmod(key.c_str(), static_cast<mode_t>(mode)), 0);
        refusedFor("chmod 600");
    }
    ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
    ASSERT_EQ(::chmod(key.parent_path().c_str(), 0755), 0);
    refusedFor("chmod 700");
    ASSERT_EQ(::chmod(key.parent_path().c_str(), 0700), 0);

    const auto moved = desk_.scratch("moved.key");
    std::filesystem::rename(key, moved);
    std::filesystem::create_symlink(moved, key);
    refusedFor("symbolic link");
    std::filesystem::remove(key);
    ASSERT_EQ(::mkfifo(key.c_str(), 0600), 0);
    refusedFor("not a regular file");
    std::filesystem::remove(key);
    refusedFor("keys rotate");
    testing::writeFile(key, "k4.secret.nonsense\n");
    ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
    refusedFor("not a secret key");
    std::filesystem::rename(moved, key);
    EXPECT_TRUE(desk_.answer(license_, machine_.file("desk")));
    EXPECT_EQ(desk_.store().documents(license_).size(), 1u);
}

TEST_F(Signing, SigningKeyOfAnotherUserIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a file to another user";
    const auto key = AuthorityFiles(desk_.directory()).signingKey(desk_.authority().keySet().keys[0].key);
    ASSERT_EQ(::chown(key.c_str(), 65534, 65534), 0);
    const auto answer = desk_.answer(license_, machine_.file("desk"));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().reason, DenialReason::unsafeFile);
    EXPECT_NE(answer.error().message.find("uid 65534"), std::string::npos);
}

TEST_F(Signing, SigningKeySwappedForAnotherIsNoticed) {
    const auto key = AuthorityFiles(desk_.directory()).signingKey(desk_.authority().keySet().keys[0].key);
    std::filesystem::remove(key);
    writeSecretKey(key, SecretKey::generate());
    EXPECT_EQ(reasonFor(machine_.file("desk")), DenialReason::unreadable);
}

// What the service manager unseals into a directory that is not ours (root's, readable by an access list).
class SealedSecrets : public Signing {
  protected:
    void SetUp() override {
        std::filesystem::create_directory(credentials);
        std::filesystem::remove(plain.signingKey(which));
        seal("signing-keys", SecretKey::generate().paserk() + "\n\n" + key + "\n");
    }
    void seal(const std::string& name, const std::string& text) const {
        testing::writeFile(credentials / ("entitle-server." + name), text);
        std::filesystem::permissions(credentials / ("entitle-server." + name),
                                     static_cast<std::filesystem::perms>(0440));
    }
    const AuthorityFiles plain{desk_.directory()};
    const std::filesystem::path credentials = desk_.scratch("credentials");
    const AuthorityFiles files{desk_.directory(), credentials};
    const KeySet set = desk_.authority().keySet();
    const VerifyKey which = set.keys[0].key;
    const std::string key = readSigningKey(plain, which)->paserk();
};

TEST_F(SealedSecrets, TheSigningKeyIsFoundAmongThemAndNeedsNoFile) {
    EXPECT_TRUE(signingKeysAtHand(plain, set)->empty());
    EXPECT_EQ(*signingKeysAtHand(files, set), std::vector<std::string>{which.keyId()});
    const auto read = readSigningKey(files, which);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->paserk(), key);
}

TEST_F(SealedSecrets, WithoutTheKeyInQuestionTheFileCounts) {
    seal("signing-keys", SecretKey::generate().paserk());
    EXPECT_TRUE(signingKeysAtHand(files, set)->empty());
    writeSecretKey(plain.signingKey(which), *SecretKey::fromPaserk(key));
    EXPECT_TRUE(readSigningKey(files, which));
}

TEST_F(SealedSecrets, ALineThatIsNoKeyIsRefusedAndNotRepeated) {
    seal("signing-keys", key + "\nk4.secret.nonsense\n");
    const auto read = readSigningKey(files, which);
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("entitle-server.signing-keys"), std::string::npos);
    EXPECT_EQ(read.error().message.find("nonsense"), std::string::npos);
}

// A key that seems to be gone is in it: a rotation would be the wrong advice.
TEST_F(SealedSecrets, ADamagedCredentialIsSaidAndNotThatNoKeyIsThere) {
    for (const auto& text : {std::string("k4.secret.nonsense\n"), key + "\nnonsense\n", std::string(20'000, 'x')}) {
        seal("signing-keys", text);
        for (const bool fileToo : {false, true}) {
            std::filesystem::remove(plain.signingKey(which));
            if (fileToo) writeSecretKey(plain.signingKey(which), *SecretKey::fromPaserk(key));
            const auto found = signingKeyAt(files, set, testing::noon);
            ASSERT_FALSE(found);
            EXPECT_NE(found.error().reason, DenialReason::noSigningKey);
            EXPECT_NE(found.error().message.find("entitle-server.signing-keys"), std::string::npos);
            EXPECT_EQ(found.error().message.find("keys rotate"), std::string::npos);
        }
    }
}

TEST_F(SealedSecrets, TheSecretOfLicenseKeysComesAfterTheEnvironmentAndBeforeTheFile) {
    const std::string one(64, '1'), two(64, '2');
    seal("license-secret", one + "\n");
    const auto opened = [](const LicenseSecrets& secrets, const std::string& hex) {
        const auto key = KeySecrets::parse(hex)->seal(KeyPayload{});
        return !secrets.indexOf(key).empty() && secrets.all().open(key).has_value();
    };
    EXPECT_TRUE(opened(*LicenseSecrets::read(files, std::nullopt), one));
    EXPECT_TRUE(opened(*LicenseSecrets::read(files, two), two));
    seal("license-secret", "no hex\n");
    const auto wrong = LicenseSecrets::read(files, std::nullopt);
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("entitle-server.license-secret"), std::string::npos);
}

TEST_F(SealedSecrets, TheDatabaseIsTheSealedOne) {
    seal("database-url", "postgresql://entitle@db.example.com/entitle\n");
    const auto database = databaseOf(files);
    ASSERT_TRUE(database) << database.error().message;
    EXPECT_EQ(database->dialect(), Dialect::postgresql);
    EXPECT_EQ(databaseOf(plain)->dialect(), Dialect::sqlite);
}

TEST_F(Signing, WarnsBeforeTheSigningKeyEnds) {
    const Instant end = desk_.authority().keySet().keys[0].expires;
    EXPECT_EQ(desk_.answer(license_, machine_.file("desk"), end - 31 * day)->keyEndsSoon, std::nullopt);
    EXPECT_EQ(desk_.answer(license_, machine_.file("desk"), end - 29 * day)->keyEndsSoon, end);
    EXPECT_EQ(reasonFor(machine_.file("desk"), end), DenialReason::noSigningKey);
}

}  // namespace
}  // namespace entitle
