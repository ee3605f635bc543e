// The shape of the code base, as claims. Each rule is shown to bite on an invented file before the tree is judged by
// it.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/architecture/rules.h"
#include "tests/architecture/source_tree.h"

namespace entitle::architecture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::vector<SourceFile>& tree() {
    static const auto files = readTree(ENTITLE_SOURCE_DIR);
    return files;
}

std::string joined(const Breaches& breaches) {
    std::string out;
    for (const auto& line : breaches) out += line + "\n";
    return out;
}

TEST(Scanner, SeesIncludesInsideConditionsAndNotInCommentsOrStrings) {
    const auto file = scan("license/x.cpp",
                           "#include \"license/x.h\"\n"
                           "// #include \"daemon/a.h\"\n"
                           "/* #include \"daemon/b.h\"\n#include \"daemon/c.h\" */\n"
                           "#if 0\n  #  include <kj/async.h>\n#endif\n"
                           "const char* text = R\"(\n#include_next)\";\n");
    ASSERT_THAT(file.includes, SizeIs(2));
    EXPECT_EQ(file.includes[0].target, "license/x.h");
    EXPECT_TRUE(file.includes[0].quoted);
    EXPECT_EQ(file.includes[1].target, "kj/async.h");
    EXPECT_EQ(file.includes[1].line, 6);
}

TEST(Scanner, BlanksCommentsAndLiteralsButKeepsCode) {
    const auto file = scan("tests/x.cpp", "call('\"'); // usleep\nauto s = \"usleep \\\" \"; real(1'000);\n");
    EXPECT_EQ(file.code.find("usleep"), std::string::npos);
    EXPECT_NE(file.code.find("real(1'000)"), std::string::npos);
    EXPECT_EQ(file.lines, 2);
}

TEST(Rules, EveryForbiddenPairIsReportedWithItsReason) {
    for (const auto& rule : forbiddenIncludes()) {
        const std::string path = std::string(rule.from) + (rule.from.ends_with('/')    ? "invented.cpp"
                                                           : rule.from.ends_with(".h") ? ""
                                                                                       : "cpp");
        const std::string target = std::string(rule.include) + (rule.include.ends_with('/') ? "invented.h" : "");
        const auto breaches = includeDirection({scan(path, "#include <" + target + ">\n")});
        EXPECT_THAT(joined(breaches), HasSubstr(std::string(rule.reason))) << path << " " << target;
    }
}

TEST(Rules, AllowedDirectionsAreLeftAlone) {
    EXPECT_THAT(
        includeDirection({scan("daemon/rpc.cpp", "#include \"proto/message_stream.h\"\n#include \"license/key.h\"\n"),
                          scan("client/connection.cpp", "#include <capnp/rpc.h>\n#include \"proto/endpoint.h\"\n"),
                          scan("server/issue.cpp", "#include \"license/document.h\"\n"),
                          scan("license/slots.h", "#include <set>\n#include \"license/time.h\"\n")}),
        IsEmpty());
}

TEST(Rules, BiteOnInventedFiles) {
    EXPECT_THAT(clockReads({scan("daemon/daemon.cpp", "auto t = std::chrono::system_clock::now();\n")}), SizeIs(1));
    EXPECT_THAT(clockReads({scan("daemon/clock_linux.cpp", "clock_gettime(CLOCK_BOOTTIME, &t);\n")}), IsEmpty());
    EXPECT_THAT(pureCalls({scan("license/key.cpp", "std::snprintf(a, 1, b); std::printf(b);\n")}), SizeIs(1));
    EXPECT_THAT(platformInclusions({scan("daemon/store.cpp", "#include <unistd.h>\n#include <sys/stat.h>\n")}),
                SizeIs(2));
    EXPECT_THAT(platformInclusions({scan("daemon/store_unix.cpp", "#include <unistd.h>\n")}), IsEmpty());
    EXPECT_THAT(platformInclusions({scan("client/client.cpp", "#ifdef _WIN32\n#endif\n")}), SizeIs(1));
    EXPECT_THAT(ownHeaderFirst({scan("license/key.h", "#pragma once\n"),
                                scan("license/key.cpp", "#include <string>\n#include \"license/key.h\"\n")}),
                SizeIs(1));
    EXPECT_THAT(ownHeaderFirst({scan("daemon/clock.h", "#pragma once\n"), scan("daemon/clock_linux.cpp", "int x;\n")}),
                SizeIs(1));
    EXPECT_THAT(fileNames({scan("daemon/StoreManager.cpp", ""), scan("client/string_util.h", "")}), SizeIs(2));
    EXPECT_THAT(sleepsInTests({scan("tests/x.cpp", "std::this_thread::sleep_for(1s);\nsleep(1);\nasleep();\n")}),
                SizeIs(2));
    EXPECT_THAT(headerForm({scan("client/x.h", "int x;\n"), scan("client/x.cpp", "#include \"x.h\"\n")}), SizeIs(2));
    EXPECT_THAT(compositionRoot({scan("daemon/main.cpp", std::string(201, '\n'))}), SizeIs(1));
}

TEST(Architecture, TheTreeWasRead) {
    // Guards every test below against passing on an empty list.
    EXPECT_GT(tree().size(), 40U);
}

TEST(Architecture, IncludesPointOneWay) {
    const auto breaches = includeDirection(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, TimeIsAnArgument) {
    const auto breaches = clockReads(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, TheCoreTouchesNothing) {
    const auto breaches = pureCalls(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, PlatformCodeStandsInPlatformFiles) {
    const auto breaches = platformInclusions(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, EverySourceIncludesItsOwnHeaderFirst) {
    const auto breaches = ownHeaderFirst(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, FilesAreNamedForWhatTheyDecide) {
    const auto breaches = fileNames(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, TestsNeverSleep) {
    const auto breaches = sleepsInTests(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, HeadersAndIncludesHaveTheirForm) {
    const auto breaches = headerForm(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

TEST(Architecture, MainOnlyWiresTheDaemon) {
    const auto breaches = compositionRoot(tree());
    EXPECT_THAT(breaches, IsEmpty()) << joined(breaches);
}

}  // namespace
}  // namespace entitle::architecture
