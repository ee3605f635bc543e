// Who may be taken for the daemon.
#include "client/identity.h"

#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {
namespace {

using ::testing::HasSubstr;

class Identity : public ::testing::Test {
  protected:
    Identity() { listen(); }

    void listen() {
        listener = Descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(listener.get(), 8), 0);
    }
    Opened open(EndpointTrust trust = EndpointTrust::user) const { return openDaemon({path, trust}, accounts); }

    TemporaryDirectory directory;
    const std::string path = directory / "entitled.sock";
    Descriptor listener;
    Accounts accounts{::geteuid(), std::nullopt};
    // To a program of another user everything here belongs to a stranger.
    static constexpr std::uint32_t somebodyElse = 4'000'000'000;
};

TEST_F(Identity, OurOwnDaemonOnAChosenPathIsTaken) {
    const auto opened = open();
    EXPECT_TRUE(opened.socket) << opened.detail;
    EXPECT_EQ(opened.peer, ::geteuid());
}

TEST_F(Identity, TheServicesDaemonIsTakenOnEitherPath) {
    accounts = {somebodyElse, ::geteuid()};
    EXPECT_TRUE(open(EndpointTrust::system).socket);
    EXPECT_TRUE(open(EndpointTrust::user).socket);
}

TEST_F(Identity, AnotherUsersDirectoryIsRefused) {
    if (weAreRoot()) {
        ASSERT_EQ(::chown(directory.path().c_str(), 12'345, 12'345), 0);
    } else {
        accounts.self = somebodyElse;
    }
    const auto opened = open();
    EXPECT_FALSE(opened.socket);
    EXPECT_EQ(opened.why, Unavailable::untrusted);
    EXPECT_THAT(opened.detail, HasSubstr("The directory " + directory.path() + " belongs to uid"));
}

TEST_F(Identity, AnotherUsersSocketIsRefused) {
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to give the socket to another user";
    ASSERT_EQ(::chown(path.c_str(), 12'345, 12'345), 0);
    const auto opened = open();
    EXPECT_EQ(opened.why, Unavailable::untrusted);
    EXPECT_THAT(opened.detail, HasSubstr("The socket " + path + " belongs to uid 12345"));
}

TEST_F(Identity, AnotherUsersProcessBehindOurSocketIsRefused) {
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to listen as another user";
    // The listener's credentials are those of the process that called listen(): ours, dropped for that moment.
    ASSERT_EQ(::unlink(path.c_str()), 0);
    ASSERT_EQ(::chmod(directory.path().c_str(), 0700), 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    listener = Descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::seteuid(12'345), 0);
    const int listening = ::listen(listener.get(), 8);
    ASSERT_EQ(::seteuid(0), 0);
    ASSERT_EQ(listening, 0);
    const auto opened = open();
    EXPECT_EQ(opened.why, Unavailable::untrusted);
    EXPECT_THAT(opened.detail, HasSubstr("The process behind " + path + " belongs to uid 12345"));
}

TEST_F(Identity, ASocketOfTheServiceManagerIsTakenAndItsLookalikeIsNot) {
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to listen as the service manager does";
    // Root made it and called listen(), whoever accepts; the directory is the service's.
    accounts = {somebodyElse, 12'345};
    ASSERT_EQ(::chown(directory.path().c_str(), 12'345, 12'345), 0);
    auto opened = open(EndpointTrust::system);
    EXPECT_TRUE(opened.socket) << opened.detail;
    EXPECT_EQ(opened.peer, 0u);
    // A socket of the same name in a stranger's directory is not taken, though root listens on it.
    ASSERT_EQ(::chown(directory.path().c_str(), 23'456, 23'456), 0);
    opened = open(EndpointTrust::system);
    EXPECT_FALSE(opened.socket);
    EXPECT_EQ(opened.why, Unavailable::untrusted);
}

TEST_F(Identity, OurOwnDaemonIsNotTheSystems) {
    if (weAreRoot()) GTEST_SKIP() << "needs a user that is not root";
    EXPECT_EQ(open(EndpointTrust::system).why, Unavailable::untrusted);
}

TEST_F(Identity, ADirectoryThatOthersMayWriteIsRefused) {
    for (const mode_t mode : {0777, 0770, 01777, 0702}) {
        ASSERT_EQ(::chmod(directory.path().c_str(), mode), 0);
        const auto opened = open();
        EXPECT_FALSE(opened.socket) << std::oct << mode;
        EXPECT_EQ(opened.why, Unavailable::untrusted) << std::oct << mode;
        EXPECT_THAT(opened.detail, HasSubstr("writable by others"));
    }
}

TEST_F(Identity, ALinkInPlaceOfTheDirectoryIsRefused) {
    TemporaryDirectory elsewhere;
    const auto link = elsewhere / "run";
    ASSERT_EQ(::symlink(directory.path().c_str(), link.c_str()), 0);
    const auto opened = openDaemon({link + "/entitled.sock", EndpointTrust::user}, accounts);
    EXPECT_EQ(opened.why, Unavailable::untrusted);
    EXPECT_THAT(opened.detail, HasSubstr("link"));
}

TEST_F(Identity, ALinkInPlaceOfTheSocketIsRefused) {
    const auto real = directory / "real.sock";
    ASSERT_EQ(::rename(path.c_str(), real.c_str()), 0);
    ASSERT_EQ(::symlink(real.c_str(), path.c_str()), 0);
    const auto opened = open();
    EXPECT_EQ(opened.why, Unavailable::untrusted);
    EXPECT_THAT(opened.detail, HasSubstr("not a socket"));
}

TEST_F(Identity, ASocketNobodyListensOnIsNotRunning) {
    listener = Descriptor{};
    EXPECT_EQ(open().why, Unavailable::notRunning);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    EXPECT_EQ(open().why, Unavailable::notRunning);
    EXPECT_EQ(openDaemon({"/nonexistent/entitled.sock", EndpointTrust::system}, accounts).why, Unavailable::notRunning);
}

TEST_F(Identity, AFullBacklogDoesNotBlock) {
    std::vector<Opened> waiting;
    for (int i = 0; i < 64; ++i) {
        waiting.push_back(open());
        if (!waiting.back().socket) break;
    }
    EXPECT_EQ(waiting.back().why, Unavailable::unresponsive);
}

TEST_F(Identity, ASocketThisUserMayNotOpenIsPermissionDenied) {
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to give the daemon's files to root and ask as another user";
    ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    ASSERT_EQ(::seteuid(12'345), 0);
    accounts.self = 12'345;
    const auto opened = open();
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_EQ(opened.why, Unavailable::permissionDenied);
}

}  // namespace
}  // namespace entitle::testing
