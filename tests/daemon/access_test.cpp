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
