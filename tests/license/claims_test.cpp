// The strict JSON reader, by itself: limits, duplicates, numbers, UTF-8.
#include "license/claims.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace entitle {
namespace {

using std::string_literals::operator""s;

TEST(ReadClaims, AnObjectOfIntegersStringsTruthsListsAndObjectsIsRead) {
    const auto claims = readClaims(R"({"a":-5,"b":"x","c":[1,true,"y"],"d":{"e":{}},"f":[],"":0})");
    ASSERT_TRUE(claims);
    EXPECT_EQ(boost::json::serialize(*claims), R"({"a":-5,"b":"x","c":[1,true,"y"],"d":{"e":{}},"f":[],"":0})");
}

TEST(ReadClaims, DepthFourIsReadAndFiveRefused) {
    EXPECT_TRUE(readClaims(R"({"a":{"b":{"c":{}}}})"));
    EXPECT_TRUE(readClaims(R"({"a":[[[1]]]})"));
    EXPECT_FALSE(readClaims(R"({"a":{"b":{"c":{"d":{}}}}})"));
    EXPECT_FALSE(readClaims(R"({"a":[[[[]]]]})"));
    EXPECT_FALSE(readClaims(R"({"a":{"b":{"c":[{}]}}})"));
}

TEST(ReadClaims, DepthTenThousandStopsAtTheFifth) {
    ClaimLimits roomy;
    roomy.bytes = 1'000'000;
    std::string deep;
    for (int i = 0; i < 10'000; ++i) deep += R"({"a":)";
    EXPECT_FALSE(readClaims(deep, roomy));
    EXPECT_FALSE(readClaims(deep + "1" + std::string(10'000, '}'), roomy));
    EXPECT_FALSE(readClaims(R"({"a":)" + std::string(10'000, '[') + std::string(10'000, ']') + "}", roomy));
}

std::string objectOf(int keys) {
    std::string text = "{";
    for (int i = 0; i < keys; ++i) text += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
    return text + "}";
}

TEST(ReadClaims, SixtyFourKeysAreReadAndOneMoreRefused) {
    EXPECT_TRUE(readClaims(objectOf(64)));
    EXPECT_FALSE(readClaims(objectOf(65)));
}

TEST(ReadClaims, AMillionKeysAreRefused) {
    ClaimLimits roomy;
    roomy.bytes = 100'000'000;
    const std::string million = objectOf(1'000'000);
    EXPECT_FALSE(readClaims(million));
    EXPECT_FALSE(readClaims(million, roomy));
}

TEST(ReadClaims, ValuesAreCountedInAll) {
    // 8 lists of 64: under every limit of its own, over the total of 512 with the lists themselves.
    std::string list = "[0";
    for (int i = 1; i < 64; ++i) list += ",0";
    list += "]";
    std::string text = R"({"a":)" + list;
    for (const char* name : {"b", "c", "d", "e", "f", "g"}) text += ",\"" + std::string(name) + "\":" + list;
    EXPECT_TRUE(readClaims(text + "}"));
    EXPECT_FALSE(readClaims(text + R"(,"h":)" + list + "}"));
    EXPECT_FALSE(readClaims(R"({"a":)" + list.substr(0, list.size() - 1) + ",0]}"));  // 65 in one
}

TEST(ReadClaims, DuplicateKeysAreRefusedHoweverSpelled) {
    EXPECT_FALSE(readClaims(R"({"a":1,"a":1})"));
    EXPECT_FALSE(readClaims(R"({"a":1,"b":2,"\u0061":3})"));
    EXPECT_FALSE(readClaims(R"({"x":{"a":1,"a":2}})"));
    EXPECT_FALSE(readClaims(R"({"":1,"":1})"));
    EXPECT_TRUE(readClaims(R"({"a":{"a":{"a":1}},"b":{"a":1}})"));
}

TEST(ReadClaims, OnlyIntegersOf64BitsAreNumbers) {
    EXPECT_TRUE(readClaims(R"({"a":9223372036854775807,"b":-9223372036854775808})"));
    for (const char* number : {"9223372036854775808",
                               "-9223372036854775809",
                               "18446744073709551615",
                               "1.0",
                               "1e0",
                               "1E5",
                               "1e308",
                               "1e309",
                               "-1e-400",
                               "0.1",
                               "NaN",
                               "Infinity",
                               "-",
                               "+1",
                               "01",
                               "0x1",
                               ".5",
                               "1.",
                               "1e",
                               "99999999999999999999999999999999999"})
        EXPECT_FALSE(readClaims(R"({"a":)" + std::string(number) + "}")) << number;
}

TEST(ReadClaims, NullAndEverythingOutsideOfJsonIsRefused) {
    for (const auto& text : {R"({"a":null})"s,
                             R"({"a":1,})"s,
                             R"({"a":[1,]})"s,
                             R"({a:1})"s,
                             R"({'a':1})"s,
                             "{\"a\":1}//x"s,
                             "/**/{\"a\":1}"s,
                             "{\"a\":1}x"s,
                             "{\"a\":1}{}"s,
                             "{\"a\":\"\n\"}"s,
                             "{\"a\":\"\0\"}"s,
                             R"({"a":"\x"})"s,
                             R"({"a":"\u12"})"s,
                             R"({"a")"s,
                             R"({"a":)"s,
                             "{"s,
                             ""s,
                             " "s,
                             "\0"s,
                             "[]"s,
                             "[{}]"s,
                             "1"s,
                             "\"a\""s,
                             "true"s,
                             "null"s,
                             "\xef\xbb\xbf{}"s,
                             "{}\0"s})
        EXPECT_FALSE(readClaims(text)) << text;
}

TEST(ReadClaims, BadUtf8IsRefusedInKeysAndStrings) {
    for (const auto& bytes :
         {"\xff"s, "\xfe"s, "\x80"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x80\x80"s, "\xed\xa0\x80"s, "\xed\xbf\xbf"s,
          "\xf0\x80\x80\x80"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xe2\x82"s, "\xc3"s, "\xc3\x28"s}) {
        EXPECT_FALSE(readClaims("{\"a\":\"" + bytes + "\"}"));
        EXPECT_FALSE(readClaims("{\"" + bytes + "\":1}"));
    }
    EXPECT_FALSE(readClaims(R"({"a":"\ud800"})"));
    EXPECT_FALSE(readClaims(R"({"a":"\ud800\u0041"})"));
    EXPECT_TRUE(readClaims("{\"a\":\"\xc3\xa9 \xf0\x9f\xa4\x96\"}"));
}

TEST(ReadClaims, ALongTextIsRefusedUnread) {
    const std::string text = "{\"a\":\"" + std::string(16 * 1024, 'x') + "\"}";
    EXPECT_FALSE(readClaims(text));
    EXPECT_FALSE(readClaims(R"({")" + std::string(300, 'k') + R"(":1})"));
}

RC_GTEST_PROP(ReadClaims, NoBytesBreakIt, (const std::string& bytes)) {
    readClaims(bytes);
    readClaims("{\"a\":" + bytes);
    readClaims("{\"a\":\"" + bytes + "\"}");
}

TEST(ClaimReader, RemembersTheFirstFault) {
    const auto claims = readClaims(R"({"text":"x","number":5,"truth":true,"when":"2026-11-22T09:15:00Z"})").value();
    ClaimReader reader(claims);
    EXPECT_EQ(reader.text("text"), "x");
    EXPECT_EQ(reader.integer("number", 5, 5), 5);
    EXPECT_TRUE(reader.boolean("truth"));
    EXPECT_EQ(toRfc3339(reader.instant("when")), "2026-11-22T09:15:00Z");
    EXPECT_EQ(reader.optionalInstant("none"), std::nullopt);
    EXPECT_EQ(reader.optionalText("none"), "");
    EXPECT_TRUE(reader.good());
    EXPECT_EQ(reader.integer("number", 6, 9), 6);
    EXPECT_FALSE(reader.good());
    EXPECT_EQ(reader.text("text"), "x");
    EXPECT_FALSE(reader.good());
}

TEST(ClaimReader, RefusesWhatIsMissingOrOfAnotherKind) {
    const auto claims = readClaims(R"({"a":"x","n":1,"empty":""})").value();
    const auto refuses = [&](auto read) {
        ClaimReader reader(claims);
        read(reader);
        return !reader.good();
    };
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.text("none"); }));
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.text("n"); }));
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.integer("a", 0, 9); }));
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.boolean("n"); }));
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.instant("a"); }));
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.optionalText("empty"); }));
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.object("a"); }));
    EXPECT_TRUE(refuses([](ClaimReader& r) { r.array("a"); }));
}

}  // namespace
}  // namespace entitle
