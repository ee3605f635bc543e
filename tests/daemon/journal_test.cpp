#include "daemon/journal.h"

#include <set>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/listening_journal.h"

namespace entitle::testing {
namespace {

using ::testing::HasSubstr;

class JournalTest : public ::testing::Test {
  protected:
    void SetUp() override {
        startLog(LogLevel::info, true);
        tellTo(Journal::connect(journal.path()));
    }
    void TearDown() override { tellTo(std::nullopt); }

    // What `say` leaves on stderr.
    template <class Say>
    static std::string stderrOf(Say say) {
        const TemporaryDirectory place;
        const int kept = ::dup(STDERR_FILENO);
        const int file = ::open((place / "stderr").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ::dup2(file, STDERR_FILENO);
        say();
        ::dup2(kept, STDERR_FILENO);
        ::close(file);
        ::close(kept);
        return readFile(place / "stderr");
    }

    ListeningJournal journal;
};

TEST_F(JournalTest, AnOccurrenceArrivesWithItsFieldsAndNotAsALineToo) {
    const auto line = stderrOf([] {
        tell(Occurrence::revoked, "active -> revoked: over",
             {{"ENTITLED_STANDING", "revoked"}, {"ENTITLED_LICENSE", "lic_1"}});
    });
    EXPECT_EQ(line, "");
    auto message = journal.next();
    ASSERT_TRUE(message);
    EXPECT_EQ((*message)["MESSAGE"], "active -> revoked: over");
    EXPECT_EQ((*message)["MESSAGE_ID"], kindOf(Occurrence::revoked).messageId);
    EXPECT_EQ((*message)["PRIORITY"], "3");
    EXPECT_EQ((*message)["SYSLOG_IDENTIFIER"], "entitled");
    EXPECT_EQ((*message)["ENTITLED_STANDING"], "revoked");
    EXPECT_EQ((*message)["ENTITLED_LICENSE"], "lic_1");
}

TEST_F(JournalTest, AValueWithNewlinesMakesNoFieldOfItsOwn) {
    tell(Occurrence::started, "one\nPRIORITY=0\nMESSAGE_ID=0", {{"ENTITLED_FAULT", "a=b\n\nc\n"}});
    auto message = journal.next();
    ASSERT_TRUE(message);
    EXPECT_EQ((*message)["MESSAGE"], "one\nPRIORITY=0\nMESSAGE_ID=0");
    EXPECT_EQ((*message)["PRIORITY"], "6");
    EXPECT_EQ((*message)["ENTITLED_FAULT"], "a=b\n\nc\n");
}

TEST_F(JournalTest, WhatIsTooLongIsCutBetweenLetters) {
    std::string text(maxJournalValue - 1, 'x');
    tell(Occurrence::started, text + "€€");
    auto message = journal.next();
    ASSERT_TRUE(message);
    EXPECT_EQ((*message)["MESSAGE"], text);
    EXPECT_LE(journalDatagram(JournalFields(1'000, {"A", std::string(100'000, '\n')})).size(),
              maxJournalFields * (maxJournalValue + 16));
}

TEST_F(JournalTest, AJournalThatDoesNotReadIsNotWaitedForAndTheLineIsThereInstead) {
    const auto lines = stderrOf([] {
        for (int i = 0; i < 100'000; ++i) {
            tell(Occurrence::started, std::string(maxJournalValue, 'x'));
        }
    });
    EXPECT_THAT(lines, HasSubstr("<6>xxx"));
    EXPECT_TRUE(journal.next()) << "and what fitted is there";
}

TEST_F(JournalTest, WithoutAJournalAnOccurrenceIsALineOfItsLevel) {
    EXPECT_FALSE(Journal::connect("/nonexistent/socket"));
    EXPECT_FALSE(Journal::connect(std::string(200, 'x')));
    tellTo(std::nullopt);
    EXPECT_EQ(stderrOf([] { tell(Occurrence::grace, "{} grace began"); }), "<4>{} grace began\n");
    EXPECT_FALSE(journal.next());
}

TEST_F(JournalTest, WhatIsBelowTheLogsLevelIsKeptBack) {
    setLogLevel(LogLevel::warning);
    EXPECT_EQ(stderrOf([] { tell(Occurrence::started, "unheard"); }), "");
    EXPECT_FALSE(journal.next());
}

TEST(Occurrences, HaveIdsOfTheirOwnInTheFormOfTheJournal) {
    std::set<std::string_view> seen;
    for (const auto& kind : occurrenceKinds) {
        EXPECT_TRUE(seen.insert(kind.messageId).second) << kind.messageId;
        EXPECT_EQ(kind.messageId.size(), 32u);
        EXPECT_EQ(kind.messageId.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    }
}

}  // namespace
}  // namespace entitle::testing
