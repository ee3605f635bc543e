#include "daemon/audit.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/faulty_calls.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;
using testing::Fault;
using testing::FaultyCalls;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Killed;
using testing::readFile;
using testing::TemporaryDirectory;
using testing::writeFile;

Now at(std::chrono::nanoseconds boottime) {
    return {.wall = Instant{Seconds{1'790'000'000}} + std::chrono::duration_cast<Seconds>(boottime),
            .boottime = boottime,
            .bootId = "boot",
            .synced = true};
}

struct Place {
    TemporaryDirectory temporary;
    FaultyCalls calls;
    std::unique_ptr<OwnedDirectory> directory =
        OwnedDirectory::open(temporary.path(), OwnedDirectory::Privacy::secret, calls).value();
    DeviceKey key = SecretKey::fromSeed({7});
    AuditLog::Limits limits;
    std::string file = temporary / "audit.log";

    AuditLog::Opened open(const std::optional<AuditEntry>& stored = std::nullopt) {
        return AuditLog::open(*directory, key, limits, stored, at(1s)).value();
    }
    AuditCheck verify(const std::optional<AuditEntry>& stored = std::nullopt) {
        return verifyAuditLog(*directory, key.verifyKey(), limits.files, stored);
    }
    void fill(int entries) {
        const auto opened = open();
        for (int i = 0; i < entries; ++i) {
            ASSERT_TRUE(opened.log->note("imported", R"({"n":)" + std::to_string(i) + "}", at(2s)).has_value());
        }
    }
};

std::vector<std::string> linesOf(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t from = 0; from < text.size();) {
        const auto end = text.find('\n', from);
        lines.push_back(text.substr(from, end - from));
        from = end + 1;
    }
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
}

TEST(AuditEntry, ReadsOnlyWhatItPrints) {
    const auto entry = makeAuditEntry(3, at(1s).wall, "imported", R"({ "b":1, "a":"x\u0041" })", {});
    EXPECT_EQ(entry.detail, R"({"b":1,"a":"xA"})");
    EXPECT_EQ(parseAuditEntry(printAuditEntry(entry)), entry);
    EXPECT_FALSE(parseAuditEntry(printAuditEntry(entry) + " "));
    EXPECT_FALSE(parseAuditEntry(" " + printAuditEntry(entry)));
}

TEST(AuditEntry, AnyDetailBecomesOneReadableLine) {
    const std::vector<std::string> details{"no json",  "[1,2]", R"({"f":0.1})",   "{\"a\":1}\n{\"forged\":1}",
                                           "\xff\xfe", "",      R"({"a":1e400})", std::string(100'000, 'x')};
    for (const auto& detail : details) {
        const auto entry = makeAuditEntry(1, at(1s).wall, "x", detail, {});
        EXPECT_EQ(parseAuditEntry(printAuditEntry(entry)), entry) << detail.substr(0, 50);
        EXPECT_EQ(printAuditEntry(entry).find('\n'), std::string::npos);
        EXPECT_LE(entry.detail.size(), maxAuditDetail);
    }
    EXPECT_EQ(makeAuditEntry(1, at(1s).wall, "Bad Kind!", "{}", {}).kind, "other");
}

TEST(Audit, AFreshLogHoldsAndContinuesOverARestart) {
    Place place;
    place.fill(3);
    place.fill(2);
    const auto check = place.verify();
    EXPECT_TRUE(check.intact) << check.message;
    EXPECT_EQ(check.entries, 5U);
    EXPECT_EQ(place.open().log->lastIndex(), 5U);
}

TEST(Audit, EveryChangedByteIsFound) {
    Place place;
    place.limits.checkpointEvery = 2;
    place.fill(4);
    const auto whole = readFile(place.file);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto changed = whole;
        changed[i] = changed[i] == '7' ? '8' : '7';
        writeFile(place.file, changed);
        ASSERT_FALSE(place.verify().intact) << "byte " << i << " of " << whole.substr(i, 20);
    }
}

TEST(Audit, LinesRemovedSwappedOrDoubledAreFoundAndThePlaceIsNamed) {
    Place place;
    place.fill(6);
    const auto lines = linesOf(readFile(place.file));
    auto changed = lines;
    changed.erase(changed.begin() + 2, changed.begin() + 4);
    writeFile(place.file, joined(changed));
    EXPECT_THAT(place.verify().message, HasSubstr("audit.log, line 3: entries 3 to 4 are missing"));
    changed = lines;
    std::swap(changed[1], changed[2]);
    writeFile(place.file, joined(changed));
    EXPECT_THAT(place.verify().message, HasSubstr("line 2: entry 2 is missing"));
    changed = lines;
    changed.insert(changed.begin() + 1, lines[1]);
    writeFile(place.file, joined(changed));
    EXPECT_THAT(place.verify().message, HasSubstr("stands twice"));
    changed = lines;
    changed.erase(changed.begin());
    writeFile(place.file, joined(changed));
    EXPECT_THAT(place.verify().message, HasSubstr("everything before entry 2 is missing"));
}

TEST(Audit, AnEntryRewrittenWithAHashOfItsOwnBreaksTheChainBehindIt) {
    Place place;
    place.fill(3);
    auto lines = linesOf(readFile(place.file));
    const auto second = parseAuditEntry(lines[1]).value();
    lines[1] = printAuditEntry(makeAuditEntry(2, second.time, "imported", R"({"n":99})", second.previous));
    writeFile(place.file, joined(lines));
    EXPECT_THAT(place.verify().message, HasSubstr("line 3 does not follow from the entry before it"));
}

TEST(Audit, AChainRewrittenToItsEndIsBetrayedByTheCheckpoint) {
    Place place;
    place.limits.checkpointEvery = 3;
    place.fill(5);
    AuditHash previous{};
    std::vector<std::string> forged;
    for (const auto& line : linesOf(readFile(place.file))) {
        const auto entry = parseAuditEntry(line).value();
        const auto detail = entry.kind == "checkpoint" ? entry.detail : R"({"n":"forged"})";
        const auto remade = makeAuditEntry(entry.index, entry.time, entry.kind, detail, previous);
        previous = remade.hash;
        forged.push_back(printAuditEntry(remade));
    }
    writeFile(place.file, joined(forged));
    EXPECT_THAT(place.verify().message, HasSubstr("checkpoint was not signed by this device's key"));
}

TEST(Audit, CheckpointsOfAnotherDeviceDoNotCount) {
    Place place;
    place.limits.checkpointEvery = 2;
    place.fill(4);
    EXPECT_GT(place.verify().checkpoints, 0U);
    EXPECT_FALSE(verifyAuditLog(*place.directory, SecretKey::fromSeed({8}).verifyKey(), 4, std::nullopt).intact);
}

// --- together with the state record ---------------------------------------------------------------------------------

TEST(Audit, AnEntryStoredWithTheStateButMissingInTheLogIsAppendedAtStart) {
    Place place;
    place.fill(2);
    const auto stored = place.open().log->prepare("imported", R"({"license":"x"})", at(3s));
    const auto opened = place.open(stored);  // the crash came between store and log
    EXPECT_THAT(opened.findings, IsEmpty());
    EXPECT_EQ(opened.log->lastHash(), stored.hash);
    const auto check = opened.log->verify(stored);
    EXPECT_TRUE(check.intact) << check.message;
    EXPECT_EQ(check.entries, 3U);
}

TEST(Audit, TheVeryFirstEntryIsAppendedTooWhenOnlyTheStateHasIt) {
    Place place;
    const auto stored = place.open().log->prepare("started", "{}", at(3s));
    EXPECT_EQ(place.open(stored).log->lastIndex(), 1U);
    EXPECT_TRUE(place.verify(stored).intact);
}

TEST(Audit, AShortenedLogIsNoticedThroughTheStoredEntry) {
    Place place;
    place.fill(6);
    const auto lines = linesOf(readFile(place.file));
    const auto stored = parseAuditEntry(lines.back());
    writeFile(place.file, joined({lines.begin(), lines.begin() + 3}));
    EXPECT_THAT(place.verify(stored).message, HasSubstr("ends too early: entries 4 to 6 are missing"));
    const auto opened = place.open(stored);
    ASSERT_EQ(opened.findings.size(), 1U);
    EXPECT_THAT(opened.findings[0], HasSubstr("was shortened"));
    // The gap stays visible: appending what is known must not paper over it.
    ASSERT_TRUE(opened.log->note("started", "{}", at(4s)).has_value());
    EXPECT_FALSE(opened.log->verify(stored).intact);
}

TEST(Audit, ADeletedLogIsNoticedThroughTheStoredEntry) {
    Place place;
    place.fill(6);
    const auto stored = parseAuditEntry(linesOf(readFile(place.file)).back());
    std::filesystem::remove(place.file);
    const auto opened = place.open(stored);
    ASSERT_EQ(opened.findings.size(), 1U);
    EXPECT_THAT(opened.findings[0], HasSubstr("entries 1 to 6 are missing"));
    EXPECT_FALSE(opened.log->verify(stored).intact);
}

TEST(Audit, ALogOfAnotherMachineInItsPlaceIsNoticed) {
    Place place, other;
    place.fill(3);
    const auto stored = parseAuditEntry(linesOf(readFile(place.file)).back());
    {
        const auto opened = other.open();
        for (int i = 0; i < 5; ++i) ASSERT_TRUE(opened.log->note("other", "{}", at(2s)).has_value());
    }
    writeFile(place.file, readFile(other.file));
    EXPECT_THAT(place.verify(stored).message, HasSubstr("is not the one the daemon remembers"));
}

// --- crashes and faults ---------------------------------------------------------------------------------------------

TEST(Audit, ALastLineTornAtAnyByteIsRepairedWithWords) {
    Place place;
    place.fill(3);
    const auto whole = readFile(place.file);
    const auto lastLine = linesOf(whole).back().size() + 1;
    for (std::size_t kept = 1; kept < lastLine; ++kept) {
        writeFile(place.file, whole.substr(0, whole.size() - lastLine + kept));
        const auto opened = place.open();
        ASSERT_EQ(opened.findings.size(), 1U);
        ASSERT_THAT(opened.findings[0], HasSubstr("torn by a crash"));
        ASSERT_EQ(opened.log->lastIndex(), 2U);
        ASSERT_TRUE(opened.log->note("started", "{}", at(2s)).has_value());
        ASSERT_TRUE(place.verify().intact) << kept;
    }
}

TEST(Audit, ATailOfZeroesAfterAPowerCutIsRepairedToo) {
    Place place;
    place.fill(3);
    writeFile(place.file, readFile(place.file) + std::string(4096, '\0'));
    EXPECT_EQ(place.open().log->lastIndex(), 3U);
    EXPECT_TRUE(place.verify().intact);
}

TEST(Audit, AWholeLineThatDoesNotHoldIsKeptAsEvidence) {
    Place place;
    place.fill(3);
    writeFile(place.file, readFile(place.file) + "{\"forged\":true}\n");
    const auto opened = place.open();
    ASSERT_EQ(opened.findings.size(), 1U);
    EXPECT_THAT(opened.findings[0], HasSubstr("does not hold"));
    ASSERT_TRUE(opened.log->note("started", "{}", at(2s)).has_value());
    EXPECT_THAT(place.verify().message, HasSubstr("audit.log.1, line 4 was changed"));
    EXPECT_THAT(readFile(place.file + ".1"), HasSubstr("forged"));
}

TEST(Audit, EntriesWaitForAFullDiskAndThenFollowInOrder) {
    Place place;
    const auto opened = place.open();
    ASSERT_TRUE(opened.log->note("one", "{}", at(2s)).has_value());
    place.calls.alwaysFull = true;
    EXPECT_EQ(opened.log->note("two", "{}", at(3s)).error().fault, FileFault::full);
    EXPECT_EQ(opened.log->note("three", "{}", at(3s)).error().fault, FileFault::full);
    EXPECT_EQ(opened.log->waiting(), 2U);
    place.calls.alwaysFull = false;
    ASSERT_TRUE(opened.log->note("four", "{}", at(4s)).has_value());
    EXPECT_EQ(opened.log->waiting(), 0U);
    const auto check = place.verify();
    EXPECT_TRUE(check.intact) << check.message;
    EXPECT_EQ(check.entries, 4U);
}

TEST(Audit, ADiskThatStaysFullCostsEntriesAndTheLogSaysHowMany) {
    Place place;
    const auto opened = place.open();
    place.calls.alwaysFull = true;
    for (int i = 0; i < 1'005; ++i) (void)opened.log->note("noise", "{}", at(3s));
    EXPECT_EQ(opened.log->waiting(), 1'000U);
    EXPECT_EQ(opened.log->dropped(), 5U);
    place.calls.alwaysFull = false;
    ASSERT_TRUE(opened.log->sync().has_value());
    EXPECT_TRUE(place.verify().intact);
    EXPECT_THAT(readFile(place.file), HasSubstr(R"("kind":"lost","detail":{"entries":5})"));
}

TEST(Audit, ALogThatCannotBeMadeIsAFindingAndEntriesWait) {
    Place place;
    place.calls.arm(1, Fault::enospc);
    const auto opened = place.open();
    ASSERT_EQ(opened.findings.size(), 1U);
    EXPECT_THAT(opened.findings[0], HasSubstr("wait in memory"));
    place.calls.arm(0, Fault::enospc);
    ASSERT_TRUE(opened.log->note("started", "{}", at(2s)).has_value());
    EXPECT_TRUE(place.verify().intact);
}

TEST(Audit, ASymbolicLinkInItsPlaceIsRefused) {
    Place place;
    writeFile(place.temporary / "victim", "precious\n");
    std::filesystem::create_symlink("victim", place.file);
    const auto opened = AuditLog::open(*place.directory, place.key, {}, std::nullopt, at(1s));
    ASSERT_TRUE(opened.has_error());
    EXPECT_EQ(opened.error().fault, FileFault::insecure);
    EXPECT_EQ(readFile(place.temporary / "victim"), "precious\n");
}

// --- rotation and bounds --------------------------------------------------------------------------------------------

std::uintmax_t bytesIn(const TemporaryDirectory& directory) {
    std::uintmax_t sum = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory.path())) sum += file.file_size();
    return sum;
}

TEST(Audit, RotationCarriesTheChainOverAndBoundsTheDisk) {
    Place place;
    place.limits = {.fileBytes = 16 * 1024, .files = 3, .checkpointEvery = 1'000};
    place.fill(1'000);
    const auto check = place.verify();
    EXPECT_TRUE(check.intact) << check.message;
    EXPECT_GE(check.checkpoints, 3U);
    EXPECT_LT(check.entries, 1'000U) << "the oldest file should be gone";
    EXPECT_LE(bytesIn(place.temporary), 3 * (16 * 1024 + 2'048));
    EXPECT_FALSE(std::filesystem::exists(place.file + ".3"));
}

TEST(Audit, AfterRotationTheBeginningCannotBeCutOff) {
    Place place;
    place.limits = {.fileBytes = 16 * 1024, .files = 3, .checkpointEvery = 1'000};
    place.fill(1'000);
    auto lines = linesOf(readFile(place.file + ".2"));
    lines.erase(lines.begin());
    writeFile(place.file + ".2", joined(lines));
    EXPECT_THAT(place.verify().message, HasSubstr("no checkpoint of this device vouches for it"));
    std::filesystem::remove(place.file + ".1");
    EXPECT_FALSE(place.verify().intact) << "nor the middle taken out";
}

TEST(Audit, DeathAtAnyCallOfARotationKeepsTheChain) {
    unsigned struck = 0;
    for (unsigned at_ = 1;; ++at_) {
        Place place;
        place.limits = {.fileBytes = 16 * 1024, .files = 3, .checkpointEvery = 1'000};
        std::uint64_t written = 0;
        {
            const auto opened = place.open();
            // Fill until the next entry rotates for the third time, so that every name is in use.
            const auto rotated = [&] { return std::filesystem::exists(place.file + ".2"); };
            while (!rotated()) ASSERT_TRUE(opened.log->note("noise", "{}", at(2s)).has_value());
            while (std::filesystem::file_size(place.file) < 16 * 1024 - 400) {
                ASSERT_TRUE(opened.log->note("noise", "{}", at(2s)).has_value());
            }
            written = opened.log->lastIndex();
            place.calls.arm(at_, Fault::leave);
            try {
                for (int i = 0; i < 4; ++i) (void)opened.log->note("noise", "{}", at(2s));
            } catch (const Killed&) {
            }
        }
        if (!place.calls.struck()) break;
        ++struck;
        place.calls.arm(0, Fault::eio);
        const auto opened = place.open();
        ASSERT_GE(opened.log->lastIndex(), written) << "call " << at_;
        ASSERT_TRUE(opened.log->note("started", "{}", at(3s)).has_value());
        const auto check = place.verify();
        ASSERT_TRUE(check.intact) << "call " << at_ << ": " << check.message;
    }
    EXPECT_GE(struck, 8U);
}

TEST(Audit, AFaultAtAnyCallOfARotationKeepsTheChain) {
    for (const auto fault : {Fault::enospc, Fault::eio, Fault::eintr, Fault::shortWrite}) {
        for (unsigned at_ = 1; at_ <= 16; ++at_) {
            Place place;
            place.limits = {.fileBytes = 16 * 1024, .files = 3, .checkpointEvery = 1'000};
            const auto opened = place.open();
            while (std::filesystem::file_size(place.file) < 16 * 1024 - 400) {
                ASSERT_TRUE(opened.log->note("noise", "{}", at(2s)).has_value());
            }
            place.calls.arm(at_, fault);
            for (int i = 0; i < 6; ++i) (void)opened.log->note("noise", "{}", at(2s));
            place.calls.arm(0, fault);
            ASSERT_TRUE(opened.log->note("noise", "{}", at(2s)).has_value());
            const auto check = place.verify();
            ASSERT_TRUE(check.intact) << "call " << at_ << ": " << check.message;
            ASSERT_EQ(opened.log->waiting(), 0U);
        }
    }
}

TEST(Audit, AUserWhoIsRefusedAMillionTimesCannotFillTheDisk) {
    Place place;
    const auto opened = place.open();
    std::chrono::nanoseconds now = 1s;
    for (int i = 0; i < 1'000'000; ++i) {
        now += 1ms;
        const auto uid = static_cast<std::uint32_t>(i % 5'000);
        opened.log->countDenial(uid, "quota-exceeded", at(now));
        if (opened.log->nextFlush() <= now) {
            ASSERT_TRUE(opened.log->flushDenials(at(now)).has_value());
        }
    }
    EXPECT_LE(opened.log->lastIndex(), 6U) << "the window doubles while denials go on";
    EXPECT_LE(bytesIn(place.temporary), 64U * 1024);
    EXPECT_TRUE(place.verify().intact);
}

TEST(Audit, DenialsAreCountedByUserAndReasonAndNoneIsForgotten) {
    Place place;
    const auto opened = place.open();
    for (int i = 0; i < 3; ++i) opened.log->countDenial(1000, "not-in-plan", at(1s));
    opened.log->countDenial(1001, "not-in-plan", at(2s));
    ASSERT_EQ(opened.log->nextFlush(), 61s);
    ASSERT_TRUE(opened.log->flushDenials(at(60s)).has_value());
    EXPECT_EQ(opened.log->lastIndex(), 0U) << "too early";
    ASSERT_TRUE(opened.log->flushDenials(at(61s)).has_value());
    EXPECT_THAT(readFile(place.file), HasSubstr(R"("detail":{"denials":[{"uid":1000,"reason":"not-in-plan","count":3},)"
                                                R"({"uid":1001,"reason":"not-in-plan","count":1}],"others":0})"));
    EXPECT_FALSE(opened.log->nextFlush());
    opened.log->countDenial(1000, "expired", at(62s));
    ASSERT_TRUE(opened.log->flushDenials(at(63s), true).has_value()) << "at a clean stop";
    EXPECT_EQ(opened.log->lastIndex(), 2U);
}

TEST(Audit, PagesCoverEveryEntryOnceAcrossFiles) {
    Place place;
    place.limits = {.fileBytes = 16 * 1024, .files = 4, .checkpointEvery = 100};
    place.fill(150);
    const auto opened = place.open();
    std::vector<std::uint64_t> seen;
    std::uint64_t after = 0;
    do {
        const auto page = opened.log->page(after, 7).value();
        ASSERT_LE(page.entries.size(), 7U);
        for (const auto& entry : page.entries) seen.push_back(entry.index);
        after = page.next;
    } while (after != 0);
    ASSERT_EQ(seen.size(), opened.log->lastIndex());
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i + 1);
    EXPECT_EQ(opened.log->page(0, 1'000'000).value().entries.size(), 100U);
    EXPECT_EQ(opened.log->page(0, 0).value().entries.size(), 50U);
}

}  // namespace
}  // namespace entitle
