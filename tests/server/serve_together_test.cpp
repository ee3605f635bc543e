// Two `serve` processes on one database: what one is told, whoever waits at the other hears.
#include <chrono>

#include <gtest/gtest.h>

#include "tests/server/postgres_cluster.h"
#include "tests/server/running_server.h"
#include "tests/server/store_fixture.h"

namespace entitle::testing {
namespace {

class TwoServers : public ::testing::TestWithParam<Dialect> {
  protected:
    void SetUp() override {
        std::optional<DatabaseAddress> database;
        if (GetParam() == Dialect::postgresql) {
            std::string whyNot;
            auto* cluster = PostgresCluster::shared(whyNot);
            if (cluster == nullptr) GTEST_SKIP() << whyNot;
            database = cluster->newDatabase();
        }
        desk = std::make_unique<ServedAuthority>(database);
        one = std::make_unique<RunningServer>(*desk);
        other = std::make_unique<RunningServer>(*desk);
        made = desk->mint();
        const auto rid = freshNonce();
        const auto answer = one->ask(device, Operation::activate, rid, made->key.text()).value();
        device.take(Operation::activate, rid, answer.body, desk->pinned());
        waiter = std::make_unique<Client>(other->port());
        rid_ = freshNonce();
        ASSERT_TRUE(waiter->send(
            post(routeOf(Operation::wait), device.request(Operation::wait, rid_), "", requestContentType)));
        ASSERT_TRUE(eventually([&] { return other->waiting() == 1; }));
    }
    // What the waiting device hears, and within what time since `from`.
    OpenedReply heard(std::chrono::steady_clock::time_point from, std::chrono::milliseconds& took) {
        const auto answer = waiter->receive();
        took = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - from);
        if (answer.status != 200) throw std::runtime_error("it heard " + std::to_string(answer.status));
        return device.take(Operation::wait, rid_, answer.body, desk->pinned());
    }

    std::unique_ptr<ServedAuthority> desk;
    std::unique_ptr<RunningServer> one, other;
    std::optional<MintedLicense> made;
    TestDevice device = TestDevice::number(1);
    std::unique_ptr<Client> waiter;
    std::string rid_;
};
ENTITLE_ON_BOTH_DATABASES(TwoServers);

TEST_P(TwoServers, ARevocationAtOneWakesWhoWaitsAtTheOtherWithinASecond) {
    const auto admin = desk->admin();
    const auto from = std::chrono::steady_clock::now();
    ASSERT_EQ(one->post("/v1/admin/licenses/" + made->row.id.value + "/revoke", "{}", admin).status, 200);
    std::chrono::milliseconds took{};
    EXPECT_EQ(heard(from, took).answer.ended, SignedEnd::revoked);
    EXPECT_LT(took, std::chrono::seconds(1));
    RecordProperty("milliseconds", static_cast<int>(took.count()));
}

TEST_P(TwoServers, KeysRotatedByAnotherProcessReachWhoWaitsWithinASecond) {
    const auto rotated = desk->command({"keys", "rotate", "--roots", desk->roots().string()});
    const auto from = std::chrono::steady_clock::now();
    ASSERT_EQ(rotated.status, 0) << rotated.both();
    std::chrono::milliseconds took{};
    EXPECT_EQ(heard(from, took).keySet.version, 2u);
    EXPECT_LT(took, std::chrono::seconds(1));
    const auto rid = freshNonce();
    const auto renewed = one->ask(device, Operation::renew, rid).value();
    EXPECT_EQ(device.take(Operation::renew, rid, renewed.body, desk->pinned()).answer.outcome, Outcome::granted);
}

TEST_P(TwoServers, WhatHappensToAnotherLicenseWakesNobody) {
    const auto elses = desk->mint();
    ASSERT_EQ(one->post("/v1/admin/licenses/" + elses.row.id.value + "/revoke", "{}", desk->admin()).status, 200);
    // Its own news come behind it, and are the first it hears.
    ASSERT_EQ(one->post("/v1/admin/licenses/" + made->row.id.value + "/suspend", "{}", desk->admin()).status, 200);
    std::chrono::milliseconds took{};
    const auto told = heard(std::chrono::steady_clock::now(), took);
    EXPECT_EQ(told.answer.ended, SignedEnd::suspended);
    ASSERT_TRUE(told.revocations);
    EXPECT_NE(told.revocations->find(elses.row.id), nullptr) << "the list comes along all the same";
}

}  // namespace
}  // namespace entitle::testing
