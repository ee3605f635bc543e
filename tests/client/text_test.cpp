#include "client/cli/text.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace entitle::cli {
namespace {

using namespace std::chrono_literals;

TEST(Escaped, LeavesPlainTextOfAnyScriptAlone) {
    for (const char* text : {"", "btc-grid", "größe ✓ 機器人 🤖", "a\\b"}) EXPECT_EQ(escaped(text), text);
}

TEST(Escaped, DisarmsWhatActsOnATerminal) {
    EXPECT_EQ(escaped("a\x1b[31mb"), "a\\x1b[31mb");
    EXPECT_EQ(escaped("two\nlines\tand\r"), "two\\nlines\\tand\\x0d");
    EXPECT_EQ(escaped(std::string("nul\0del\x7f", 8)), "nul\\x00del\\x7f");
    EXPECT_EQ(escaped("\u009b31m"), "\\u{9b}31m") << "a control sequence introducer in one character";
    EXPECT_EQ(escaped("a\u202ecba"), "a\\u{202e}cba") << "text that runs backwards";
    EXPECT_EQ(escaped("\u2066\u2069\u200f"), "\\u{2066}\\u{2069}\\u{200f}");
}

TEST(Escaped, ShowsBytesThatAreNotUtf8) {
    EXPECT_EQ(escaped("\xff\xfe"), "\\xff\\xfe");
    EXPECT_EQ(escaped("\xc0\xaf"), "\\xc0\\xaf") << "an overlong form";
    EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
    EXPECT_EQ(escaped("cut \xe2\x82"), "cut \\xe2\\x82");
    EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "above U+10FFFF";
}

TEST(Table, AlignsByCharactersNotBytesOrColours) {
    EXPECT_EQ(table({{"a", "b"}, {"größe", "x"}, {"\x1b[32mok\x1b[0m", "y"}, {"last"}}),
              "a      b\ngröße  x\n\x1b[32mok\x1b[0m     y\nlast\n");
}

TEST(Table, LongLastCellsPushNothing) {
    EXPECT_EQ(table({{"a", std::string(50, 'x')}, {"b", "c", "d"}}), "a  " + std::string(50, 'x') + "\nb  c  d\n");
}

TEST(Relative, SaysTheLargestUnit) {
    const TimePoint now{1'800'000'000s};
    EXPECT_EQ(relative(now, now), "now");
    EXPECT_EQ(relative(now + std::chrono::hours{24 * 13 + 5}, now), "in 13 days");
    EXPECT_EQ(relative(now - 180s, now), "3 minutes ago");
    EXPECT_EQ(relative(now + 1s, now), "in 1 second");
}

TEST(Date, IsLocalWithItsZoneAndTheDistance) {
    ::setenv("TZ", "XYZ-2", 1);
    ::tzset();
    const TimePoint at{1'800'000'000s};  // 2027-01-15T08:00:00Z
    EXPECT_EQ(date(at, at - 60s), "2027-01-15 10:00:00 XYZ (in 1 minute)");
    ::unsetenv("TZ");
    ::tzset();
}

}  // namespace
}  // namespace entitle::cli
