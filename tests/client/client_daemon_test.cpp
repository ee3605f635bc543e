// The library against the real daemon.
#include <csignal>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/client.h"
#include "tests/client/news.h"
#include "tests/e2e/machine.h"

namespace entitle::testing {
namespace {

bool connected(const Change& change) {
    return change.status.origin.source == Source::daemon;
}

// In demo mode: three bots.
class ClientDaemon : public ::testing::Test {
  protected:
    ClientDaemon() {
        machine.start();
        options.socket = machine.querySocket();
        options.timeout = patience;
        options.allowDevelopment = true;
    }
    e2e::Machine machine;
    Options options;
};

TEST_F(ClientDaemon, AnswersAreTheDaemons) {
    Client client(options);
    const auto live = client.check("live_trading");
    EXPECT_FALSE(live.allowed);
    EXPECT_EQ(live.message, "Upgrade to Basic");
    EXPECT_EQ(live.origin.source, Source::daemon);
    const auto status = client.status();
    EXPECT_EQ(status.standing, Status::Standing::demo);
    EXPECT_EQ(status.daemonVersion, version());
    EXPECT_TRUE(status.development);
    EXPECT_EQ(client.quota("bots").limit, 3);
    EXPECT_FALSE(client.fingerprint().components.empty());
    for (const auto& feature : client.features().list)
        EXPECT_EQ(feature.answer.allowed, client.check(feature.name).allowed) << feature.name;
}

TEST_F(ClientDaemon, ADevelopmentBuildIsRefusedUnlessAsked) {
    options.allowDevelopment = false;
    Client client(options);
    EXPECT_EQ(client.check("paper_trading").origin.why, Unavailable::development);
}

TEST_F(ClientDaemon, TheQuotaHoldsAcrossClients) {
    Client one(options), other(options);
    auto two = one.acquire("bots", 2, "one");
    ASSERT_TRUE(two);
    EXPECT_FALSE(other.acquire("bots", 2));
    auto last = other.acquire("bots", 1, "other");
    EXPECT_TRUE(last);
    const auto denied = other.acquire("bots", 1);
    EXPECT_EQ(denied.answer.reason, Answer::Reason::quotaExceeded);
    EXPECT_FALSE(denied.answer.message.empty());
    ASSERT_TRUE(two.slots.release());
    EXPECT_EQ(other.quota("bots").inUse, 1U);
    EXPECT_TRUE(other.acquire("bots", 2));
}

TEST_F(ClientDaemon, SlotsComeBackByThemselvesAfterAKilledDaemon) {
    Client client(options);
    News news(client);
    auto held = client.acquire("bots", 2, "steady");
    ASSERT_TRUE(held);
    const auto id = held.slots.id();
    EXPECT_FALSE(client.check("live_trading").allowed);
    machine.killDaemon();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsAway == 1; }));
    EXPECT_EQ(client.check("live_trading").origin.source, Source::remembered);
    machine.start();
    ASSERT_TRUE(news.waitFor([](const Change& change) { return connected(change) && change.slotsAway == 0; }));
    EXPECT_EQ(held.slots.state(), Slots::State::held) << held.slots.reason();
    EXPECT_EQ(held.slots.id(), id);
    const auto quota = client.quota("bots");
    EXPECT_EQ(quota.inUse, 2U);
    EXPECT_EQ(quota.awaiting, 0U);
}

TEST_F(ClientDaemon, AnAdministratorsReleaseReachesTheHolder) {
    Client client(options);
    News news(client);
    auto kept = client.acquire("bots", 1, "kept");
    auto taken = client.acquire("bots", 1, "taken");
    ASSERT_TRUE(kept && taken);
    ASSERT_EQ(machine.ctl({"slots", "--release", std::to_string(taken.slots.id())}).status, 0);
    ASSERT_TRUE(news.waitFor([](const Change& change) { return change.slotsLost == 1; }));
    EXPECT_EQ(taken.slots.state(), Slots::State::lost);
    EXPECT_EQ(kept.slots.state(), Slots::State::held);
}

// A holder that is killed frees its slots even while a child of its keeps the socket open.
TEST_F(ClientDaemon, AForkedChildThatOutlivesItsKilledHolderKeepsNoSlot) {
    int ready[2], hold[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(hold, O_CLOEXEC), 0);
    const pid_t holder = ::fork();
    if (holder == 0) {
        ::close(hold[1]);
        Client client(options);
        const auto held = client.acquire("bots", 3, "holder");
        if (!held) ::_exit(1);
        if (::fork() == 0) {  // the child that stays, with its copy of the socket
            char byte = 0;
            ::_exit(static_cast<int>(::read(hold[0], &byte, 1)));
        }
        char byte = 'r';
        if (::write(ready[1], &byte, 1) != 1) ::_exit(2);
        for (;;) ::pause();
    }
    ::close(hold[0]);
    ::close(ready[1]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    Client client(options);
    EXPECT_EQ(client.quota("bots").inUse, 3U);
    ::kill(holder, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(holder, &status, 0), holder);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (client.quota("bots").inUse != 0 && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_EQ(client.quota("bots").inUse, 0U);
    ::close(hold[1]);
}

TEST_F(ClientDaemon, AForkedChildsExitReleasesNothing) {
    Client client(options);
    const auto held = client.acquire("bots", 2, "parent");
    ASSERT_TRUE(held);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(client.acquire("bots") ? 1 : 0);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(held.slots.state(), Slots::State::held);
    EXPECT_EQ(client.quota("bots").inUse, 2U);
}

}  // namespace
}  // namespace entitle::testing
