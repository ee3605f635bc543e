#include "daemon/slot_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <random>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::readFile;
using testing::TemporaryDirectory;
using testing::writeFile;

constexpr std::string_view boot = "0a1b2c3d-0000-4000-8000-000000000001";

struct Place {
    TemporaryDirectory temporary;
    std::unique_ptr<OwnedDirectory> directory = opened();
    std::string file = temporary / "slots";

    std::unique_ptr<OwnedDirectory> opened() {
        return OwnedDirectory::open(temporary.path(), OwnedDirectory::Privacy::shared).value();
    }
    SlotFile::Opened open(std::string_view bootId = boot) { return SlotFile::open(*directory, bootId).value(); }
};

Slot slot(SlotId id, std::uint32_t count = 1) {
    Slot made;
    made.id = id;
    made.quota = "bots";
    made.count = count;
    made.label = "grid bot " + std::to_string(id);
    made.holder = {1000, static_cast<std::int32_t>(4'000 + id)};
    made.secretHash.fill(static_cast<std::uint8_t>(id));
    made.since = Instant{Seconds{1'790'000'000}};
    made.generation = 1;
    return made;
}

TEST(SlotFile, SlotsSurviveTheDaemonWithEveryField) {
    Place place;
    auto longest = slot(2, maxSlotCount);
    longest.quota.assign(48, 'q');
    longest.label.assign(maxSlotLabel, 'l');
    longest.generation = UINT64_MAX;
    longest.holder = {UINT32_MAX, -1};
    {
        const auto opened = place.open();
        EXPECT_FALSE(opened.continued);
        ASSERT_TRUE(opened.file->put(slot(1)));
        ASSERT_TRUE(opened.file->put(longest));
        ASSERT_TRUE(opened.file->put(slot(3)));
        opened.file->erase(3);
        opened.file->erase(77);
    }
    const auto opened = place.open();
    EXPECT_TRUE(opened.continued);
    EXPECT_EQ(opened.dropped, 0U);
    EXPECT_THAT(opened.slots, ElementsAre(slot(1), longest));
    EXPECT_EQ(opened.file->lastId(), 3U) << "an id once given is never given again within a boot";
}

TEST(SlotFile, AReclaimReplacesTheSlotInPlace) {
    Place place;
    auto reclaimed = slot(1);
    reclaimed.generation = 2;
    reclaimed.holder.pid = 99;
    {
        const auto opened = place.open();
        for (int round = 0; round < 10'000; ++round) ASSERT_TRUE(opened.file->put(slot(1)));
        ASSERT_TRUE(opened.file->put(reclaimed));
        EXPECT_EQ(opened.file->size(), 1U);
        EXPECT_EQ(opened.file->capacity(), 255U) << "places must be used again";
    }
    EXPECT_THAT(place.open().slots, ElementsAre(reclaimed));
}

TEST(SlotFile, DoesNotOutliveAReboot) {
    Place place;
    ASSERT_TRUE(place.open().file->put(slot(1)));
    const auto opened = place.open("0a1b2c3d-0000-4000-8000-000000000002");
    EXPECT_FALSE(opened.continued);
    EXPECT_THAT(opened.slots, IsEmpty());
    EXPECT_EQ(opened.file->lastId(), 0U);
}

TEST(SlotFile, WithoutABootIdNothingIsContinued) {
    Place place;
    ASSERT_TRUE(place.open("").file->put(slot(1)));
    EXPECT_THAT(place.open("").slots, IsEmpty());
}

TEST(SlotFile, GrowsAndKeepsEverySlot) {
    Place place;
    constexpr SlotId many = 5'000;
    {
        const auto opened = place.open();
        for (SlotId id = 1; id <= many; ++id) ASSERT_TRUE(opened.file->put(slot(id)));
    }
    const auto opened = place.open();
    ASSERT_EQ(opened.slots.size(), many);
    for (SlotId id = 1; id <= many; ++id) ASSERT_EQ(opened.slots[id - 1], slot(id));
}

TEST(SlotFile, HoldsAFullLedgerAndRefusesBeyondItsLargestSize) {
    Place place;
    const auto opened = place.open();
    SlotId id = 0;
    while (opened.file->put(slot(id + 1))) ++id;
    EXPECT_EQ(id, 131'072U);
    opened.file->erase(5);
    EXPECT_TRUE(opened.file->put(slot(id + 1)));
}

TEST(SlotFile, WhatCannotBeStoredIsRefused) {
    Place place;
    const auto opened = place.open();
    EXPECT_FALSE(opened.file->put(slot(0)));
    EXPECT_FALSE(opened.file->put(slot(1, 0)));
    auto long_ = slot(1);
    long_.label.assign(maxSlotLabel + 1, 'x');
    EXPECT_FALSE(opened.file->put(long_));
    long_ = slot(1);
    long_.quota.assign(49, 'x');
    EXPECT_FALSE(opened.file->put(long_));
}

TEST(SlotFile, AFullRuntimeDirectoryRefusesTheSlotAndKeepsTheOthers) {
    Place place;
    const auto opened = place.open();
    for (SlotId id = 1; id <= 255; ++id) ASSERT_TRUE(opened.file->put(slot(id)));
    // A limit on file size stands for a full disk: the file cannot grow.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{64 * 1024, before.rlim_max};
    const auto old = ::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const bool grown = opened.file->put(slot(256));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, old);
    EXPECT_FALSE(grown);
    EXPECT_TRUE(opened.file->put(slot(256))) << "once there is room it works again";
    EXPECT_EQ(place.open().slots.size(), 256U);
}

TEST(SlotFile, EveryFlippedBitOfASlotDropsThatSlotOnly) {
    Place place;
    {
        const auto opened = place.open();
        for (SlotId id = 1; id <= 3; ++id) ASSERT_TRUE(opened.file->put(slot(id)));
    }
    const auto whole = readFile(place.file);
    constexpr std::size_t second = 256 + 256;  // after the head and the first place
    for (std::size_t bit = 0; bit < 256 * 8; ++bit) {
        auto damaged = whole;
        damaged[second + bit / 8] = static_cast<char>(damaged[second + bit / 8] ^ (1 << bit % 8));
        writeFile(place.file, damaged);
        const auto opened = place.open();
        ASSERT_THAT(opened.slots, ElementsAre(slot(1), slot(3))) << "bit " << bit;
        ASSERT_EQ(opened.dropped, 1U);
    }
}

TEST(SlotFile, ADamagedHeadStartsEmpty) {
    Place place;
    ASSERT_TRUE(place.open().file->put(slot(1)));
    const auto whole = readFile(place.file);
    for (std::size_t i = 0; i < 88; ++i) {
        auto damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        writeFile(place.file, damaged);
        ASSERT_FALSE(place.open().continued) << i;
    }
    for (const std::size_t size : {1UL, 255UL, 256UL, 4'096UL, 65'535UL, 65'537UL}) {
        writeFile(place.file, (whole + "x").substr(0, size));
        ASSERT_FALSE(place.open().continued) << size;
    }
    writeFile(place.file, "");
    std::filesystem::resize_file(place.file, std::uintmax_t{1} << 40);
    EXPECT_FALSE(place.open().continued) << "a terabyte of nothing";
    EXPECT_TRUE(place.open().continued);
}

TEST(SlotFile, StrangersFilesInItsPlaceAreRefused) {
    Place place;
    std::filesystem::create_symlink("elsewhere", place.file);
    EXPECT_EQ(SlotFile::open(*place.directory, boot).error().fault, FileFault::insecure);
    std::filesystem::remove(place.file);
    ASSERT_EQ(::mkfifo(place.file.c_str(), 0600), 0);
    EXPECT_EQ(SlotFile::open(*place.directory, boot).error().fault, FileFault::notRegular);
    std::filesystem::remove(place.file);
    ASSERT_TRUE(place.open().file->put(slot(1)));
    ASSERT_EQ(::chmod(place.file.c_str(), 0666), 0);
    EXPECT_EQ(SlotFile::open(*place.directory, boot).error().fault, FileFault::insecure);
}

// --- killed at any moment -------------------------------------------------------------------------------------------

// What a slot file of these bytes holds, looked at in a directory of its own.
std::map<SlotId, Slot> contentOf(const std::string& bytes, std::size_t* dropped) {
    Place place;
    writeFile(place.file, bytes);
    std::map<SlotId, Slot> found;
    const auto opened = place.open();
    EXPECT_TRUE(opened.continued);
    *dropped = opened.dropped;
    for (const auto& each : opened.slots) found[each.id] = each;
    return found;
}

TEST(SlotFile, KilledAtAnyInstructionLeavesEveryRecordOldOrNew) {
    Place place;
    auto reclaimed = slot(1);
    reclaimed.generation = 2;
    {
        const auto opened = place.open();
        ASSERT_TRUE(opened.file->put(slot(1)));
        ASSERT_TRUE(opened.file->put(slot(2)));
    }
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const auto opened = place.open();
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
        ::raise(SIGSTOP);
        opened.file->put(reclaimed);
        opened.file->erase(2);
        opened.file->put(slot(3));
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) GTEST_SKIP() << "this system lets no process trace its child";
    ASSERT_TRUE(WIFSTOPPED(status));

    // After every instruction the file is what a successor would find, had the process died there. Only what changed is
    // looked at; the places in use lie in the first page.
    const int file = ::open(place.file.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    std::string seen, page(4096, '\0');
    unsigned states = 0;
    bool sawOld = false, sawNew = false;
    while (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0 && ::waitpid(child, &status, 0) == child &&
           WIFSTOPPED(status)) {
        ASSERT_EQ(::pread(file, page.data(), page.size(), 0), 4096);
        if (page == seen) continue;
        seen = page;
        ++states;
        std::size_t dropped = 0;
        const auto found = contentOf(readFile(place.file), &dropped);
        ASSERT_EQ(dropped, 0U) << "state " << states;
        ASSERT_EQ(found.count(1), 1U) << "state " << states << ": a held slot is gone";
        ASSERT_TRUE(found.at(1) == slot(1) || found.at(1) == reclaimed);
        (found.at(1) == reclaimed ? sawNew : sawOld) = true;
        ASSERT_TRUE(found.count(2) == 0 || found.at(2) == slot(2));
        ASSERT_TRUE(found.count(3) == 0 || found.at(3) == slot(3));
    }
    ::close(file);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_TRUE(sawOld && sawNew);
    EXPECT_GT(states, 8U) << "the copying itself should have been seen";
    EXPECT_EQ(place.open().slots.size(), 2U);
}

TEST(SlotFile, KilledAtRandomItHoldsWhatWasDoneLast) {
    // The child works through a fixed sequence and counts its steps in shared memory.
    struct Step {
        bool put;
        SlotId id;
    };
    std::mt19937 random(20261122);
    std::vector<Step> steps;
    for (int i = 0; i < 200'000; ++i) steps.push_back({random() % 3 != 0, 1 + random() % 300});
    auto* done = static_cast<volatile std::uint64_t*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(static_cast<volatile void*>(done), MAP_FAILED);
    for (int round = 0; round < 40; ++round) {
        Place place;
        place.directory.reset();
        *done = 0;
        const auto wanted = 1 + random() % 20'000;
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            place.directory = place.opened();
            const auto opened = place.open();
            for (std::uint64_t i = 0; i < steps.size(); ++i) {
                steps[i].put ? void(opened.file->put(slot(steps[i].id))) : opened.file->erase(steps[i].id);
                *done = i + 1;
            }
            ::_exit(0);
        }
        while (*done < wanted && ::waitpid(child, nullptr, WNOHANG) == 0) {
        }
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const std::uint64_t last = *done;

        std::map<SlotId, bool> model;
        for (std::uint64_t i = 0; i < last; ++i) model[steps[i].id] = steps[i].put;
        place.directory = place.opened();
        const auto opened = place.open();
        ASSERT_EQ(opened.dropped, 0U);
        std::map<SlotId, bool> found;
        for (const auto& each : opened.slots) {
            ASSERT_EQ(each, slot(each.id));
            found[each.id] = true;
        }
        for (SlotId id = 1; id <= 300; ++id) {
            if (last < steps.size() && steps[last].id == id) continue;  // the step it may have died in
            ASSERT_EQ(found.count(id) != 0, model.count(id) != 0 && model[id]) << "round " << round << " slot " << id;
        }
    }
    ::munmap(const_cast<std::uint64_t*>(done), 4096);
}

}  // namespace
}  // namespace entitle
