#include "daemon/metrics.h"

#include <algorithm>
#include <string_view>

#include "tests/daemon/core_fixture.h"

namespace entitle::testing {
namespace {

TEST_F(DaemonTest, MetricsTellStandingAndSlots) {
    importPro();
    (void)daemon->acquire("bots", 7, "", {0, 1});
    const auto samples = metricsOf(*daemon, 3, 4096);
    auto valueOf = [&](std::string_view name) {
        auto found = std::find_if(samples.begin(), samples.end(), [&](const auto& each) { return each.name == name; });
        return found == samples.end() ? -1.0 : found->value;
    };
    ASSERT_FALSE(samples.empty());
    EXPECT_STREQ(samples[0].name, "entitled_standing");
    ASSERT_TRUE(samples[0].label);
    EXPECT_EQ(samples[0].label->value, "active");
    EXPECT_EQ(valueOf("entitled_bots_in_use"), 7);
    EXPECT_EQ(valueOf("entitled_bots_limit"), 100);
    EXPECT_EQ(valueOf("entitled_connections"), 3);
    EXPECT_EQ(valueOf("entitled_wire_bytes"), 4096);
    EXPECT_EQ(valueOf("entitled_slots_acquired_total"), 1);
}

}  // namespace
}  // namespace entitle::testing
