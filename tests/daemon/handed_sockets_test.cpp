// What of a supervisor's sockets is taken, and with which words the rest is refused.
#include "daemon/handed_sockets.h"

#include <array>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {
namespace {

using ::testing::HasSubstr;

constexpr int first = 200;  // above whatever the test program has open

class HandedSocketsTest : public ::testing::Test {
  protected:
    ~HandedSocketsTest() override {
        for (int fd = first; fd < first + 8; ++fd) ::close(fd);
    }

    // At the next free place from `first` on, open over exec and blocking, as a plain program would leave it.
    void hand(int domain, int type, bool listening) {
        const int made = ::socket(domain, type, 0);
        if (domain == AF_UNIX) {
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            (files / std::to_string(serial++)).copy(address.sun_path, sizeof address.sun_path - 1);
            ASSERT_EQ(::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        }
        if (listening) {
            ASSERT_EQ(::listen(made, 8), 0);
        }
        ASSERT_EQ(::dup2(made, first + count), first + count);
        ::close(made);
        ++count;
    }
    std::string refusal(const std::string& names) const {
        auto result = HandedSockets::check(first, count, names, {"query", "admin"});
        return result ? "taken" : result.error();
    }

    TemporaryDirectory files;
    int count = 0, serial = 0;
};

TEST_F(HandedSocketsTest, EachIsGivenOnceByItsNameAndToNoChild) {
    hand(AF_UNIX, SOCK_STREAM, true);
    hand(AF_UNIX, SOCK_STREAM, true);
    auto sockets = HandedSockets::check(first, count, "admin:query", {"query", "admin"});
    ASSERT_TRUE(sockets) << sockets.error();
    const auto query = sockets->give("query");
    EXPECT_EQ(query.get(), first + 1);
    EXPECT_EQ(::fcntl(query.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(::fcntl(query.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EXPECT_FALSE(sockets->give("query"));
    EXPECT_EQ(sockets->give("admin").get(), first);
}

TEST_F(HandedSocketsTest, ANameNobodyKnowsIsRefused) {
    hand(AF_UNIX, SOCK_STREAM, true);
    EXPECT_THAT(refusal("entitled.socket"), HasSubstr("FileDescriptorName= must be one of query, admin"));
    EXPECT_EQ(::fcntl(first, F_GETFD), -1) << "and it is closed";
    count = 0;
    hand(AF_UNIX, SOCK_STREAM, true);
    EXPECT_THAT(refusal(""), HasSubstr("FileDescriptorName="));
}

TEST_F(HandedSocketsTest, OneNameTwiceIsRefused) {
    hand(AF_UNIX, SOCK_STREAM, true);
    hand(AF_UNIX, SOCK_STREAM, true);
    EXPECT_THAT(refusal("query:query"), HasSubstr("twice"));
}

TEST_F(HandedSocketsTest, WhatIsNoUnixStreamSocketIsRefused) {
    hand(AF_UNIX, SOCK_DGRAM, false);
    EXPECT_THAT(refusal("query"), HasSubstr("not a Unix stream socket"));
    count = 0;
    hand(AF_INET, SOCK_STREAM, true);
    EXPECT_THAT(refusal("query"), HasSubstr("not a Unix stream socket"));
}

TEST_F(HandedSocketsTest, WhatDoesNotListenIsRefused) {
    hand(AF_UNIX, SOCK_STREAM, false);
    EXPECT_THAT(refusal("query"), HasSubstr("does not listen"));
}

TEST_F(HandedSocketsTest, APlaceWithNothingInItIsRefused) {
    count = 1;
    EXPECT_THAT(refusal("query"), HasSubstr("not an open descriptor"));
    count = 100'000;
    EXPECT_THAT(refusal("query"), HasSubstr("more than"));
}

TEST_F(HandedSocketsTest, WhatIsMeantForAnotherProcessIsLeftAloneAndForgotten) {
    for (const auto& process : {std::string("1"), std::string(""), std::string("-3"), std::string("x")}) {
        ::setenv("LISTEN_PID", process.c_str(), 1);
        ::setenv("LISTEN_FDS", "2", 1);
        ::setenv("LISTEN_FDNAMES", "query:admin", 1);
        auto sockets = HandedSockets::take({"query", "admin"});
        ASSERT_TRUE(sockets) << sockets.error();
        EXPECT_FALSE(sockets->give("query"));
        EXPECT_EQ(::getenv("LISTEN_PID"), nullptr);
        EXPECT_EQ(::getenv("LISTEN_FDS"), nullptr);
        EXPECT_EQ(::getenv("LISTEN_FDNAMES"), nullptr);
    }
}

}  // namespace
}  // namespace entitle::testing
