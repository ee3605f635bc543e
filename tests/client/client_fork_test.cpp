// fork without exec: the child's copy of a Client is inert.
#include <csignal>
#include <functional>
#include <set>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "client/client.h"
#include "tests/client/fake_daemon.h"
#include "tests/client/news.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {
namespace {

// Runs `check` in a forked child; its result is the child's exit status.
int inChild(const std::function<int()>& check) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(static_cast<unsigned>(patience.count()));  // a deadlock ends as SIGALRM
        ::_exit(check());
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1'000 + WTERMSIG(status);
}

class ForkTest : public ::testing::Test {
  protected:
    ForkTest() {
        options.socket = directory / "entitled.sock";
        options.timeout = patience;
        daemon.start();
    }
    TemporaryDirectory directory;
    FakeDaemon daemon{directory / "entitled.sock"};
    Options options;
};

TEST_F(ForkTest, TheChildsCopyAnswersDemoAndTouchesNothing) {
    auto* client = new Client(options);
    auto* held = new Acquired(client->acquire("bots", 2, "parent"));
    ASSERT_TRUE(*held);
    EXPECT_EQ(inChild([&] {
                  if (client->check("live_trading").origin.why != Unavailable::forked) return 1;
                  if (client->status().origin.why != Unavailable::forked) return 2;
                  if (client->quota("bots").origin.why != Unavailable::forked) return 3;
                  if (client->acquire("bots")) return 4;
                  if (held->slots.state() != Slots::State::lost) return 5;
                  if (!held->slots.release()) return 6;
                  const auto watch = client->onChange([](const Change&) {});
                  delete held;
                  delete client;
                  return 0;
              }),
              0);
    EXPECT_EQ(daemon.rules().slots.size(), 1U) << "the child's end must not release the parent's slots";
    EXPECT_EQ(client->check("live_trading").origin.source, Source::daemon) << "nor disturb its connection";
    delete held;
    delete client;
}

TEST_F(ForkTest, AChildThatKeepsTheSocketDoesNotKeepTheParentsSlots) {
    int hold[2];
    ASSERT_EQ(::pipe2(hold, O_CLOEXEC), 0);
    pid_t child = -1;
    {
        Client client(options);
        const auto held = client.acquire("bots");
        ASSERT_TRUE(held);
        child = ::fork();
        if (child == 0) {  // keeps every descriptor until the pipe ends
            ::close(hold[1]);
            char byte = 0;
            ::_exit(static_cast<int>(::read(hold[0], &byte, 1)));
        }
    }
    ::close(hold[0]);
    // The parent's client has ended; its connection must have, too.
    Client other(options);
    News news(other);
    ASSERT_TRUE(news.waitFor([&](const Change&) {
        return other.acquire("bots", 100).answer.allowed || (daemon.with([](FakeRules&) {}, true), false);
    }));
    ::close(hold[1]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_F(ForkTest, NoDescriptorOfAClientSurvivesExec) {
    const auto descriptors = [] {
        std::set<int> out;
        for (int fd = 0; fd < 256; ++fd) {
            if (::fcntl(fd, F_GETFD) >= 0) out.insert(fd);
        }
        return out;
    };
    const auto before = descriptors();
    Client client(options);
    // The connection's other end is in this process too, and open before the first answer: it is not the client's.
    ASSERT_EQ(client.check("live_trading").origin.source, Source::daemon);
    int ours = 0, surviving = 0;
    for (const int fd : descriptors()) {
        if (before.count(fd) == 1) continue;
        ++ours;
        if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) ++surviving;
    }
    EXPECT_GE(ours, 3) << "the loop's descriptors and the socket";
    EXPECT_LE(surviving, 1) << "at most the fake daemon's end, which Asio accepts without the flag";
}

}  // namespace
}  // namespace entitle::testing
