#include "daemon/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

// What `write` sends to stderr.
template <class Write>
std::string stderrOf(Write write) {
    const testing::TemporaryDirectory place;
    const int kept = ::dup(STDERR_FILENO);
    const int file = ::open((place / "stderr").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(file, STDERR_FILENO);
    write();
    ::dup2(kept, STDERR_FILENO);
    ::close(file);
    ::close(kept);
    return testing::readFile(place / "stderr");
}

TEST(Log, BeginsEachLineWithItsLevelForTheJournal) {
    const auto text = stderrOf([] {
        startLog(LogLevel::debug, true);
        log().debug("a");
        log().info("b");
        log().warn("c");
        log().error("d");
    });
    EXPECT_EQ(text, "<7>a\n<6>b\n<4>c\n<3>d\n");
}

TEST(Log, KeepsToItsLevel) {
    const auto text = stderrOf([] {
        startLog(LogLevel::warning, true);
        log().info("unheard");
        setLogLevel(LogLevel::error);
        log().warn("unheard");
        log().error("heard");
    });
    EXPECT_EQ(text, "<3>heard\n");
}

TEST(Log, LevelsAreReadAsTheyArePrinted) {
    for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
        EXPECT_EQ(parseLogLevel(toString(level)), level);
    }
    EXPECT_FALSE(parseLogLevel("verbose"));
    EXPECT_FALSE(parseLogLevel(""));
}

TEST(Log, TextOfUsersCannotForgeALine) {
    EXPECT_EQ(printable("bot\n<3>entitled: license revoked"), "bot\\x0a<3>entitled: license revoked");
    EXPECT_EQ(printable("\x1b[2J\r\t\x7f"), "\\x1b[2J\\x0d\\x09\\x7f");
    EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b") << "a terminal may act on C1 controls";
    EXPECT_EQ(printable("Kühler €"), "Kühler €");
    EXPECT_EQ(printable("\xff\xc0\x80\xed\xa0\x80"), "\\xff\\xc0\\x80\\xed\\xa0\\x80");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
    EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82") << "cut in the middle of a letter";
    EXPECT_EQ(printable(std::string(1'000'000, 'x')).size(), 200 + std::string("…").size());
    EXPECT_EQ(printable(std::string(200, 'x')), std::string(200, 'x'));
}

}  // namespace
}  // namespace entitle
