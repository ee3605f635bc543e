// What one connection, and one user, may have of the daemon.
#include <vector>

#include "tests/daemon/rpc_fixture.h"

namespace entitle::testing {
namespace {

constexpr std::uint32_t alice = 1000, bob = 1001;

class ConnectionsTest : public RpcTest {
  protected:
    void importUnlimited() {
        License license = pro();
        license.maxBots = unlimited;
        ASSERT_EQ(importing(issuer.file(license)), "");
    }
    // Half a message of which `bytes` have arrived: they are held, and charged to the user.
    LocalSocket halfMessage(std::uint32_t uid, std::size_t bytes) {
        auto socket = connectRaw(uid);
        std::vector<std::uint32_t> words(bytes / 4);
        words[1] = 8'000;  // one segment, of as many words
        boost::asio::write(socket, boost::asio::buffer(words));
        loop.poll();
        return socket;
    }
};

TEST_F(ConnectionsTest, OneUserOfAnUnlimitedLicenseLeavesPlacesToOthers) {
    importUnlimited();
    Config::Limits limits;
    limits.connections = 16;
    limits.connectionsPerUser = 2;
    serve(limits);
    std::vector<LocalSocket> crowd;
    for (int i = 0; i < 12; ++i) crowd.push_back(connectRaw(alice));
    for (auto& socket : crowd) EXPECT_FALSE(closed(socket)) << "an unlimited license is there to be used";
    for (int i = 0; i < 8; ++i) {
        auto oneMore = connectRaw(alice);
        EXPECT_TRUE(closed(oneMore));
    }
    auto other = program(bob);
    EXPECT_EQ(other->query.statusRequest().send().wait(loop.waitScope()).getStatus().getMaxBots(), -1);
}

TEST_F(ConnectionsTest, ReloadForgetsNoMemoryThatAUserHolds) {
    Config::Limits limits;
    limits.memoryPerUser = 100'000;  // the buffer doubles as it fills: 64 KiB for 40,000 bytes
    serve(limits);
    auto first = halfMessage(alice, 40'000);
    ASSERT_FALSE(closed(first));
    ASSERT_GE(metric("entitled_wire_bytes"), 30'000);
    limits.memory *= 2;
    served->reconfigure(limits, {});
    EXPECT_GE(metric("entitled_wire_bytes"), 30'000) << "what is held counts on";
    auto second = halfMessage(alice, 40'000);
    EXPECT_TRUE(closed(second)) << "both together are more than one user may have";
    auto other = halfMessage(bob, 40'000);
    EXPECT_FALSE(closed(other));
    EXPECT_FALSE(closed(first));
}

TEST_F(ConnectionsTest, LoweredMemoryHoldsForPresentConnections) {
    auto first = halfMessage(alice, 10'000);
    Config::Limits limits;
    limits.memoryPerUser = 12'000;
    served->reconfigure(limits, {});
    EXPECT_FALSE(closed(first)) << "nothing is taken away";
    boost::asio::write(first, boost::asio::buffer(std::vector<char>(30'000)));
    EXPECT_TRUE(closed(first)) << "but nothing is added";
}

TEST_F(ConnectionsTest, SixteenSubscriptionsOnOneConnectionAndNoMore) {
    auto watcher = program(alice);
    unsigned told = 0;
    const auto subscribe = [&] {
        auto request = watcher->query.subscribeRequest();
        request.setObserver(kj::heap<CountingObserver>(told));
        return request.send().wait(loop.waitScope()).getSubscription();
    };
    std::vector<wire::Subscription::Client> subscriptions;
    for (int i = 0; i < 16; ++i) subscriptions.push_back(subscribe());
    try {
        (void)subscribe();
        ADD_FAILURE() << "a seventeenth";
    } catch (const kj::Exception& refusal) {
        EXPECT_STREQ(refusal.getDescription().cStr(),
                     "remote exception: too many subscriptions on one connection; Session::maxSubscriptions = 16");
    }
    loop.poll();
    EXPECT_EQ(told, 16U);
    subscriptions.pop_back();
    loop.poll();
    subscriptions.push_back(subscribe());
    auto another = program(alice);
    std::swap(watcher, another);
    (void)subscribe();
}

// entitled.capnp promises this number.
TEST_F(ConnectionsTest, LargestDocumentOfTheSchemaFitsOneMessage) {
    Program administrator(loop, connectRaw(0, Door::admin));
    auto request = administrator.connection.bootstrap<wire::Admin>().importRequest();
    request.setDocument(std::string(65'024, 'x').c_str());
    EXPECT_TRUE(request.send().wait(loop.waitScope()).getOutcome().isRefused()) << "no license, but read";
}

}  // namespace
}  // namespace entitle::testing
