// Calls answered before the RPC system sees them: the same answers, and every rule of the protocol kept.
#include "proto/shortcut.h"

#include <random>
#include <stdexcept>
#include <thread>

#include <sys/socket.h>

#include <capnp/message.h>
#include <capnp/rpc-twoparty.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include "tests/proto/wire_fixture.h"

namespace entitle::test {
namespace {

using capnp::rpc::Call;
using capnp::rpc::Message;

template <class Fill>
Bytes message(Fill&& fill) {
    capnp::MallocMessageBuilder builder;
    fill(builder.initRoot<Message>());
    return flat(builder);
}

// A check addressed to an export id, and what `change` makes of it.
template <class Change>
Bytes directCheck(std::uint32_t question, const std::string& feature, Change&& change) {
    return message([&](Message::Builder root) {
        auto call = root.initCall();
        call.setQuestionId(question);
        call.initTarget().setImportedCap(0);
        call.setInterfaceId(capnp::typeId<wire::Entitled>());
        call.setMethodId(1);
        call.initParams().getContent().initAs<wire::Entitled::CheckParams>().setFeature(feature.c_str());
        change(call);
    });
}
Bytes directCheck(std::uint32_t question, const std::string& feature = "live_trading") {
    return directCheck(question, feature, [](Call::Builder) {});
}
Bytes finish(std::uint32_t question, bool releaseResultCaps) {
    return message([&](Message::Builder root) {
        auto finish = root.initFinish();
        finish.setQuestionId(question);
        finish.setReleaseResultCaps(releaseResultCaps);
    });
}
Bytes release(std::uint32_t id) {
    return message([&](Message::Builder root) {
        auto release = root.initRelease();
        release.setId(id);
        release.setReferenceCount(1);
    });
}

// Every message in the bytes, each as the one form its contents have.
std::vector<Bytes> canonical(const Bytes& bytes) {
    std::vector<Bytes> messages;
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(words.begin()));
    kj::ArrayPtr<const capnp::word> rest = words;
    while (rest.size() != 0) {
        capnp::FlatArrayMessageReader reader(rest);
        capnp::MallocMessageBuilder copy;
        copy.setRoot(reader.getRoot<Message>());
#if CAPNP_VERSION >= 1000000
        // The RPC system may let its answer end the question. Ours leaves that to the Finish.
        if (auto message = copy.getRoot<Message>(); message.isReturn()) message.getReturn().setNoFinishNeeded(false);
#endif
        const auto form = capnp::canonicalize(copy.getRoot<Message>().asReader());
        const auto* begin = reinterpret_cast<const std::byte*>(form.begin());
        messages.emplace_back(begin, begin + form.asBytes().size());
        rest = kj::arrayPtr(reader.getEnd(), rest.end());
    }
    return messages;
}

class ShortcutTest : public testing::Test {
  protected:
    // A connection whose bootstrap is known to the peer, as export 0.
    std::unique_ptr<Served> serve(bool quickly = true, WireLimits limits = WireLimits{},
                                  std::shared_ptr<Budget> budget = nullptr) {
        auto served = std::make_unique<Served>(loop, limits, std::move(budget), quickly);
        sendAll(loop, served->peer, bootstrapMessage(0));
        readSome(loop, served->peer);
        return served;
    }
    Bytes ask(Served& served, const Bytes& bytes) {
        EXPECT_EQ(sendAll(loop, served.peer, bytes), bytes.size());
        return readSome(loop, served.peer);
    }
    CloseReason closedBy(Served& served, const Bytes& bytes) {
        sendAll(loop, served.peer, bytes);
        return served.waitClosed(loop);
    }

    boost::asio::io_context context{oneIoThread};
    KjLoop loop{context};
};

TEST_F(ShortcutTest, TheAnswerIsTheRpcSystemsOwn) {
    const auto quick = serve(true);
    const auto slow = serve(false);
    for (const std::string& feature : {std::string("live_trading"), std::string("x"), std::string(),
                                       std::string(700, 'f'), std::string(30'000, 'f')}) {
        const Bytes bytes = directCheck(1, feature);
        const auto expected = canonical(ask(*slow, bytes));
        ASSERT_EQ(expected.size(), 1u);
        EXPECT_EQ(canonical(ask(*quick, bytes)), expected) << feature.size() << " bytes";
        ask(*quick, finishMessage(1));
        ask(*slow, finishMessage(1));
    }
    EXPECT_EQ(quick->seen->quick, 5u);
    EXPECT_EQ(slow->seen->quick, 0u);
}

TEST_F(ShortcutTest, AStockClientIsAnsweredTheSameWithItAndWithoutIt) {
    const auto converse = [&](bool quickly, FakeDaemon::Seen& total) {
        int fds[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        std::vector<std::string> answers;
        std::thread stock([&answers, fd = fds[1]] {
            auto io = kj::setupAsyncIo();
            auto stream = io.lowLevelProvider->wrapSocketFd(fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
            capnp::TwoPartyClient client(*stream);
            auto entitled = client.bootstrap().castAs<wire::Entitled>();
            const auto send = [&](const std::string& feature) {
                auto request = entitled.checkRequest();
                request.setFeature(feature.c_str());
                return request.send();
            };
            for (int i = 0; i < 100; ++i) {
                // Three at a time, so that questions and Finishes interleave.
                auto first = send("live_trading"), second = send("f" + std::to_string(i)), third = send("");
                for (auto* each : {&third, &first, &second}) {
                    auto answer = each->wait(io.waitScope);
                    const auto verdict = answer.getVerdict();
                    answers.emplace_back(verdict.getAllowed() ? "yes " : "no ");
                    answers.back() += verdict.getMessage().cStr();
                }
            }
        });
        const auto seen = std::make_shared<FakeDaemon::Seen>();
        auto gone = kj::newPromiseAndFulfiller<CloseReason>();
        Connection server(loop, Socket(context, boost::asio::local::stream_protocol(), fds[0]), WireLimits{},
                          Connection::Serving{kj::heap<FakeDaemon>(seen), nullptr,
                                              quickly ? FakeDaemon::quick(seen) : std::vector<QuickMethod>()},
                          [&](CloseReason why) { gone.fulfiller->fulfill(kj::mv(why)); });
        EXPECT_EQ(gone.promise.wait(loop.waitScope()), CloseReason::peerClosed);
        stock.join();
        total.calls = seen->calls;
        total.quick = seen->quick;
        return answers;
    };
    FakeDaemon::Seen quick, slow;
    const auto expected = converse(false, slow);
    ASSERT_EQ(expected.size(), 300u);
    EXPECT_EQ(converse(true, quick), expected);
    EXPECT_EQ(quick.calls, 300u);
    EXPECT_GE(quick.quick, 290u) << "all but those made before the bootstrap was there";
    EXPECT_EQ(slow.quick, 0u);
}

TEST_F(ShortcutTest, CallsOfOtherMethodsGoOnBesideIt) {
    struct Granted final : wire::Slot::Server {
        kj::Promise<void> info(InfoContext call) override {
            call.getResults().initSlot().setId(7);
            return kj::READY_NOW;
        }
    };
    struct Granting final : wire::Entitled::Server {
        kj::Promise<void> acquire(AcquireContext call) override {
            call.getResults().initOutcome().initHeld().setSlot(kj::heap<Granted>());
            return kj::READY_NOW;
        }
    };
    const auto seen = std::make_shared<FakeDaemon::Seen>();
    Socket ours(context), theirs(context);
    boost::asio::local::connect_pair(ours, theirs);
    Connection server(loop, std::move(ours), WireLimits{},
                      Connection::Serving{kj::heap<Granting>(), nullptr, FakeDaemon::quick(seen)}, [](CloseReason) {});
    Connection client(loop, std::move(theirs), WireLimits::client(), [](CloseReason) {});
    auto entitled = client.bootstrap<wire::Entitled>();
    entitled.whenResolved().wait(loop.waitScope());
    for (int i = 0; i < 50; ++i) {
        auto before = check(entitled, "live_trading");
        auto held = entitled.acquireRequest().send();
        auto between = check(entitled, "live_trading");
        auto slot = held.wait(loop.waitScope()).getOutcome().getHeld().getSlot();
        auto info = slot.infoRequest().send();
        auto after = check(entitled, "live_trading");
        EXPECT_TRUE(after.wait(loop.waitScope()));
        EXPECT_EQ(info.wait(loop.waitScope()).getSlot().getId(), 7u);
        EXPECT_TRUE(before.wait(loop.waitScope()));
        EXPECT_TRUE(between.wait(loop.waitScope()));
    }
    EXPECT_EQ(seen->quick, 150u);
}

TEST_F(ShortcutTest, ACallOnThePromisedBootstrapIsTheRpcSystems) {
    const auto served = serve();
    ask(*served, checkMessage(1, "live_trading"));
    EXPECT_EQ(served->seen->calls, 1u);
    EXPECT_EQ(served->seen->quick, 0u);
}

TEST_F(ShortcutTest, WhatIsUnusualIsTheRpcSystems) {
    const auto quickOnes = [&](auto&& change) {
        const auto served = serve();
        ask(*served, directCheck(1, "live_trading", change));
        return served->seen->quick;
    };
    const auto flags = [](unsigned char bits) {
        // The first byte after those that Cap'n Proto 0.9 names.
        return [bits](Call::Builder call) {
            capnp::AnyStruct::Builder any = kj::mv(call);
            any.getDataSection()[16] = bits;
        };
    };
    EXPECT_EQ(quickOnes([](Call::Builder) {}), 1u);
    EXPECT_EQ(quickOnes(flags(1u << 1)), 1u) << "noPromisePipelining: sent by clients of Cap'n Proto 1.x";
    EXPECT_EQ(quickOnes(flags(1u << 0)), 0u) << "allowThirdPartyTailCall";
    EXPECT_EQ(quickOnes(flags(1u << 2)), 0u) << "onlyPromisePipeline";
    EXPECT_EQ(quickOnes(flags(1u << 7)), 0u) << "a flag of the future";
    EXPECT_EQ(quickOnes([](Call::Builder call) { call.getSendResultsTo().setYourself(); }), 0u);
    EXPECT_EQ(quickOnes([](Call::Builder call) { call.getSendResultsTo().initThirdParty(); }), 0u);
    EXPECT_EQ(quickOnes([](Call::Builder call) { call.getParams().initCapTable(1); }), 0u);
    EXPECT_EQ(quickOnes([](Call::Builder call) { call.setMethodId(3); }), 0u);
    EXPECT_EQ(quickOnes([](Call::Builder call) { call.setInterfaceId(capnp::typeId<wire::Admin>()); }), 0u);
    EXPECT_EQ(quickOnes([](Call::Builder call) { call.getTarget().setImportedCap(1); }), 0u);
    EXPECT_EQ(quickOnes([](Call::Builder call) { call.initTarget().initPromisedAnswer().setQuestionId(9); }), 0u);
}

TEST_F(ShortcutTest, AMalformedParameterIsAnsweredAsByTheRpcSystem) {
    const auto malformed = [](Call::Builder call) {
        call.getParams().getContent().initAs<capnp::List<std::uint32_t>>(3);
    };
    const auto quick = serve(true);
    const auto slow = serve(false);
    const auto expected = canonical(ask(*slow, directCheck(1, "", malformed)));
    ASSERT_EQ(expected.size(), 1u);
    EXPECT_EQ(canonical(ask(*quick, directCheck(1, "", malformed))), expected);
    EXPECT_EQ(quick->seen->quick, 0u);
    ask(*quick, finishMessage(1) + directCheck(1));
    EXPECT_EQ(quick->seen->quick, 1u) << "the next one is served";
}

TEST_F(ShortcutTest, AFinishEndsItsQuestionAndIsNotPassedOn) {
    const auto served = serve();
    Bytes all;
    for (std::uint32_t i = 1; i <= 300; ++i) all = std::move(all) + directCheck(i % 3) + finishMessage(i % 3);
    ask(*served, finish(0, false) + all);
    EXPECT_EQ(served->closed, std::nullopt) << "the RPC system knows no such question";
    EXPECT_EQ(served->seen->quick, 300u);
    EXPECT_EQ(served->connection->openQuestions(), 0u);
}

// As the RPC system judges a Finish of no question: since libcapnp 1.0 its answers may end questions themselves, and a
// Finish that crosses one is in order.
TEST_F(ShortcutTest, ASecondFinishIsForTheRpcSystemToJudge) {
    const auto served = serve();
    ask(*served, directCheck(1) + finishMessage(1));
    if (CAPNP_VERSION < 1000000) {
        EXPECT_EQ(closedBy(*served, finishMessage(1)), CloseReason::badMessage);
    } else {
        ask(*served, finishMessage(1) + directCheck(1));
        EXPECT_EQ(served->closed, std::nullopt);
        EXPECT_EQ(served->connection->openQuestions(), 2u) << "the bootstrap, and the question since";
    }
}

TEST_F(ShortcutTest, AnIdInUseClosesTheConnection) {
    for (const Bytes& again : {directCheck(1), checkMessage(1, "x"), statusMessage(1), bootstrapMessage(1)}) {
        const auto served = serve();
        ask(*served, directCheck(1));
        EXPECT_EQ(closedBy(*served, again), CloseReason::badMessage);
    }
}

// Or the Finish of one would be taken for the other's, and questions would pile up uncounted.
TEST_F(ShortcutTest, AnIdTheRpcSystemHasOpenIsNotAnsweredHere) {
    const auto served = serve();
    ask(*served, statusMessage(1));
    EXPECT_EQ(closedBy(*served, directCheck(1)), CloseReason::badMessage);
    EXPECT_EQ(served->seen->quick, 0u);
}

TEST_F(ShortcutTest, ACallPipelinedOnItsAnswerClosesTheConnection) {
    const auto served = serve();
    ask(*served, directCheck(1));
    EXPECT_EQ(
        closedBy(
            *served,
            directCheck(2, "x", [](Call::Builder call) { call.initTarget().initPromisedAnswer().setQuestionId(1); })),
        CloseReason::badMessage);
    EXPECT_EQ(served->seen->quick, 1u);
}

TEST_F(ShortcutTest, ManyCallsWithoutFinishCloseAtTheLimit) {
    const auto served = serve();
    Bytes all;
    for (std::uint32_t i = 1; i <= 100'000 && !served->closed; ++i) {
        all = std::move(all) + directCheck(i);
        if (i % 50 != 0) continue;
        sendAll(loop, served->peer, all);
        readSome(loop, served->peer);
        all.clear();
    }
    EXPECT_EQ(served->waitClosed(loop), CloseReason::tooManyQuestions);
    EXPECT_EQ(served->seen->quick, WireLimits{}.maxOpenQuestions - 1u) << "the Bootstrap is open as well";
}

TEST_F(ShortcutTest, AReleaseTurnsItOffForGood) {
    const auto served = serve();
    ask(*served, directCheck(1) + bootstrapMessage(2) + release(0));
    ask(*served, directCheck(3) + bootstrapMessage(4) + directCheck(5));
    EXPECT_EQ(served->seen->quick, 1u);
    EXPECT_EQ(served->seen->calls, 3u) << "the second Bootstrap's reference is left";
    ask(*served, finishMessage(1) + finishMessage(3) + finishMessage(5));
    EXPECT_EQ(served->closed, std::nullopt);
    EXPECT_EQ(closedBy(*served, release(0) + release(0) + directCheck(6)), CloseReason::badMessage);
}

TEST_F(ShortcutTest, AnExportReleasedByTheBootstrapsFinishIsNotCalled) {
    const auto kept = serve();
    ask(*kept, finish(0, false) + directCheck(0) + finish(0, true) + directCheck(1));
    EXPECT_EQ(kept->seen->quick, 2u);
    const auto given = serve();
    EXPECT_EQ(closedBy(*given, finish(0, true) + directCheck(1)), CloseReason::badMessage);
    EXPECT_EQ(given->seen->calls, 0u);
}

TEST_F(ShortcutTest, AResolveThatIsSentBackReleasesToo) {
    const auto served = serve();
    const Bytes unimplemented =
        message([](Message::Builder root) { root.initUnimplemented().initResolve().initCap().setSenderHosted(0); });
    EXPECT_EQ(closedBy(*served, unimplemented + directCheck(1)), CloseReason::badMessage);
    EXPECT_EQ(served->seen->calls, 0u);
}

TEST_F(ShortcutTest, WhatAMethodThrowsLeavesTheCallToTheCapability) {
    const auto seen = std::make_shared<FakeDaemon::Seen>();
    Socket ours(context), theirs(context);
    boost::asio::local::connect_pair(ours, theirs);
    std::vector<QuickMethod> faulty{
        {capnp::typeId<wire::Entitled>(), 1, [](capnp::AnyPointer::Reader, capnp::AnyPointer::Builder results) {
             results.initAs<wire::Entitled::CheckResults>().initVerdict().setMessage("half an answer");
             throw std::runtime_error("no more memory");
         }}};
    Connection server(loop, std::move(ours), WireLimits{},
                      Connection::Serving{kj::heap<FakeDaemon>(seen), nullptr, std::move(faulty)}, [](CloseReason) {});
    Connection client(loop, std::move(theirs), WireLimits::client(), [](CloseReason) {});
    auto entitled = client.bootstrap<wire::Entitled>();
    entitled.whenResolved().wait(loop.waitScope());
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(check(entitled, "live_trading").wait(loop.waitScope()));
    EXPECT_EQ(seen->calls, 20u);
}

TEST_F(ShortcutTest, WhoDoesNotReadIsNotServed) {
    const auto served = serve();
    served->seen->answerBytes = 4'000;
    const Bytes call = directCheck(1) + finishMessage(1);
    std::uint64_t asked = 0;
    while (sendAll(loop, served->peer, call) == call.size()) ++asked;
    EXPECT_EQ(served->closed, std::nullopt);
    EXPECT_LT(served->seen->quick, asked);
    EXPECT_LE(served->connection->backlog(), WireLimits{}.backlogBytes + 5'000);
}

TEST_F(ShortcutTest, UnreadAnswersAreChargedAndClosedOverTheBudget) {
    const auto user = std::make_shared<Budget>(100'000);
    const auto served = serve(true, WireLimits{}, user);
    served->seen->answerBytes = 10'000;
    const Bytes call = directCheck(1) + finishMessage(1);
    while (!served->closed && sendAll(loop, served->peer, call) == call.size()) loop.poll();
    EXPECT_EQ(served->closed, CloseReason::overBudget);
    loop.poll();
    EXPECT_EQ(user->used(), 0u);
}

TEST_F(ShortcutTest, MessagesMayArriveByteByByte) {
    const auto served = serve();
    for (const std::byte byte : directCheck(1) + finishMessage(1) + directCheck(1)) ask(*served, Bytes{byte});
    EXPECT_EQ(served->seen->quick, 2u);
    EXPECT_EQ(served->connection->openQuestions(), 2u);
}

TEST_F(ShortcutTest, ChangedMessagesEndOnlyTheirConnection) {
    std::mt19937 random{20'261'123};
    const Bytes sound =
        directCheck(1) + statusMessage(2) + directCheck(3, "x") + finishMessage(1) + release(0) + finishMessage(3);
    std::uint64_t quick = 0;
    constexpr std::uint64_t rounds = sanitized ? 1'000 : 10'000;
    for (auto i = rounds; i > 0; --i) {
        Bytes changed = sound;
        for (std::size_t n = 1 + random() % 4; n > 0; --n)
            changed[random() % changed.size()] ^= static_cast<std::byte>(1 + random() % 255);
        const auto served = serve();
        sendAll(loop, served->peer, changed);
        readSome(loop, served->peer);
        served->peer.close();
        loop.poll();
        ASSERT_TRUE(served->closed.has_value());
        quick += served->seen->quick;
    }
    EXPECT_GT(quick, rounds / 2);
}

}  // namespace
}  // namespace entitle::test
