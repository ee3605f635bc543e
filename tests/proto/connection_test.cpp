#include "proto/connection.h"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "tests/proto/wire_fixture.h"

namespace entitle::test {
namespace {

using std::chrono::milliseconds;

class ConnectionTest : public testing::Test {
  protected:
    boost::asio::io_context context{oneIoThread};
    KjLoop loop{context};
    Served served{loop};
    std::optional<CloseReason> clientClosed;

    std::unique_ptr<Connection> client() {
        return std::make_unique<Connection>(loop, std::move(served.peer), WireLimits::client(),
                                            [this](CloseReason why) { clientClosed = why; });
    }
};

TEST_F(ConnectionTest, AnswersCallsMadeBeforeTheBootstrapArrived) {
    const auto connection = client();
    auto entitled = connection->bootstrap<wire::Entitled>();
    auto first = check(entitled, "live_trading");
    auto second = check(entitled, "advanced_ml");
    EXPECT_FALSE(second.wait(loop.waitScope()));
    EXPECT_TRUE(first.wait(loop.waitScope()));
}

TEST_F(ConnectionTest, KeepsTheOrderOfCalls) {
    const auto connection = client();
    auto entitled = connection->bootstrap<wire::Entitled>();
    auto all = kj::heapArrayBuilder<kj::Promise<bool>>(900);
    for (int i = 0; i < 900; ++i) all.add(check(entitled, "f" + std::to_string(i)));
    for (auto& each : all) each.wait(loop.waitScope());
    ASSERT_EQ(served.seen->lastFeatures.size(), 900u);
    for (std::size_t i = 0; i < 900; ++i) ASSERT_EQ(served.seen->lastFeatures[i], "f" + std::to_string(i));
}

TEST_F(ConnectionTest, ServesUnderRunAsWellAsUnderWait) {
    const auto connection = client();
    auto entitled = connection->bootstrap<wire::Entitled>();
    int answers = 0;
    kj::Function<kj::Promise<void>()> again = [&]() -> kj::Promise<void> {
        return check(entitled, "live_trading").then([&](bool) -> kj::Promise<void> {
            if (++answers == 100) {
                context.stop();
                return kj::READY_NOW;
            }
            return again();
        });
    };
    auto calls = again().eagerlyEvaluate(nullptr);
    loop.run();
    EXPECT_EQ(answers, 100);
}

TEST_F(ConnectionTest, TheDaemonCallsItsObserver) {
    struct Noting final : wire::Observer::Server {
        explicit Noting(std::uint64_t& last) : last(last) {}
        kj::Promise<void> changed(ChangedContext call) override {
            last = call.getParams().getChange().getGeneration();
            return kj::READY_NOW;
        }
        std::uint64_t& last;
    };
    const auto connection = client();
    std::uint64_t generation = 0;
    auto request = connection->bootstrap<wire::Entitled>().subscribeRequest();
    request.setObserver(kj::heap<Noting>(generation));
    request.send().ignoreResult().wait(loop.waitScope());
    ASSERT_EQ(served.seen->observers.size(), 1u);
    auto change = served.seen->observers[0].changedRequest();
    change.initChange().setGeneration(42);
    change.send().ignoreResult().wait(loop.waitScope());
    EXPECT_EQ(generation, 42u);
}

TEST_F(ConnectionTest, AClientThatGoesIsNoticedAndItsCapabilitiesDropped) {
    auto connection = client();
    check(connection->bootstrap<wire::Entitled>(), "live_trading").wait(loop.waitScope());
    connection.reset();
    EXPECT_EQ(served.waitClosed(loop), CloseReason::peerClosed);
    EXPECT_TRUE(served.seen->destroyed);
    EXPECT_EQ(clientClosed, std::nullopt) << "whoever destroys a connection is not told";
}

TEST_F(ConnectionTest, ADaemonThatGoesFailsTheCallsUnderWay) {
    const auto connection = client();
    auto entitled = connection->bootstrap<wire::Entitled>();
    check(entitled, "live_trading").wait(loop.waitScope());
    auto held = entitled.statusRequest().send();
    loop.poll();
    ASSERT_EQ(served.seen->held.size(), 1u);
    served.connection.reset();
    try {
        held.wait(loop.waitScope());
        FAIL() << "answered by nobody";
    } catch (const kj::Exception& exception) {
        EXPECT_EQ(exception.getType(), kj::Exception::Type::DISCONNECTED);
    }
    loop.poll();
    EXPECT_EQ(clientClosed, CloseReason::peerClosed);
    EXPECT_ANY_THROW(check(connection->bootstrap<wire::Entitled>(), "x").wait(loop.waitScope()));
}

TEST_F(ConnectionTest, CallsAreAnsweredThoughTheirSenderNeverReads) {
    // As a program does that releases its slots and exits.
    ASSERT_NE(sendAll(loop, served.peer, bootstrapMessage(0) + checkMessage(1, "a") + checkMessage(2, "b")), 0u);
    served.peer.close();
    served.waitClosed(loop);
    EXPECT_EQ(served.seen->calls, 2u);
}

TEST_F(ConnectionTest, AMessageMayArriveByteByByte) {
    for (const std::byte byte : bootstrapMessage(0) + checkMessage(1, "live_trading") + finishMessage(1)) {
        ASSERT_EQ(sendAll(loop, served.peer, Bytes{byte}), 1u);
        loop.poll();
    }
    EXPECT_EQ(served.seen->calls, 1u);
    EXPECT_EQ(served.connection->openQuestions(), 1u);
}

TEST_F(ConnectionTest, ManyMessagesMayArriveAtOnce) {
    Bytes all = bootstrapMessage(0);
    for (std::uint32_t i = 1; i <= 500; ++i) all = std::move(all) + checkMessage(i, "f") + finishMessage(i);
    ASSERT_EQ(sendAll(loop, served.peer, all), all.size());
    loop.poll();
    EXPECT_EQ(served.seen->calls, 500u);
    EXPECT_EQ(served.connection->openQuestions(), 1u);
}

TEST_F(ConnectionTest, AnAbortOfThePeerClosesInOrder) {
    sendAll(loop, served.peer, bootstrapMessage(0) + abortMessage());
    EXPECT_EQ(served.waitClosed(loop), CloseReason::peerClosed);
}

TEST_F(ConnectionTest, ABrokenRuleOfTheProtocolCloses) {
    // Since libcapnp 1.0 a Finish of no question may have crossed the answer that ended it.
    const bool strict = CAPNP_VERSION < 1000000;
    sendAll(loop, served.peer, strict ? finishMessage(5) : bootstrapMessage(5) + bootstrapMessage(5));
    EXPECT_EQ(served.waitClosed(loop), CloseReason::badMessage);
}

TEST_F(ConnectionTest, ClosingIsReportedToTheOwnerOnce) {
    served.connection->close(CloseReason::overBudget);
    served.connection->close();
    EXPECT_EQ(served.waitClosed(loop), CloseReason::overBudget);
    loop.poll();
}

TEST(Connection, APeerMayCloseAtEveryByte) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    const Bytes sent = bootstrapMessage(0) + checkMessage(1, "live_trading") + finishMessage(1);
    for (std::size_t size = 0; size <= sent.size(); ++size) {
        Served served(loop);
        ASSERT_EQ(sendAll(loop, served.peer, Bytes(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(size))),
                  size);
        served.peer.close();
        served.waitClosed(loop);
        ASSERT_TRUE(served.seen->destroyed) << "after " << size << " bytes";
    }
}

TEST(Connection, ADaemonMayCloseAtEveryByteOfItsAnswer) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    Bytes answer;
    {
        Served recorded(loop);
        sendAll(loop, recorded.peer, bootstrapMessage(0) + checkMessage(1, "live_trading"));
        answer = readSome(loop, recorded.peer);
        ASSERT_GT(answer.size(), 100u);
    }
    for (std::size_t size = 0; size <= answer.size(); ++size) {
        Socket ours(context);
        Socket theirs(context);
        boost::asio::local::connect_pair(ours, theirs);
        bool closed = false;
        Connection client(loop, std::move(ours), WireLimits::client(), [&](CloseReason) { closed = true; });
        auto call = check(client.bootstrap<wire::Entitled>(), "live_trading");
        loop.poll();
        sendAll(loop, theirs, Bytes(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size)));
        theirs.close();
        if (size == answer.size()) {
            ASSERT_TRUE(call.wait(loop.waitScope()));
        } else {
            ASSERT_ANY_THROW(call.wait(loop.waitScope())) << "after " << size << " bytes";
        }
        loop.poll();
        ASSERT_TRUE(closed);
    }
}

TEST(Connection, AHalfOpenConnectionIsClosedAndOneThatSpokeIsNot) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    WireLimits limits;
    limits.firstMessage = milliseconds(5);
    Served spoke(loop, limits);
    sendAll(loop, spoke.peer, bootstrapMessage(0));
    loop.poll();
    ASSERT_TRUE(spoke.connection->sawMessage());
    Served half(loop, limits);
    sendAll(loop, half.peer, Bytes(4));
    Served mute(loop, limits);
    EXPECT_EQ(half.waitClosed(loop), CloseReason::silent);
    EXPECT_EQ(mute.waitClosed(loop), CloseReason::silent);
    EXPECT_EQ(spoke.closed, std::nullopt);
}

TEST(Connection, AReaderThatNeverDrainsStopsItsOwnCallsOnly) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    Served other(loop);
    Served served(loop);
    served.seen->answerBytes = 4'000;
    const std::size_t before = residentBytes();
    sendAll(loop, served.peer, bootstrapMessage(0));
    std::uint32_t asked = 0;
    Bytes rest;
    for (;; ++asked) {
        const Bytes call = checkMessage(1, "f") + finishMessage(1);
        const std::size_t sent = sendAll(loop, served.peer, call);
        if (sent == call.size()) continue;
        rest.assign(call.begin() + static_cast<std::ptrdiff_t>(sent), call.end());
        break;
    }
    EXPECT_EQ(served.closed, std::nullopt);
    EXPECT_LT(served.seen->calls, asked) << "the daemon went on answering somebody who does not read";
    EXPECT_LE(served.connection->backlog(), WireLimits{}.backlogBytes + 5'000);
    if (residentSizeIsOurs) {
        EXPECT_LT(residentBytes(), before + (2u << 20));
    }

    Connection client(loop, std::move(other.peer), WireLimits::client(), [](CloseReason) {});
    EXPECT_TRUE(check(client.bootstrap<wire::Entitled>(), "live_trading").wait(loop.waitScope()));

    // Once it reads, everything it asked is answered.
    readSome(loop, served.peer);
    ASSERT_EQ(sendAll(loop, served.peer, rest), rest.size());
    while (!readSome(loop, served.peer).empty()) continue;
    EXPECT_EQ(served.seen->calls, asked + 1);
    EXPECT_EQ(served.connection->backlog(), 0u);
}

TEST(Connection, AGatedDaemonAndAClientThatSendsAlotDoNotDeadlock) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    Served served(loop);
    served.seen->answerBytes = 8'000;
    Connection client(loop, std::move(served.peer), WireLimits::client(), [](CloseReason) {});
    auto entitled = client.bootstrap<wire::Entitled>();
    auto calls = kj::heapArrayBuilder<kj::Promise<bool>>(1'000);
    for (int i = 0; i < 1'000; ++i) calls.add(check(entitled, std::string(8'000, 'f')));
    kj::joinPromises(calls.finish()).wait(loop.waitScope());
    EXPECT_EQ(served.seen->calls, 1'000u);
}

TEST(Connection, CallsUnderWayAreChargedAndClosedOverTheBudget) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    const auto user = std::make_shared<Budget>(40'000);
    Served served(loop, WireLimits{}, user);
    Bytes calls = bootstrapMessage(0);
    for (std::uint32_t i = 1; i <= 200; ++i) calls = std::move(calls) + statusMessage(i);
    sendAll(loop, served.peer, calls);
    EXPECT_EQ(served.waitClosed(loop), CloseReason::overBudget);
    served.seen->held.clear();
    loop.poll();
    EXPECT_EQ(user->used(), 0u);
}

TEST(Connection, UnreadAnswersAreChargedAndClosedOverTheBudget) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    const auto user = std::make_shared<Budget>(100'000);
    Served served(loop, WireLimits{}, user);
    served.seen->answerBytes = 10'000;
    sendAll(loop, served.peer, bootstrapMessage(0));
    const Bytes call = checkMessage(1, "f") + finishMessage(1);
    while (!served.closed && sendAll(loop, served.peer, call) == call.size()) loop.poll();
    EXPECT_EQ(served.closed, CloseReason::overBudget);
    loop.poll();
    EXPECT_EQ(user->used(), 0u);
}

TEST(Connection, TheFlowLimitHoldsBackCallsWithoutClosing) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    Served served(loop);
    Bytes calls = bootstrapMessage(0);
    for (std::uint32_t i = 1; i <= 1'000; ++i) calls = std::move(calls) + statusMessage(i);
    sendAll(loop, served.peer, calls);
    loop.poll();
    EXPECT_GT(served.seen->held.size(), 10u);
    EXPECT_LT(served.seen->held.size(), 600u);
    // Freed by their answers, the rest comes through.
    std::size_t answered = 0;
    while (answered < served.seen->held.size()) {
        served.seen->held[answered++]->fulfill();
        loop.poll();
        readSome(loop, served.peer);
    }
    EXPECT_EQ(answered, 1'000u);
    EXPECT_EQ(served.closed, std::nullopt);
}

}  // namespace
}  // namespace entitle::test
