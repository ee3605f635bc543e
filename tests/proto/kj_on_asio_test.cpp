#include "proto/kj_on_asio.h"

#include <thread>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "tests/proto/wire_fixture.h"

namespace entitle {
namespace {

class KjOnAsio : public testing::Test {
  protected:
    boost::asio::io_context context{oneIoThread};
    KjLoop loop{context};
};

TEST_F(KjOnAsio, APromiseWaitsForAnAsioTimer) {
    boost::asio::steady_timer timer(context, std::chrono::milliseconds(1));
    auto fired = kj::newPromiseAndFulfiller<int>();
    timer.async_wait([&](boost::system::error_code) { loop.enter([&] { fired.fulfiller->fulfill(7); }); });
    EXPECT_EQ(fired.promise.wait(loop.waitScope()), 7);
}

TEST_F(KjOnAsio, KjRunsBeforeTheHandlerReturns) {
    auto gate = kj::newPromiseAndFulfiller<void>();
    bool continued = false;
    auto task = gate.promise.then([&] { continued = true; }).eagerlyEvaluate(nullptr);
    boost::asio::post(context, [&] {
        loop.enter([&] { gate.fulfiller->fulfill(); });
        EXPECT_TRUE(continued);
        context.stop();
    });
    loop.run();
    EXPECT_TRUE(continued);
}

TEST_F(KjOnAsio, AHandlerThatDoesNotEnterIsOnlySlower) {
    auto gate = kj::newPromiseAndFulfiller<void>();
    auto task = gate.promise.then([&] { context.stop(); }).eagerlyEvaluate(nullptr);
    boost::asio::post(context, [&] { gate.fulfiller->fulfill(); });
    loop.run();
}

TEST_F(KjOnAsio, NestedEntersTakeOneTurn) {
    auto gate = kj::newPromiseAndFulfiller<void>();
    bool continued = false;
    auto task = gate.promise.then([&] { continued = true; }).eagerlyEvaluate(nullptr);
    boost::asio::post(context, [&] {
        loop.enter([&] {
            loop.enter([&] { gate.fulfiller->fulfill(); });
            EXPECT_FALSE(continued) << "KJ ran inside a frame that had not ended";
        });
        EXPECT_TRUE(continued);
        context.stop();
    });
    loop.run();
}

TEST_F(KjOnAsio, AsioIsServedWhileKjIsBusyForEver) {
    bool stop = false;
    kj::Function<kj::Promise<void>()> again = [&]() -> kj::Promise<void> {
        if (stop) return kj::READY_NOW;
        return kj::evalLater([&] { return again(); });
    };
    boost::asio::steady_timer timer(context, std::chrono::milliseconds(1));
    timer.async_wait([&](boost::system::error_code) { stop = true; });
    again().wait(loop.waitScope());

    stop = false;
    timer.expires_after(std::chrono::milliseconds(1));
    timer.async_wait([&](boost::system::error_code) { stop = true; });
    auto busy = again().then([&] { context.stop(); }).eagerlyEvaluate(nullptr);
    loop.run();
    EXPECT_TRUE(stop);
}

TEST_F(KjOnAsio, StoppingTheContextDoesNotEndAWait) {
    auto gate = kj::newPromiseAndFulfiller<int>();
    boost::asio::post(context, [&] {
        context.stop();
        boost::asio::post(context, [&] { loop.enter([&] { gate.fulfiller->fulfill(3); }); });
    });
    EXPECT_EQ(gate.promise.wait(loop.waitScope()), 3);
}

TEST_F(KjOnAsio, AnExceptionOfAHandlerPassesThroughRunAndTheLoopGoesOn) {
    boost::asio::post(context, [] { throw std::runtime_error("of a handler"); });
    EXPECT_THROW(loop.run(), std::runtime_error);
    boost::asio::post(context, [&] { context.stop(); });
    loop.run();
}

struct CountedWork final : KjLoop::BeforeSleep {
    int calls = 0;
    void beforeSleep() noexcept override { ++calls; }
};

TEST_F(KjOnAsio, WorkBeforeSleepIsDoneOncePerListing) {
    CountedWork work;
    loop.callBeforeSleep(work);
    loop.callBeforeSleep(work);
    loop.poll();
    loop.poll();
    EXPECT_EQ(work.calls, 1);
    {
        CountedWork gone;
        loop.callBeforeSleep(gone);
    }
    loop.callBeforeSleep(work);
    loop.poll();
    EXPECT_EQ(work.calls, 2);
}

TEST_F(KjOnAsio, AnotherThreadWakesIt) {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "kj::Executor's own locking is not instrumented in Debian's library: false reports";
#endif
    const kj::Executor& executor = kj::getCurrentThreadExecutor();
    auto gate = kj::newPromiseAndFulfiller<int>();
    std::thread waiting([&] { executor.executeSync([&] { gate.fulfiller->fulfill(1); }); });
    EXPECT_EQ(gate.promise.wait(loop.waitScope()), 1);
    waiting.join();

    std::thread running([&] { executor.executeSync([&] { context.stop(); }); });
    loop.run();
    running.join();
}

}  // namespace
}  // namespace entitle
