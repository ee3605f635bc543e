#include "daemon/metrics.h"

#include <regex>
#include <set>
#include <sstream>

#include "tests/daemon/core_fixture.h"

namespace entitle::testing {
namespace {

TEST_F(DaemonTest, MetricsTellStandingAndSlots) {
    importPro();
    (void)daemon->acquire("bots", 7, "", {0, 1});
    auto text = renderMetrics(*daemon, 3, 4096);
    EXPECT_NE(text.find("entitled_standing{standing=\"active\"} 1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("entitled_bots_in_use 7\n"), std::string::npos) << text;
    EXPECT_NE(text.find("entitled_bots_limit 100\n"), std::string::npos) << text;
    EXPECT_NE(text.find("entitled_connections 3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("entitled_slots_acquired_total 1\n"), std::string::npos) << text;
}

// prometheus.io/docs/instrumenting/exposition_formats: HELP and TYPE once before each metric's sample, counters end in
// _total, every line ends in a newline.
TEST_F(DaemonTest, MetricsKeepTheFormOfTheTextFormat) {
    std::istringstream lines(renderMetrics(*daemon, 0, 0));
    const std::regex help("# HELP ([a-z_]+) [^\\n]+"), type("# TYPE ([a-z_]+) (counter|gauge)"),
        sample("([a-z_]+)(\\{[a-z_]+=\"[^\"\\\\]*\"\\})? -?[0-9]+");
    std::set<std::string> names;
    std::smatch helped, typed, sampled;
    for (std::string a, b, c; std::getline(lines, a);) {
        ASSERT_TRUE(std::getline(lines, b) && std::getline(lines, c)) << a;
        ASSERT_TRUE(std::regex_match(a, helped, help)) << a;
        ASSERT_TRUE(std::regex_match(b, typed, type)) << b;
        ASSERT_TRUE(std::regex_match(c, sampled, sample)) << c;
        EXPECT_EQ(helped[1], typed[1]);
        EXPECT_EQ(helped[1], sampled[1]);
        EXPECT_EQ(typed[2] == "counter", helped[1].str().ends_with("_total")) << a;
        EXPECT_TRUE(names.insert(helped[1]).second) << "twice: " << a;
    }
    EXPECT_GT(names.size(), 15u);
}

}  // namespace
}  // namespace entitle::testing
