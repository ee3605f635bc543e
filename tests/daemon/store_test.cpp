#include "daemon/store.h"

#include <array>
#include <filesystem>
#include <random>

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include "tests/daemon/faulty_calls.h"
#include "tests/daemon/sample_record.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using Origin = LoadedRecord::Origin;
using ::testing::AnyOf;
using testing::Fault;
using testing::FaultyCalls;
using ::testing::HasSubstr;
using testing::Killed;
using testing::numberOf;
using testing::readFile;
using testing::sampleRecord;
using testing::TemporaryDirectory;
using testing::writeFile;

std::unique_ptr<OwnedDirectory> openState(const TemporaryDirectory& place, FileCalls& calls = systemFileCalls()) {
    return OwnedDirectory::open(place.path(), OwnedDirectory::Privacy::secret, calls).value();
}

void saveFrom(const TemporaryDirectory& place, std::uint64_t first, std::uint64_t last) {
    const auto directory = openState(place);
    FileStore store(*directory);
    ASSERT_TRUE(store.load().has_value());
    for (auto number = first; number <= last; ++number) ASSERT_TRUE(store.save(sampleRecord(number)).has_value());
}

LoadedRecord load(const TemporaryDirectory& place) {
    const auto directory = openState(place);
    return FileStore(*directory).load().value();
}

FileProblem refusal(const TemporaryDirectory& place) {
    const auto directory = openState(place);
    const auto loaded = FileStore(*directory).load();
    EXPECT_TRUE(loaded.has_error()) << "it was taken";
    return loaded.has_error() ? loaded.error() : FileProblem{};
}

TEST(Store, AnEmptyDirectoryIsAFreshStart) {
    const TemporaryDirectory place;
    const auto loaded = load(place);
    EXPECT_EQ(loaded.origin, Origin::fresh);
    EXPECT_EQ(loaded.record, Record{});
}

TEST(Store, WhatWasSavedComesBackWithARisingGeneration) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 3);
    auto loaded = load(place);
    EXPECT_EQ(loaded.origin, Origin::current);
    EXPECT_EQ(loaded.record.generation, 3U);
    loaded.record.generation = 0;
    EXPECT_EQ(loaded.record, sampleRecord(3));
}

TEST(Store, KeepsThePreviousGenerationBesideTheCurrentOne) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    EXPECT_EQ(numberOf(*decodeRecord(readFile(place / "state.previous"))), 1U);
    EXPECT_EQ(numberOf(*decodeRecord(readFile(place / "state"))), 2U);
    EXPECT_FALSE(std::filesystem::exists(place / "state.new"));
}

TEST(Store, EveryRenameComesAfterAnFsyncOfTheFileAndBeforeOneOfTheDirectory) {
    const TemporaryDirectory place;
    FaultyCalls calls;
    const auto directory = openState(place, calls);
    FileStore store(*directory);
    ASSERT_TRUE(store.load().has_value());
    ASSERT_TRUE(store.save(sampleRecord(1)).has_value());
    calls.clearJournal();
    ASSERT_TRUE(store.save(sampleRecord(2)).has_value());
    EXPECT_THAT(calls.journal(),
                ::testing::ElementsAre("unlink state.previous.new", "open state.previous.new", "write", "fsync",
                                       "rename state.previous.new state.previous", "fsync",  //
                                       "unlink state.new", "open state.new", "write", "fsync", "rename state.new state",
                                       "fsync"));
}

// --- faults at every call -------------------------------------------------------------------------------------------

class StoreFault : public ::testing::TestWithParam<Fault> {};

// Generation 2 is on disk; saving 3 meets the fault at call `at`. Returns false once `at` lies behind the last call.
bool saveThroughFault(const TemporaryDirectory& place, unsigned at, Fault fault, bool& saved) {
    FaultyCalls calls;
    const auto directory = openState(place, calls);
    FileStore store(*directory);
    EXPECT_TRUE(store.load().has_value());
    calls.arm(at, fault);
    try {
        saved = store.save(sampleRecord(3)).has_value();
    } catch (const Killed&) {
        saved = false;
    }
    return at <= calls.count();
}

TEST_P(StoreFault, AtAnyCallLeavesTheOldRecordOrTheNew) {
    unsigned struck = 0;
    for (unsigned at = 1;; ++at) {
        const TemporaryDirectory place;
        saveFrom(place, 1, 2);
        bool saved = false;
        if (!saveThroughFault(place, at, GetParam(), saved)) break;
        ++struck;
        const auto loaded = load(place);
        EXPECT_EQ(loaded.origin, Origin::current) << "call " << at << ": " << loaded.message;
        EXPECT_THAT(numberOf(loaded.record), AnyOf(saved ? 3U : 2U, 3U)) << "call " << at;
        saveFrom(place, 4, 4);
        EXPECT_EQ(numberOf(load(place).record), 4U) << "call " << at;
    }
    EXPECT_GE(struck, 12U);  // guards against a loop that never met a call
}

TEST_P(StoreFault, AtAnyCallOfTheVeryFirstSaveLeavesNothingOrTheRecord) {
    for (unsigned at = 1;; ++at) {
        const TemporaryDirectory place;
        FaultyCalls calls;
        {
            const auto directory = openState(place, calls);
            FileStore store(*directory);
            ASSERT_EQ(store.load()->origin, Origin::fresh);
            calls.arm(at, GetParam());
            try {
                (void)store.save(sampleRecord(1));
            } catch (const Killed&) {
            }
        }
        if (at > calls.count()) break;
        EXPECT_THAT(load(place).origin, AnyOf(Origin::fresh, Origin::current)) << "call " << at;
    }
}

TEST_P(StoreFault, IsHealedBySavingAgain) {
    for (unsigned at = 1; at <= 12; ++at) {
        const TemporaryDirectory place;
        saveFrom(place, 1, 2);
        FaultyCalls calls;
        {
            const auto directory = openState(place, calls);
            FileStore store(*directory);
            ASSERT_TRUE(store.load().has_value());
            calls.arm(at, GetParam());
            try {
                (void)store.save(sampleRecord(3));
            } catch (const Killed&) {
                continue;
            }
            calls.arm(0, GetParam());
            ASSERT_TRUE(store.save(sampleRecord(4)).has_value()) << "call " << at;
        }
        EXPECT_EQ(numberOf(load(place).record), 4U);
        EXPECT_THAT(numberOf(*decodeRecord(readFile(place / "state.previous"))), AnyOf(2U, 3U));
    }
}

std::string nameOf(const ::testing::TestParamInfo<Fault>& info) {
    constexpr std::array names{"Enospc", "Eio", "Eintr", "ShortWrite", "HalfThenFull", "Death", "Sigkill"};
    return names.at(static_cast<std::size_t>(info.param));
}
INSTANTIATE_TEST_SUITE_P(All, StoreFault,
                         ::testing::Values(Fault::enospc, Fault::eio, Fault::eintr, Fault::shortWrite,
                                           Fault::halfThenFail, Fault::leave),
                         nameOf);

TEST(Store, InterruptedCallsAndShortWritesAreNoFaultsAtAll) {
    for (const auto fault : {Fault::eintr, Fault::shortWrite}) {
        for (unsigned at = 1; at <= 12; ++at) {
            const TemporaryDirectory place;
            saveFrom(place, 1, 2);
            bool saved = false;
            saveThroughFault(place, at, fault, saved);
            EXPECT_TRUE(saved) << "call " << at;
        }
    }
}

TEST(Store, CrashBetweenWriteAndRenameKeepsOldLicense) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    writeFile(place / "state.new", encodeRecord(sampleRecord(3)));
    EXPECT_EQ(numberOf(load(place).record), 2U);
}

TEST(Store, KilledForRealAtEveryCallLeavesTheOldRecordOrTheNew) {
    for (unsigned at = 1; at <= 12; ++at) {
        const TemporaryDirectory place;
        saveFrom(place, 1, 2);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            bool saved = false;
            saveThroughFault(place, at, Fault::sigkill, saved);
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "call " << at;
        const auto loaded = load(place);
        EXPECT_EQ(loaded.origin, Origin::current) << "call " << at;
        EXPECT_THAT(numberOf(loaded.record), AnyOf(2U, 3U)) << "call " << at;
    }
}

TEST(Store, KilledAtRandomNeverLosesASaveThatHadReturned) {
    std::mt19937 random(20261122);
    const TemporaryDirectory place;
    std::uint64_t lowest = 1;
    for (int round = 0; round < 60; ++round) {
        int progress[2];
        ASSERT_EQ(::pipe(progress), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(progress[0]);
            const auto directory = openState(place);
            FileStore store(*directory);
            if (store.load().has_error()) ::_exit(1);
            for (auto number = lowest;; ++number) {
                if (store.save(sampleRecord(number)).has_error()) ::_exit(1);
                if (::write(progress[1], &number, sizeof number) != sizeof number) ::_exit(1);
            }
        }
        ::close(progress[1]);
        std::uint64_t saved = 0;
        for (auto wanted = 1 + random() % 8; wanted > 0; --wanted) {
            ASSERT_EQ(::read(progress[0], &saved, sizeof saved), static_cast<ssize_t>(sizeof saved));
        }
        // Some way into the next save: a varying amount of work instead of a varying time.
        for (volatile unsigned spin = random() % 200'000; spin > 0;) spin = spin - 1;
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        for (std::uint64_t more = 0; ::read(progress[0], &more, sizeof more) == sizeof more;) saved = more;
        ::close(progress[0]);

        const auto loaded = load(place);
        ASSERT_EQ(loaded.origin, Origin::current) << loaded.message;
        ASSERT_GE(numberOf(loaded.record), saved);
        ASSERT_LE(numberOf(loaded.record), saved + 1);
        lowest = numberOf(loaded.record) + 1;
    }
}

// --- damage ---------------------------------------------------------------------------------------------------------

TEST(Store, AWriteTornAtAnyByteFallsBackToThePreviousGeneration) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    const auto whole = readFile(place / "state"), previous = readFile(place / "state.previous");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        writeFile(place / "state", whole.substr(0, size));
        const auto loaded = load(place);
        ASSERT_EQ(loaded.origin, Origin::recovered) << size;
        ASSERT_EQ(numberOf(loaded.record), 1U);
    }
    EXPECT_EQ(readFile(place / "state.previous"), previous);
}

TEST(Store, EveryBitFlippedIsDetectedAndThePreviousGenerationLoaded) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    const auto whole = readFile(place / "state");
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        auto damaged = whole;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        writeFile(place / "state", damaged);
        const auto loaded = load(place);
        ASSERT_EQ(loaded.origin, Origin::recovered) << "bit " << bit;
        ASSERT_EQ(numberOf(loaded.record), 1U);
    }
}

TEST(Store, ARecoverySaysWhatWasFoundAndKeepsTheDamagedFile) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    writeFile(place / "state", "garbage");
    const auto loaded = load(place);
    EXPECT_EQ(loaded.origin, Origin::recovered);
    EXPECT_THAT(loaded.message, HasSubstr("does not begin like a state file"));
    EXPECT_THAT(loaded.message, HasSubstr("kept as state.corrupt-1"));
    EXPECT_EQ(readFile(place / "state.corrupt-1"), "garbage");
}

TEST(Store, SavingAfterARecoveryKeepsTheGenerationThatSavedUs) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    writeFile(place / "state", "garbage");
    saveFrom(place, 5, 5);
    EXPECT_EQ(numberOf(load(place).record), 5U);
    EXPECT_EQ(numberOf(*decodeRecord(readFile(place / "state.previous"))), 1U);
}

TEST(Store, ADeletedStateFileIsARecoveryNotAFreshStart) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    std::filesystem::remove(place / "state");
    const auto loaded = load(place);
    EXPECT_EQ(loaded.origin, Origin::recovered);
    EXPECT_EQ(numberOf(loaded.record), 1U);
    EXPECT_THAT(loaded.message, HasSubstr("is gone"));
}

TEST(Store, BothGenerationsLostIsSaidLoudlyAndNothingIsDeleted) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    writeFile(place / "state", "one");
    writeFile(place / "state.previous", "two");
    const auto loaded = load(place);
    EXPECT_EQ(loaded.origin, Origin::lost);
    EXPECT_EQ(loaded.record, Record{});
    EXPECT_THAT(loaded.message, HasSubstr("entitlectl activate"));
    EXPECT_THAT(loaded.message, HasSubstr("entitlectl import"));
    EXPECT_EQ(readFile(place / "state.corrupt-1"), "one");
    EXPECT_EQ(readFile(place / "state.previous.corrupt-1"), "two");
    saveFrom(place, 9, 9);
    EXPECT_EQ(numberOf(load(place).record), 9U);
}

TEST(Store, WhatCannotBeKeptAsideIsNotSavedOver) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    for (int n = 1; n <= 16; ++n) writeFile(place / ("state.corrupt-" + std::to_string(n)), "evidence");
    writeFile(place / "state", "damaged");
    EXPECT_THAT(load(place).message, HasSubstr("not kept: ")) << "the generation before serves on";
    writeFile(place / "state.previous", "damaged too");
    EXPECT_THAT(refusal(place).message, HasSubstr("move them away"));
    EXPECT_EQ(readFile(place / "state"), "damaged");
    EXPECT_EQ(readFile(place / "state.previous"), "damaged too");
    EXPECT_EQ(readFile(place / "state.corrupt-16"), "evidence");
}

TEST(Store, ADiskThatGivesNeitherGenerationIsAnErrorAndPutsNothingAway) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    {
        FaultyCalls calls;
        calls.readsFail = true;
        const auto directory = openState(place, calls);
        const auto loaded = FileStore(*directory).load();
        ASSERT_TRUE(loaded.has_error());
        EXPECT_EQ(loaded.error().fault, FileFault::io);
    }
    EXPECT_EQ(numberOf(load(place).record), 2U) << "once the disk is well again all is as it was";
}

TEST(Store, AStateOfANewerEntitledIsRefusedAndLeftAlone) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    auto newer = encodeRecord(sampleRecord(3));
    newer[8] = static_cast<char>(recordVersion + 1);
    crypto_generichash(reinterpret_cast<unsigned char*>(newer.data() + newer.size() - 32), 32,
                       reinterpret_cast<const unsigned char*>(newer.data()), newer.size() - 32, nullptr, 0);
    writeFile(place / "state", newer);
    const auto problem = refusal(place);
    EXPECT_EQ(problem.fault, FileFault::newerFormat);
    EXPECT_THAT(problem.message, HasSubstr("written by a newer entitled"));
    EXPECT_EQ(readFile(place / "state"), newer);
}

TEST(Store, WhatCouldNotBeReadBackNeverReplacesWhatCan) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    {
        const auto directory = openState(place);
        FileStore store(*directory);
        ASSERT_TRUE(store.load().has_value());
        auto record = sampleRecord(3);
        record.authority = "\xff";
        EXPECT_EQ(store.save(record).error().fault, FileFault::corrupt);
        record = sampleRecord(3);
        record.documentToken.assign(2'000'000, 'x');
        EXPECT_EQ(store.save(record).error().fault, FileFault::corrupt);
    }
    EXPECT_EQ(numberOf(load(place).record), 2U);
}

TEST(Store, AHugeFileInPlaceOfTheStateIsNotReadIntoMemory) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    writeFile(place / "state", "x");
    std::filesystem::resize_file(place / "state", std::uintmax_t{1} << 40);  // sparse
    EXPECT_EQ(load(place).origin, Origin::recovered);
}

// --- strangers' files ----------------------------------------------------------------------------------------------

TEST(Store, ASymbolicLinkInPlaceOfTheStateIsRefused) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    std::filesystem::rename(place / "state", place / "elsewhere");
    std::filesystem::create_symlink("elsewhere", place / "state");
    const auto problem = refusal(place);
    EXPECT_EQ(problem.fault, FileFault::insecure);
    EXPECT_THAT(problem.message, HasSubstr("symbolic link"));
}

TEST(Store, AHardLinkToTheStateIsRefused) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    std::filesystem::create_hard_link(place / "state", place / "second-name");
    const auto problem = refusal(place);
    EXPECT_EQ(problem.fault, FileFault::insecure);
    EXPECT_THAT(problem.message, HasSubstr("hard links"));
}

TEST(Store, AFifoInPlaceOfTheStateIsRefusedWithoutWaiting) {
    const TemporaryDirectory place;
    ASSERT_EQ(::mkfifo((place / "state").c_str(), 0600), 0);
    EXPECT_EQ(refusal(place).fault, FileFault::notRegular);
}

TEST(Store, ADeviceInPlaceOfTheStateIsRefused) {
    const TemporaryDirectory place;
    if (::mknod((place / "state").c_str(), S_IFCHR | 0600, makedev(1, 5)) != 0) {
        GTEST_SKIP() << "making a device node needs root with CAP_MKNOD";
    }
    EXPECT_EQ(refusal(place).fault, FileFault::notRegular);
}

TEST(Store, ADirectoryInPlaceOfTheStateIsRefused) {
    const TemporaryDirectory place;
    std::filesystem::create_directory(place / "state");
    EXPECT_EQ(refusal(place).fault, FileFault::notRegular);
}

TEST(Store, AStateThatOthersMayReadOrWriteIsRefusedWithTheCommandToRun) {
    for (const mode_t mode : {0604, 0640, 0602, 0666}) {
        const TemporaryDirectory place;
        saveFrom(place, 1, 2);
        ASSERT_EQ(::chmod((place / "state").c_str(), mode), 0);
        const auto problem = refusal(place);
        EXPECT_EQ(problem.fault, FileFault::insecure);
        EXPECT_THAT(problem.message, HasSubstr("chmod 0600 " + (place / "state")));
    }
}

TEST(Store, AStateOfAnotherOwnerIsRefused) {
    const TemporaryDirectory place;
    if (!testing::weAreRoot()) GTEST_SKIP() << "giving a file away needs root";
    saveFrom(place, 1, 2);
    ASSERT_EQ(::chown((place / "state").c_str(), 12345, 12345), 0);
    const auto problem = refusal(place);
    EXPECT_EQ(problem.fault, FileFault::insecure);
    EXPECT_THAT(problem.message, HasSubstr("belongs to user 12345"));
}

TEST(Store, AStrangersFileAtTheTemporaryNameIsReplacedNotWrittenThrough) {
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    writeFile(place / "victim", "precious");
    std::filesystem::create_symlink("victim", place / "state.new");
    saveFrom(place, 3, 3);
    EXPECT_EQ(readFile(place / "victim"), "precious");
    EXPECT_EQ(numberOf(load(place).record), 3U);
}

// --- the directory --------------------------------------------------------------------------------------------------

TEST(Store, AFullDiskIsSaidInWords) {
    const TemporaryDirectory place;
    FaultyCalls calls;
    calls.alwaysFull = true;
    const auto directory = openState(place, calls);
    FileStore store(*directory);
    ASSERT_TRUE(store.load().has_value());
    const auto saved = store.save(sampleRecord(1));
    ASSERT_TRUE(saved.has_error());
    EXPECT_EQ(saved.error().fault, FileFault::full);
    EXPECT_THAT(saved.error().message, HasSubstr("Free some space"));
    EXPECT_FALSE(std::filesystem::exists(place / "state.new")) << "a failed write must give its space back";
}

TEST(Store, ADirectoryThatVanishedIsAnErrorAndNotACrash) {
    const TemporaryDirectory place;
    const auto inner = place / "state-directory";
    const auto directory = OwnedDirectory::open(inner, OwnedDirectory::Privacy::secret).value();
    FileStore store(*directory);
    ASSERT_TRUE(store.load().has_value());
    std::filesystem::remove_all(inner);
    const auto saved = store.save(sampleRecord(1));
    ASSERT_TRUE(saved.has_error());
    EXPECT_EQ(saved.error().fault, FileFault::missing);
    EXPECT_THAT(saved.error().message, HasSubstr(inner));
}

TEST(Store, AReadOnlyDirectoryStillServesItsLicense) {
    if (testing::weAreRoot()) GTEST_SKIP() << "root writes into read-only directories; run as another user";
    const TemporaryDirectory place;
    saveFrom(place, 1, 2);
    ASSERT_EQ(::chmod(place.path().c_str(), 0500), 0);
    EXPECT_EQ(numberOf(load(place).record), 2U);
    {
        const auto directory = openState(place);
        FileStore store(*directory);
        ASSERT_TRUE(store.load().has_value());
        EXPECT_EQ(store.save(sampleRecord(3)).error().fault, FileFault::readOnly);
    }
    ASSERT_EQ(::chmod(place.path().c_str(), 0700), 0);
}

}  // namespace
}  // namespace entitle
