// Cap'n Proto's own transport at one end, ours at the other: the wire is plain two-party RPC.
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include <capnp/rpc-twoparty.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include "tests/proto/wire_fixture.h"

namespace entitle::test {
namespace {

constexpr int callsMade = 200;

class Interop : public testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_), 0); }
    Socket ours() { return Socket(context, boost::asio::local::stream_protocol(), fds_[0]); }

    boost::asio::io_context context{oneIoThread};
    KjLoop loop{context};
    int fds_[2] = {-1, -1};
};

TEST_F(Interop, AStockServerAnswersOurClient) {
    std::thread stock([fd = fds_[1]] {
        auto io = kj::setupAsyncIo();
        auto stream = io.lowLevelProvider->wrapSocketFd(fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
        capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::SERVER);
        auto rpc = capnp::makeRpcServer(
            network, wire::Entitled::Client(kj::heap<FakeDaemon>(std::make_shared<FakeDaemon::Seen>())));
        network.onDisconnect().wait(io.waitScope);
    });
    {
        Connection client(loop, ours(), WireLimits::client(), [](CloseReason) {});
        auto entitled = client.bootstrap<wire::Entitled>();
        for (int i = 0; i < callsMade; ++i) EXPECT_TRUE(check(entitled, "live_trading").wait(loop.waitScope()));
        EXPECT_FALSE(check(entitled, std::string(30'000, 'f')).wait(loop.waitScope()));
    }
    stock.join();
}

// Our stream is a capnp::MessageStream like any other: the stock network works over it.
TEST_F(Interop, AStockNetworkRunsOverOurStream) {
    Served served(loop);
    MessageStream stream(loop, byteStream(std::move(served.peer)), WireLimits::client(), nullptr, [](CloseReason) {});
    capnp::TwoPartyVatNetwork network(stream, capnp::rpc::twoparty::Side::CLIENT);
    auto rpc = capnp::makeRpcClient(network);
    capnp::MallocMessageBuilder vat;
    vat.initRoot<capnp::rpc::twoparty::VatId>().setSide(capnp::rpc::twoparty::Side::SERVER);
    auto entitled = rpc.bootstrap(vat.getRoot<capnp::rpc::twoparty::VatId>()).castAs<wire::Entitled>();
    for (int i = 0; i < callsMade; ++i) EXPECT_TRUE(check(entitled, "live_trading").wait(loop.waitScope()));
}

TEST_F(Interop, AStockClientIsAnsweredByOurServer) {
    int allowed = 0;
    std::thread stock([&allowed, fd = fds_[1]] {
        auto io = kj::setupAsyncIo();
        auto stream = io.lowLevelProvider->wrapSocketFd(fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
        capnp::TwoPartyClient client(*stream);
        auto entitled = client.bootstrap().castAs<wire::Entitled>();
        for (int i = 0; i < callsMade; ++i) allowed += check(entitled, "live_trading").wait(io.waitScope) ? 1 : 0;
        // Pipelined, and larger than either end's socket buffer.
        auto all = kj::heapArrayBuilder<kj::Promise<bool>>(100);
        for (int i = 0; i < 100; ++i) all.add(check(entitled, std::string(30'000, 'f')));
        for (auto& each : all) each.wait(io.waitScope);
    });
    const auto seen = std::make_shared<FakeDaemon::Seen>();
    auto gone = kj::newPromiseAndFulfiller<void>();
    Connection server(loop, ours(), WireLimits{}, Connection::Serving{kj::heap<FakeDaemon>(seen)},
                      [&](CloseReason) { gone.fulfiller->fulfill(); });
    gone.promise.wait(loop.waitScope());
    stock.join();
    EXPECT_EQ(allowed, callsMade);
    EXPECT_EQ(seen->calls, callsMade + 100u);
}

}  // namespace
}  // namespace entitle::test
