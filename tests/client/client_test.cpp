// The library against a daemon that misbehaves.
#include "client/client.h"

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_daemon.h"
#include "tests/client/news.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ClientTest : public ::testing::Test {
  protected:
    Options options(std::chrono::milliseconds timeout = patience) const {
        Options out;
        out.socket = path;
        out.timeout = timeout;
        return out;
    }
    // A listener of ours that accepts and says nothing at all is a daemon stopped by SIGSTOP.
    TemporaryDirectory directory;
    const std::string path = directory / "entitled.sock";
    FakeDaemon daemon{path};
};

bool connected(const Change& change) {
    return change.status.origin.source == Source::daemon;
}
bool away(const Change& change) {
    return change.status.origin.source != Source::daemon;
}

TEST_F(ClientTest, WithoutADaemonAnswersDemoAtOnceAndSaysSo) {
    Client client(options());
    const auto began = std::chrono::steady_clock::now();
    const auto live = client.check("live_trading");
    EXPECT_LT(std::chrono::steady_clock::now() - began, patience / 2) << "it must not wait for the time limit";
    EXPECT_FALSE(live.allowed);
    EXPECT_EQ(live.message, "Upgrade to Basic");
    EXPECT_EQ(live.reason, Answer::Reason::demoLimited);
    EXPECT_EQ(live.origin.source, Source::demo);
    EXPECT_EQ(live.origin.why, Unavailable::notRunning);
    EXPECT_THAT(live.origin.detail, HasSubstr(path));
    EXPECT_TRUE(client.check("paper_trading").allowed);
    EXPECT_EQ(client.status().standing, Status::Standing::demo);
    EXPECT_EQ(client.quota("bots").limit, 3);
    EXPECT_FALSE(client.features().list.empty());
    EXPECT_THAT(client.fingerprint().components, IsEmpty());
}

TEST_F(ClientTest, AnswersComeFromTheDaemonWhenItIsThere) {
    daemon.start();
    Client client(options());
    const auto answer = client.check("live_trading");
    EXPECT_TRUE(answer.allowed);
    EXPECT_EQ(answer.origin.source, Source::daemon);
    EXPECT_EQ(client.status().daemonVersion, "fake");
}

TEST_F(ClientTest, AConnectionThatARestartCutsShortIsMadeAgainBeforeAnybodyIsAnswered) {
    daemon.with([](FakeRules& rules) { rules.hangsUp = 3; });
    daemon.start();
    Client client(options());
    EXPECT_EQ(client.check("live_trading").origin.source, Source::daemon);
    EXPECT_EQ(daemon.rules().connections, 4);
}

TEST_F(ClientTest, ADaemonThatHangsUpOnUsIsNotWaitedForLong) {
    daemon.with([](FakeRules& rules) { rules.hangsUp = 1'000'000; });
    daemon.start();
    Client client(options());
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(client.check("live_trading").origin.why, Unavailable::disconnected);
    EXPECT_LT(std::chrono::steady_clock::now() - began, patience / 2);
}

TEST_F(ClientTest, AnAddressThatIsNoneIsSaidAndNotThrown) {
    auto relative = options();
    relative.socket = "entitled.sock";
    Client client(relative);
    EXPECT_EQ(client.check("paper_trading").origin.why, Unavailable::badAddress);
}

TEST_F(ClientTest, ADevelopmentDaemonIsRefusedUnlessAskedFor) {
    daemon.with([](FakeRules& rules) { rules.compiledIn = false; });
    daemon.start();
    {
        Client client(options());
        const auto answer = client.check("live_trading");
        EXPECT_FALSE(answer.allowed);
        EXPECT_EQ(answer.origin.why, Unavailable::development);
        EXPECT_THAT(answer.origin.detail, HasSubstr("ENTITLED_ALLOW_DEVELOPMENT"));
        EXPECT_EQ(client.acquire("bots").slots.state(), Slots::State::provisional);
    }
    EXPECT_TRUE(daemon.rules().slots.empty()) << "nothing may be asked of a daemon that is not believed";
    auto allowing = options();
    allowing.allowDevelopment = true;
    Client client(allowing);
    EXPECT_TRUE(client.check("live_trading").allowed);
    EXPECT_TRUE(client.status().development);
}

TEST_F(ClientTest, ADaemonThatNeverAnswersCostsOneTimeLimitAndThenNothing) {
    daemon.start();
    Client client(options(300ms));
    ASSERT_TRUE(client.check("live_trading").allowed);
    daemon.with([](FakeRules& rules) { rules.answersChecks = false; });

    // A question it has answered before: the answer is remembered.
    auto answer = client.check("live_trading");
    EXPECT_TRUE(answer.allowed);
    EXPECT_EQ(answer.origin.source, Source::remembered);
    EXPECT_EQ(answer.origin.why, Unavailable::unresponsive);
    // Others are not made to wait as well, not even by asking.
    const int asked = daemon.rules().checks;
    for (int i = 0; i < 10; ++i) {
        answer = client.check("advanced_ml");
        EXPECT_FALSE(answer.allowed);
        EXPECT_EQ(answer.origin.source, Source::demo);
        EXPECT_EQ(answer.origin.why, Unavailable::unresponsive);
    }
    EXPECT_EQ(daemon.rules().checks, asked);
}

TEST_F(ClientTest, AHandshakeThatHangsIsSaidAfterTheTimeLimit) {
    daemon.with([](FakeRules& rules) { rules.answersStatus = false; });
    daemon.start();
    Client client(options(100ms));
    EXPECT_EQ(client.check("live_trading").origin.why, Unavailable::unresponsive);
    EXPECT_EQ(client.acquire("bots").slots.state(), Slots::State::provisional);
}

TEST_F(ClientTest, AnswersAreRememberedWhileTheDaemonIsAway) {
    daemon.start();
    Client client(options());
    News news(client);
    ASSERT_TRUE(client.check("live_trading").allowed);
    daemon.stop();
    ASSERT_TRUE(news.waitFor(away));
    const auto answer = client.check("live_trading");
    EXPECT_TRUE(answer.allowed);
    EXPECT_EQ(answer.origin.source, Source::remembered);
    EXPECT_EQ(client.status().standing, Status::Standing::active);
}

TEST_F(ClientTest, AQuestionNeverAskedWaitsForTheDaemonsReturn) {
    daemon.start();
    Client client(options());
    News news(client);
    ASSERT_TRUE(news.waitFor(connected));
    daemon.stop();
    ASSERT_TRUE(news.waitFor(away));
    auto answer = std::async(std::launch::async, [&] { return client.check("live_trading"); });
    daemon.start();
    EXPECT_EQ(answer.get().origin.source, Source::daemon);
}

TEST_F(ClientTest, ADaemonThatComesLaterIsFound) {
    Client client(options());
    News news(client);
    EXPECT_EQ(client.check("live_trading").origin.why, Unavailable::notRunning);
    daemon.start();
    ASSERT_TRUE(news.waitFor(connected));
    EXPECT_TRUE(client.check("live_trading").allowed);
}

TEST_F(ClientTest, SlotsAreReclaimedByTheirSecretsAfterARestart) {
    daemon.start();
    Client client(options());
    News news(client);
    auto two = client.acquire("bots", 2, "pair");
    auto one = client.acquire("bots", 1, "single");
    ASSERT_TRUE(two && one);
    const auto id = two.slots.id();
    daemon.stop();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsAway == 2; }));
    EXPECT_EQ(two.slots.state(), Slots::State::reconnecting);
    EXPECT_TRUE(two.slots) << "a program goes on while the daemon is away";
    daemon.start();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return connected(change) && change.slotsAway == 0; }));
    EXPECT_EQ(two.slots.state(), Slots::State::held);
    EXPECT_EQ(two.slots.id(), id);
    EXPECT_EQ(daemon.rules().acquires, 2) << "reclaimed, not acquired anew";
    EXPECT_EQ(daemon.rules().slots.size(), 2U);
}

TEST_F(ClientTest, SlotsTheDaemonNoLongerKeepsAreLostWithAReason) {
    daemon.start();
    Client client(options());
    News news(client);
    auto held = client.acquire("bots");
    ASSERT_TRUE(held);
    daemon.stop();
    daemon.with([](FakeRules& rules) { rules.knowsSecrets = false; });
    daemon.start();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsLost == 1; }));
    EXPECT_EQ(held.slots.state(), Slots::State::lost);
    EXPECT_THAT(held.slots.reason(), HasSubstr("no longer keeps"));
}

TEST_F(ClientTest, SlotsGivenUpWhileTheDaemonIsAwayGoBackOnItsReturn) {
    daemon.start();
    Client client(options());
    News news(client);
    std::optional<Acquired> gone = client.acquire("bots", 5);
    auto kept = client.acquire("bots", 1);
    ASSERT_TRUE(*gone && kept);
    daemon.stop();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsAway == 2; }));
    gone.reset();
    daemon.start();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return connected(change) && change.slotsAway == 0; }));
    // Ordered behind the reclaims on the wire, and so is the answer.
    ASSERT_TRUE(kept.slots.release());
    EXPECT_TRUE(daemon.rules().slots.empty());
}

TEST_F(ClientTest, SlotsTakenAwayByAnAdministratorAreNoticed) {
    daemon.start();
    Client client(options());
    News news(client);
    std::vector<Acquired> held;
    for (int i = 0; i < 7; ++i) held.push_back(client.acquire("bots"));
    const auto taken = held[3].slots.id();
    daemon.with(
        [&](FakeRules& rules) {
            std::erase_if(rules.slots, [&](const auto& slot) { return slot.second.id == taken; });
        },
        true);
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsLost == 1; }));
    for (std::size_t i = 0; i < held.size(); ++i)
        EXPECT_EQ(held[i].slots.state(), i == 3 ? Slots::State::lost : Slots::State::held) << i;
}

TEST_F(ClientTest, DemoSlotsWithoutADaemonStopAtTheDemoLimitOfThisProcess) {
    Client client(options());
    auto two = client.acquire("bots", 2);
    ASSERT_TRUE(two);
    EXPECT_EQ(two.slots.state(), Slots::State::provisional);
    EXPECT_EQ(two.answer.origin.why, Unavailable::notRunning);
    EXPECT_FALSE(client.acquire("bots", 2));
    auto third = client.acquire("bots", 1);
    EXPECT_TRUE(third);
    EXPECT_EQ(client.quota("bots").yours, 3U);
    EXPECT_EQ(client.acquire("bots", 1).answer.reason, Answer::Reason::quotaExceeded);
    third.slots.release();
    EXPECT_TRUE(client.acquire("bots", 1));
    EXPECT_EQ(client.acquire("boats", 1).answer.reason, Answer::Reason::unknownName);
    EXPECT_EQ(client.acquire("Bots!", 1).answer.reason, Answer::Reason::badName);
    EXPECT_FALSE(client.acquire("bots", 0));
}

TEST_F(ClientTest, ProvisionalSlotsAreAcquiredInEarnestWhenTheDaemonComes) {
    Client client(options());
    News news(client);
    auto slots = client.acquire("bots", 3, "early");
    ASSERT_EQ(slots.slots.state(), Slots::State::provisional);
    daemon.start();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return connected(change) && change.slotsAway == 0; }));
    EXPECT_EQ(slots.slots.state(), Slots::State::held);
    EXPECT_NE(slots.slots.id(), 0U);
    EXPECT_EQ(daemon.rules().slots.begin()->second.label, "early");
}

TEST_F(ClientTest, ProvisionalSlotsTheDaemonDeniesAreLostWithItsWords) {
    daemon.with([](FakeRules& rules) { rules.maxBots = 0; });
    Client client(options());
    News news(client);
    auto slots = client.acquire("bots");
    daemon.start();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsLost == 1; }));
    EXPECT_EQ(slots.slots.reason(), "No more.");
}

TEST_F(ClientTest, DestroyingAHandleFreesItsSlotsBeforeTheNextAcquire) {
    daemon.with([](FakeRules& rules) { rules.maxBots = 1; });
    daemon.start();
    Client client(options());
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(client.acquire("bots")) << i;
}

TEST_F(ClientTest, AssigningAHandleGivesBackWhatItHeld) {
    daemon.start();
    Client client(options());
    auto slots = client.acquire("bots", 4).slots;
    slots = client.acquire("bots", 2).slots;
    EXPECT_EQ(client.acquire("bots", 1).slots.count(), 1U);
    ASSERT_TRUE(client.check("live_trading")) << "stands behind the releases on the wire";
    EXPECT_EQ(daemon.rules().slots.size(), 1U) << "only the two are left: the four and the one went back";
    EXPECT_TRUE(slots.release());
    EXPECT_EQ(slots.state(), Slots::State::released);
    EXPECT_TRUE(slots.release()) << "once more is harmless";
}

TEST_F(ClientTest, HandlesMayOutliveTheirClient) {
    daemon.start();
    std::optional<Client> client(std::in_place, options());
    auto held = client->acquire("bots");
    auto watch = client->onChange([](const Change&) {});
    client.reset();
    EXPECT_EQ(held.slots.state(), Slots::State::lost);
    EXPECT_TRUE(held.slots.release());
}

TEST_F(ClientTest, CallbacksMayAskAndHoldAndRemoveThemselves) {
    daemon.start();
    Client client(options());
    std::promise<Acquired> acquired;
    std::atomic<int> calls = 0;
    Watch watch;
    std::promise<void> ready;
    auto assigned = ready.get_future().share();
    watch = client.onChange([&](const Change&) {
        assigned.wait();  // `watch` is ours from here on
        ++calls;
        if (!client.check("live_trading").allowed) return;
        acquired.set_value(client.acquire("bots", 2, "from the callback"));
        watch = Watch();
    });
    ready.set_value();
    auto held = acquired.get_future().get();
    EXPECT_TRUE(held);
    News news(client);
    const int before = news.count();
    daemon.with([](FakeRules&) {}, true);
    ASSERT_TRUE(news.waitFor([&](const Change& change) { return change.status.generation >= 2; })) << before;
    EXPECT_EQ(calls, 1) << "it removed itself in its first call";
}

TEST_F(ClientTest, AnExceptionOfACallbackIsContained) {
    daemon.start();
    Client client(options());
    const auto throwing = client.onChange([](const Change&) { throw std::runtime_error("the program's own"); });
    News news(client);
    EXPECT_TRUE(news.waitFor(connected));
    daemon.with([](FakeRules&) {}, true);
    EXPECT_TRUE(news.waitFor([](const Change& change) { return change.status.generation >= 2; }));
}

TEST_F(ClientTest, ManyThreadsAskAtOnceThroughRestarts) {
    daemon.start();
    Client client(options());
    ASSERT_TRUE(client.check("live_trading"));
    std::atomic<bool> enough = false;
    std::vector<std::future<int>> askers;
    for (int thread = 0; thread < 8; ++thread) {
        askers.push_back(std::async(std::launch::async, [&] {
            int allowed = 0;
            while (!enough) {
                allowed += client.check("live_trading").allowed ? 1 : 0;
                const auto slots = client.acquire("bots", 1, "thread");
                EXPECT_EQ(slots.answer.origin.source, Source::daemon)
                    << toString(slots.answer.origin.why) << ": " << slots.answer.origin.detail;
            }
            return allowed;
        }));
    }
    for (int restart = 0; restart < 5; ++restart) {
        daemon.stop();
        daemon.start();
        client.fingerprint();  // UNIMPLEMENTED there: waits for the daemon's return and says so
    }
    enough = true;
    for (auto& asker : askers) EXPECT_GT(asker.get(), 0);
    EXPECT_TRUE(client.acquire("bots"));
}

TEST_F(ClientTest, AQuestionTheDaemonDoesNotKnowIsToldApartFromABrokenConnection) {
    daemon.start();
    Client client(options());
    EXPECT_EQ(client.fingerprint().origin.why, Unavailable::protocol);
    EXPECT_TRUE(client.check("live_trading").allowed);
    EXPECT_EQ(daemon.rules().connections, 1);
}

TEST_F(ClientTest, ThousandsOfSlotsAreReclaimedWithinTheDaemonsLimits) {
    daemon.with([](FakeRules& rules) { rules.maxBots = -1; });
    daemon.start();
    Client client(options());
    News news(client);
    std::vector<Acquired> held;
    for (int i = 0; i < 2'000; ++i) held.push_back(client.acquire("bots"));
    daemon.stop();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsAway == 2'000; }));
    daemon.start();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return connected(change) && change.slotsAway == 0; }));
    EXPECT_EQ(daemon.rules().slots.size(), 2'000U);
    EXPECT_EQ(daemon.rules().connections, 2) << "no connection was closed for too many open calls";
}

}  // namespace
}  // namespace entitle::testing
