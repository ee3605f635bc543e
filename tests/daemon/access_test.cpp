#include "daemon/access.h"

#include <list>

#include <gtest/gtest.h>

namespace entitle {
namespace {

const AccessPolicy policy{990, 800, std::nullopt};

TEST(Access, AdminDoorIsForRootTheOwnUserAndTheGroup) {
    EXPECT_TRUE(allowed({0, 0, 1, {}}, Door::admin, policy));
    EXPECT_TRUE(allowed({990, 990, 1, {}}, Door::admin, policy));
    EXPECT_TRUE(allowed({1000, 1000, 1, {4, 800}}, Door::admin, policy)) << "a supplementary group";
    EXPECT_TRUE(allowed({1000, 800, 1, {}}, Door::admin, policy)) << "a primary group";
    EXPECT_FALSE(allowed({1000, 1000, 1, {4, 801}}, Door::admin, policy));
    EXPECT_FALSE(allowed({800, 1000, 1, {}}, Door::admin, policy)) << "a uid is no group";
}

TEST(Access, AMissingAdminGroupLetsNobodyIn) {
    AccessPolicy none{990, std::nullopt, std::nullopt};
    EXPECT_FALSE(allowed({1000, 0, 1, {0}}, Door::admin, none));
}

TEST(Access, QueriesAreForEverybodyUnlessAGroupIsNamed) {
    EXPECT_TRUE(allowed({1000, 1000, 1, {}}, Door::query, policy));
    AccessPolicy grouped{990, 800, 700};
    EXPECT_FALSE(allowed({1000, 1000, 1, {}}, Door::query, grouped));
    EXPECT_TRUE(allowed({1000, 1000, 1, {700}}, Door::query, grouped));
    EXPECT_FALSE(allowed({1000, 1000, 1, {700}}, Door::admin, grouped));
}

TEST(Admission, NoLicenseGivesOneUserEveryPlace) {
    const auto perUser = [](std::size_t total, std::size_t least, std::int64_t bots) {
        return Admission::sharing(total, least, bots).perUid;
    };
    EXPECT_EQ(perUser(16'384, 256, 3), 256u);
    EXPECT_EQ(perUser(16'384, 256, 1'000), 2'000u) << "one for each slot, and one more to ask";
    for (std::int64_t bots : {std::int64_t{-1}, std::int64_t{8'192}, std::int64_t{1'000'000}, INT64_MAX}) {
        EXPECT_EQ(perUser(16'384, 256, bots), 12'288u) << bots;
    }
    EXPECT_EQ(perUser(40, 256, 3), 30u) << "nor does a process that may open few files";
    EXPECT_EQ(perUser(1, 1, -1), 1u);
}

TEST(Admission, OneUserCannotTakeThePlacesOfAnother) {
    Admission admission({3, 5});
    std::list<Admission::Ticket> tickets;
    for (int i = 0; i < 3; ++i) tickets.push_back(*admission.admit(1));
    EXPECT_FALSE(admission.admit(1));
    tickets.push_back(*admission.admit(2));
    tickets.push_back(*admission.admit(3));
    EXPECT_FALSE(admission.admit(4)) << "the total";
    tickets.erase(tickets.begin());
    EXPECT_EQ(admission.connections(), 4u);
    EXPECT_EQ(admission.connectionsOf(1), 2u);
    EXPECT_TRUE(admission.admit(1));
}

}  // namespace
}  // namespace entitle
