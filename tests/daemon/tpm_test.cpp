// Sealing by a real TPM's rules: swtpm behind tpm2-tss, as a machine's TPM stands behind it.
#include "daemon/tpm.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <sstream>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/hardware.h"
#include "daemon/key_vault.h"
#include "daemon/tpm_blob.h"
#include "tests/daemon/recording_relay.h"
#include "tests/daemon/software_tpm.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using ::testing::HasSubstr;
using testing::SoftwareTpm;
using testing::TemporaryDirectory;
using testing::writeFile;
using namespace std::chrono_literals;

const SecretKey::Seed bytes{1, 2, 3, 4, 5, 6, 7};
const VerifyKey device = SecretKey::fromSeed(bytes).verifyKey();

Tpm at(const SoftwareTpm& tpm, std::chrono::milliseconds patience = 30s) {
    return Tpm(Tpm::Place{tpm.tcti(), "", patience});
}

TEST(Tpm, WhatItSealsItOpensAlsoAfterItWasSwitchedOff) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    auto tpm = at(machine);
    const auto sealed = tpm.seal(Seed(bytes), device).value();
    EXPECT_EQ(tpm.unseal(sealed, device).value().bytes(), bytes);
    EXPECT_EQ(sealed.find(std::string(bytes.begin(), bytes.end())), std::string::npos);
    machine.switchOff();
    machine.switchOn();
    EXPECT_EQ(at(machine).unseal(sealed, device).value().bytes(), bytes);
}

TEST(Tpm, AnotherTpmOrAClearedOneOpensNothing) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine, other;
    const auto sealed = at(machine).seal(Seed(bytes), device).value();
    auto refused = at(other).unseal(sealed, device);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().fault, SealFault::foreign);
    EXPECT_THAT(refused.error().message, HasSubstr("another TPM"));
    machine.clear();
    EXPECT_EQ(at(machine).unseal(sealed, device).error().fault, SealFault::foreign);
}

TEST(Tpm, EveryChangedByteOfABlobIsRefusedAndTakenForNothingElse) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    auto tpm = at(machine);
    const auto sealed = tpm.seal(Seed(bytes), device).value();
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        auto changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 0x10);
        const auto refused = tpm.unseal(changed, device);
        ASSERT_TRUE(refused.has_error()) << i;
        ASSERT_TRUE(refused.error().fault == SealFault::foreign || refused.error().fault == SealFault::damaged)
            << i << ": " << refused.error().message;
    }
    for (const auto length : {std::size_t{0}, std::size_t{67}, sealed.size() - 1})
        EXPECT_EQ(tpm.unseal(sealed.substr(0, length), device).error().fault, SealFault::damaged);
    EXPECT_EQ(tpm.unseal(sealed, device).value().bytes(), bytes) << "and it has locked nobody out";
}

// A TPM keeps three sessions and three objects: a hundred openings in a row leave none behind.
TEST(Tpm, NothingStaysBehindInIt) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    auto tpm = at(machine);
    const auto sealed = tpm.seal(Seed(bytes), device).value();
    for (int i = 0; i < 30; ++i) {
        ASSERT_TRUE(tpm.unseal(sealed, device).has_value()) << i;
        auto changed = sealed;
        changed.back() ^= 1;
        ASSERT_EQ(tpm.unseal(changed, device).error().fault, SealFault::foreign) << i;
    }
}

TEST(Tpm, WhereThereIsNoneThatIsSaidAtOnce) {
    TemporaryDirectory root;
    Tpm none(Tpm::placeBelow(root.path(), ""));
    EXPECT_THAT(none.obstacle(), HasSubstr("/dev/tpmrm0"));
    EXPECT_EQ(none.seal(Seed(bytes), device).error().fault, SealFault::absent);
    EXPECT_EQ(none.endorsementKey(), "");
    Tpm gone(Tpm::placeBelow("/", "swtpm:path=" + (root / "nobody")));
    EXPECT_EQ(gone.obstacle(), "");
    EXPECT_EQ(gone.seal(Seed(bytes), device).error().fault, SealFault::absent);
    // A file in the device's place is no TPM either, and costs no more than words.
    writeFile(root / "dev/tpmrm0", "");
    EXPECT_TRUE(Tpm(Tpm::placeBelow(root.path(), "")).seal(Seed(bytes), device).has_error());
}

TEST(Tpm, OneThatHangsCostsItsDeadlineAndNoMore) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    const auto sealed = at(machine).seal(Seed(bytes), device).value();
    machine.freeze();
    auto tpm = at(machine, 300ms);
    const auto began = std::chrono::steady_clock::now();
    const auto refused = tpm.unseal(sealed, device);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().fault, SealFault::busy);
    EXPECT_EQ(tpm.endorsementKey(), "") << "whoever wants facts of hardware does not wait again";
    machine.thaw();
    EXPECT_EQ(at(machine).unseal(sealed, device).value().bytes(), bytes);
}

TEST(Tpm, AQuestionNobodyWaitsForAnyMoreEndsWithItsProcess) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    auto tpm = at(machine);
    const auto sealed = tpm.seal(Seed(bytes), device).value();
    machine.freeze();
    {
        auto asking = tpm.beginUnsealing(sealed).value();
        EXPECT_FALSE(asking.wait(50ms));
    }
    machine.thaw();
    auto asking = tpm.beginUnsealing(sealed).value();
    ASSERT_TRUE(asking.wait(30s));
    EXPECT_EQ(tpm.finishUnsealing(asking).value().bytes(), bytes);
}

// A tracer that does not look keeps an ended child from its parent, as the kernel does with one inside a driver.
class Tracer {
  public:
    explicit Tracer(pid_t child) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        process_ = ::fork();
        if (process_ == 0) {
            const char held = ::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0 ? 'y' : 'n';
            (void)!::write(ends[1], &held, 1);
            for (;;) ::pause();
        }
        ::close(ends[1]);
        char held = 'n';
        holds = ::read(ends[0], &held, 1) == 1 && held == 'y';
        ::close(ends[0]);
    }
    ~Tracer() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;
    bool holds = false;

  private:
    pid_t process_ = -1;
};

// Of this process: the software TPM's among them.
std::vector<pid_t> children() {
    std::istringstream list(testing::readFile("/proc/self/task/" + std::to_string(::getpid()) + "/children"));
    return {std::istream_iterator<pid_t>(list), {}};
}

pid_t newChild(const std::vector<pid_t>& before) {
    for (const auto child : children())
        if (std::find(before.begin(), before.end(), child) == before.end()) return child;
    throw std::runtime_error("there is no new child");
}

TEST(Tpm, OneThatLetsNoProcessGoGetsNoSecondOne) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    auto tpm = at(machine);
    const auto sealed = tpm.seal(Seed(bytes), device).value();
    machine.freeze();
    const auto before = children();
    {
        auto asking = std::make_optional(tpm.beginUnsealing(sealed).value());
        const Tracer tracer(newChild(before));
        if (!tracer.holds) GTEST_SKIP() << "this user may not trace processes: what a stuck one does is not proven";
        asking.reset();
        const auto withTracer = children().size();
        EXPECT_EQ(withTracer, before.size() + 2) << "it has not ended";
        machine.thaw();
        for (int i = 0; i < 3; ++i) {
            const auto refused = tpm.beginUnsealing(sealed);
            ASSERT_TRUE(refused.has_error());
            EXPECT_EQ(refused.error().fault, SealFault::busy);
            EXPECT_THAT(refused.error().message, HasSubstr("has not let go"));
            EXPECT_TRUE(tpm.seal(Seed(bytes), device).has_error());
        }
        EXPECT_EQ(children().size(), withTracer);
    }
    ASSERT_TRUE(testing::eventually([&] { return tpm.unseal(sealed, device).has_value(); }));
    EXPECT_EQ(children(), before) << "and nothing is left of it";
}

// Whoever asks hands nothing of his own to the process that does it for him, close-on-exec or not.
TEST(Tpm, TheProcessThatAsksItHasNoneOfOurDescriptors) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    auto tpm = at(machine);
    const auto sealed = tpm.seal(Seed(bytes), device).value();
    const Descriptor low(::memfd_create("entitle-left-open", 0));
    const Descriptor high(::fcntl(low.get(), F_DUPFD, 200));
    ASSERT_GE(high.get(), 200);
    machine.freeze();
    const auto before = children();
    auto asking = tpm.beginUnsealing(sealed).value();
    ASSERT_GT(asking.descriptor(), low.get());
    const auto place = "/proc/" + std::to_string(newChild(before)) + "/fd";
    const auto open = [&](const std::string& what) {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(place)) {
            std::error_code gone;
            const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
            if (std::stoi(entry.path().filename()) > 2 && target.find(what) != std::string::npos) ++count;
        }
        return count;
    };
    // Connected, so it has long begun its work.
    ASSERT_TRUE(testing::eventually([&] { return open("socket:") == 1; })) << "one way to the TPM, and no other socket";
    EXPECT_EQ(open("entitle-left-open"), 0U);
    EXPECT_EQ(open("pipe:"), 1U) << "for the answer";
    EXPECT_FALSE(asking.wait(0ms)) << "and it is there still";
    machine.thaw();
}

// Between processor and TPM a listener learns neither the seed nor what it is encrypted with.
TEST(Tpm, WhoListensOnTheWayLearnsNoSeed) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    TemporaryDirectory place;
    testing::RecordingRelay relay(place / "tpm.sock", machine.socket());
    std::filesystem::create_symlink(machine.socket() + ".ctrl", place / "tpm.sock.ctrl");
    const auto seed = Seed::of(SecretKey::generate()).bytes();
    const std::string secret(seed.begin(), seed.end());
    Tpm tpm(Tpm::Place{"swtpm:path=" + (place / "tpm.sock"), "", 30s});
    const auto sealed = tpm.seal(Seed(seed), device).value();
    const auto heardSealing = relay.heard().size();
    EXPECT_EQ(tpm.unseal(sealed, device).value().bytes(), seed);
    const auto heard = relay.heard();
    ASSERT_GT(heardSealing, 500U);
    ASSERT_GT(heard.size(), heardSealing + 500U);
    const auto unique = readTpmBlob(sealed).value().unique;
    EXPECT_NE(heard.find(std::string(unique.begin(), unique.end()), heardSealing), std::string::npos)
        << "what crosses in the clear is heard";
    EXPECT_EQ(heard.find(secret), std::string::npos);

    // TPM2_StartAuthSession: tag, size, code; then the key that the salt is encrypted to, the bound object, a nonce,
    // the salt. Without a salt the session key is known to whoever has heard the nonces.
    const std::string command("\x80\x01\0\0\0", 5), code("\0\0\x01\x76", 4), noKey("\x40\0\0\x07", 4);
    unsigned sessions = 0;
    for (auto found = heard.find(code); found != std::string::npos; found = heard.find(code, found + 1)) {
        if (found < 6 || heard.compare(found - 6, 5, command) != 0) continue;
        ++sessions;
        EXPECT_NE(heard.substr(found + 4, 4), noKey);
        const auto number = [&](std::size_t offset) {
            return static_cast<unsigned char>(heard.at(offset)) << 8 | static_cast<unsigned char>(heard.at(offset + 1));
        };
        const auto nonce = found + 12;
        EXPECT_GE(number(nonce + 2 + static_cast<unsigned>(number(nonce))), 64) << "no salt";
    }
    EXPECT_EQ(sessions, 2U);
}

// --- the endorsement key
// ----------------------------------------------------------------------------------------------

TEST(EndorsementKey, NamesTheTpmOverRestartsAndClearingAndIsAnothersElsewhere) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine, other;
    const auto digest = at(machine).endorsementKey();
    EXPECT_EQ(digest.size(), 64U);
    EXPECT_FALSE(isJunk("tpm_ek", digest));
    machine.switchOff();
    machine.switchOn();
    EXPECT_EQ(at(machine).endorsementKey(), digest);
    machine.clear();
    EXPECT_EQ(at(machine).endorsementKey(), digest);
    EXPECT_NE(at(other).endorsementKey(), digest);
}

TEST(EndorsementKey, IsThereWhereSealingIsRefused) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    const auto digest = at(machine).endorsementKey();
    machine.giveItsOwnerAPassword();
    auto tpm = at(machine);
    const auto refused = tpm.seal(Seed(bytes), device);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().fault, SealFault::busy);
    EXPECT_THAT(refused.error().message, HasSubstr("owner hierarchy has a password"));
    EXPECT_EQ(tpm.endorsementKey(), digest);
}

TEST(EndorsementKey, IsAskedForOnce) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine;
    auto tpm = at(machine);
    const auto digest = tpm.endorsementKey();
    machine.switchOff();
    EXPECT_EQ(tpm.endorsementKey(), digest);
}

TEST(EndorsementKey, IsAFactOfBareMetal) {
    TemporaryDirectory root;
    writeFile(root / "etc/machine-id", "0f3c5d7e9a1b2c4d6e8f0a1b2c3d4e5f\n");
    unsigned asked = 0;
    const HardwareSource source{root.path(), "", [&] {
                                    ++asked;
                                    return std::string(64, 'e') + "1";
                                }};
    const auto facts = probeHardware(source).facts.facts;
    EXPECT_EQ(facts.front().component, "tpm_ek");
    EXPECT_EQ(asked, 1U);
    writeFile(root / "sys/class/dmi/id/sys_vendor", "QEMU\n");
    ASSERT_FALSE(probeHardware(source).virtualization.empty());
    EXPECT_EQ(asked, 1U) << "not in a virtual machine: there it is the hypervisor's to give";
}

// --- at rest
// ----------------------------------------------------------------------------------------------------------

TEST(SealedKeyFile, OpensOnItsOwnTpmOnly) {
    NEEDS_SOFTWARE_TPM();
    SoftwareTpm machine, other;
    TemporaryDirectory place;
    auto directory = OwnedDirectory::open(place.path(), OwnedDirectory::Privacy::secret).value();
    auto own = at(machine), another = at(other);
    const auto made = DeviceKeyVault(*directory, std::nullopt, {&own}).open().value();
    EXPECT_EQ(made.level, KeyLevel::tpm2);
    const auto again = DeviceKeyVault(*directory, std::nullopt, {&own}).open().value();
    EXPECT_EQ(again.key.verifyKey(), made.key.verifyKey());
    EXPECT_NE(again.key.secret(), nullptr);
    const auto moved = DeviceKeyVault(*directory, std::nullopt, {&another}).open().value();
    EXPECT_THAT(moved.key.formers, ::testing::ElementsAre(made.key.verifyKey()));
    EXPECT_NE(moved.key.secret(), nullptr);
}

}  // namespace
}  // namespace entitle
