// Calls from the bus that wait: how many of whom.
#include "daemon/bus_places.h"

#include <vector>

#include <gtest/gtest.h>

namespace entitle::testing {
namespace {

using Places = std::vector<BusPlaces::Place>;

// As many as there are for this user, up to `most`.
Places all(BusPlaces& places, std::uint32_t uid, std::size_t most) {
    Places taken;
    while (taken.size() < most) {
        auto place = places.ofUser(uid);
        if (!place) break;
        taken.push_back(std::move(place));
    }
    return taken;
}

TEST(BusPlaces, AConnectionThatIsRefusedLeavesNothingBehind) {
    BusPlaces places;
    Places unknown;
    for (std::size_t i = 0; unknown.size() < BusPlaces::unknownInAll; ++i) {
        unknown.push_back(places.ofConnection(":1." + std::to_string(i / BusPlaces::perConnection)));
        ASSERT_TRUE(unknown.back());
    }
    const auto connections = places.connections();
    EXPECT_EQ(connections, BusPlaces::unknownInAll / BusPlaces::perConnection);
    for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(places.ofConnection(":2." + std::to_string(i)));
    EXPECT_EQ(places.connections(), connections);
    unknown.clear();
    EXPECT_EQ(places.connections(), 0u);
    EXPECT_TRUE(places.ofConnection(":2.1"));
}

TEST(BusPlaces, AConnectionHasSixteenUntilItsUserIsKnown) {
    BusPlaces places;
    Places own;
    for (int i = 0; i < 16; ++i) own.push_back(places.ofConnection(":1.1"));
    EXPECT_TRUE(own.back());
    EXPECT_FALSE(places.ofConnection(":1.1"));
    EXPECT_TRUE(places.ofConnection(":1.2"));
    own.pop_back();
    EXPECT_TRUE(places.ofConnection(":1.1"));
}

TEST(BusPlaces, AUserHasSixteenAndTakesNobodyElses) {
    BusPlaces places;
    const auto alice = all(places, 1000, 1'000);
    EXPECT_EQ(alice.size(), 16u);
    EXPECT_EQ(all(places, 1001, 1'000).size(), 16u);
}

TEST(BusPlaces, ManyUsersTogetherFillThemButNotRoots) {
    BusPlaces places;
    Places taken;
    std::uint32_t uid = 1000;
    for (auto next = all(places, uid, 1'000); !next.empty(); next = all(places, ++uid, 1'000))
        taken.insert(taken.end(), next.begin(), next.end());
    EXPECT_EQ(taken.size(), 256u);
    EXPECT_EQ(uid, 1016u);
    EXPECT_EQ(all(places, 0, 1'000).size(), 16u);
    EXPECT_TRUE(places.ofConnection(":1.1")) << "and who somebody is may still be asked";
}

}  // namespace
}  // namespace entitle::testing
