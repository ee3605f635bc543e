#include "proto/connection.h"

#include "tests/proto/wire_fixture.h"

namespace entitle::test {
namespace {

TEST(Connection, AnswersACall) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    Served served(loop);
    std::optional<CloseReason> closed;
    Connection client(loop, std::move(served.peer), WireLimits::client(), [&](CloseReason why) { closed = why; });
    auto entitled = client.bootstrap<wire::Entitled>();
    EXPECT_TRUE(check(entitled, "live_trading").wait(loop.waitScope()));
    EXPECT_FALSE(check(entitled, "advanced_ml").wait(loop.waitScope()));
    EXPECT_EQ(served.seen->calls, 2u);
}

}  // namespace
}  // namespace entitle::test
