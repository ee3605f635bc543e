// The real daemon on sockets that somebody else listens on, as a service manager hands them over.
#include <csignal>
#include <filesystem>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/owned_directory.h"
#include "tests/daemon/real_daemon.h"

namespace entitle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Listens for as long as it lives, whatever becomes of the daemon.
class SupervisedSockets : public ::testing::Test {
  protected:
    SupervisedSockets() : query(listenOn(daemon.query())), admin(listenOn(daemon.admin())) {}

    static Descriptor listenOn(const std::string& path) {
        Descriptor made(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(made.get(), SOMAXCONN) != 0) {
            throw std::runtime_error("cannot listen on " + path);
        }
        return made;
    }
    // exec keeps the process's number, which is only known in the process itself.
    std::vector<std::string> handing(const std::string& names) const {
        return {"bash", "-c",
                "exec 3<&" + std::to_string(query.get()) + " 4<&" + std::to_string(admin.get()) +
                    "; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=" + names + " exec \"$@\"",
                "bash"};
    }
    void start() { daemon.start(handing("query:admin")); }

    RealDaemon daemon;
    Descriptor query, admin;
};

TEST_F(SupervisedSockets, WhoComesBeforeTheDaemonIsAnswered) {
    auto early = daemon.puppet(daemon.query());
    early->say("check paper_trading");
    start();
    EXPECT_EQ(early->hear(), "yes");
}

TEST_F(SupervisedSockets, BothDoorsOpenAndStayApart) {
    start();
    auto asks = daemon.puppet(daemon.query());
    EXPECT_THAT(asks->ask("status"), StartsWith("status"));
    EXPECT_EQ(asks->ask("admin metrics"), "exception unimplemented");
    auto administers = daemon.puppet(daemon.admin());
    EXPECT_EQ(administers->ask("admin metrics"), "answered");
}

TEST_F(SupervisedSockets, ARestartLosesNobodyWhoComesMeanwhile) {
    start();
    daemon.child->signal(SIGTERM);
    EXPECT_EQ(daemon.child->end(), 0);
    std::vector<std::unique_ptr<Child>> waiting;
    for (int i = 0; i < 8; ++i) {
        waiting.push_back(daemon.puppet(daemon.query()));
        waiting.back()->say("check paper_trading");
    }
    start();
    for (const auto& one : waiting) EXPECT_EQ(one->hear(), "yes");
    daemon.crash();
    auto another = daemon.puppet(daemon.query());
    another->say("check paper_trading");
    start();
    EXPECT_EQ(another->hear(), "yes");
}

TEST_F(SupervisedSockets, HeldSlotsAreTakenBackOverTheSameSocket) {
    start();
    auto bot = daemon.puppet(daemon.query());
    const auto held = bot->ask("acquire 2");
    const auto secret = held.substr(held.rfind(' ') + 1);
    daemon.crash();
    ASSERT_EQ(bot->ask("connect " + daemon.query()), "ok");
    bot->say("reclaim " + secret);
    start();
    EXPECT_THAT(bot->hear(), StartsWith("held"));
}

TEST_F(SupervisedSockets, StoppingLeavesTheSocketsInTheirPlace) {
    start();
    daemon.child->signal(SIGTERM);
    EXPECT_EQ(daemon.child->end(), 0);
    EXPECT_TRUE(std::filesystem::is_socket(daemon.query()));
    EXPECT_TRUE(std::filesystem::is_socket(daemon.admin()));
}

TEST_F(SupervisedSockets, AForeignNameIsRefusedBeforeAnythingIsTouched) {
    EXPECT_EQ(daemon.launch(handing("query:entitled-admin.socket"))->end(), 1);
    EXPECT_THAT(daemon.log(), HasSubstr("\"entitled-admin.socket\""));
    EXPECT_FALSE(std::filesystem::exists(daemon.files / "state/device.key"));
}

}  // namespace
}  // namespace entitle::testing
