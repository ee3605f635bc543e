// A real daemon and those who mean it no good, or configure it badly.
#include <csignal>
#include <cstring>
#include <random>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/owned_directory.h"
#include "tests/daemon/licensed_daemon.h"

namespace entitle::testing {
namespace {

namespace fs = std::filesystem;

Descriptor connectRaw(const std::string& path) {
    Descriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Descriptor();
    return made;
}

// True when the other end has closed it.
bool closed(const Descriptor& socket, std::chrono::milliseconds within) {
    auto deadline = std::chrono::steady_clock::now() + within;
    for (;;) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd wait{socket.get(), POLLIN, 0};
        if (left.count() < 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
        char bytes[4096];
        auto size = ::recv(socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN)) return true;
    }
}

// From the schema itself, so that a method added later is tried too.
std::vector<std::string> adminMethods(RealDaemon& daemon) {
    std::istringstream words(daemon.puppet(daemon.admin())->ask("methods"));
    std::vector<std::string> methods;
    for (std::string word; words >> word;) methods.push_back(word);
    EXPECT_EQ(methods.front(), "methods");
    methods.erase(methods.begin());
    EXPECT_GE(methods.size(), 11U);
    return methods;
}

TEST_F(ProcessTest, EveryAdminCallOfAnotherUserIsRefused) {
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to become another user";
    openDirectories();
    const auto methods = adminMethods(daemon);
    for (const auto& method : methods) {
        auto stranger = daemon.puppet(daemon.query());
        ASSERT_EQ(stranger->ask("uid 65534"), "ok");
        ASSERT_EQ(stranger->ask("connect " + daemon.admin()), "ok");
        EXPECT_EQ(stranger->ask("admin " + method), "exception disconnected") << method;
    }
    auto administrator = daemon.puppet(daemon.admin());
    for (const auto& method : methods) EXPECT_EQ(administrator->ask("admin " + method), "answered") << method;
    EXPECT_EQ(administrator->ask("admin escalate"), "no such method");
}

TEST_F(ProcessTest, QuerySocketHasNoWayToAdminCalls) {
    auto bot = daemon.puppet(daemon.query());
    for (const auto& method : adminMethods(daemon)) {
        EXPECT_EQ(bot->ask("admin " + method), "exception unimplemented") << method;
    }
}

TEST_F(ProcessTest, SegmentCountOverflowClosesTheConnectionAndNothingElse) {
    for (const auto& path : {daemon.query(), daemon.admin()}) {
        auto attacker = connectRaw(path);
        ASSERT_TRUE(attacker);
        ASSERT_EQ(::send(attacker.get(), "\xff\xff\xff\xff", 4, MSG_NOSIGNAL), 4);
        EXPECT_TRUE(closed(attacker, patience));
    }
    EXPECT_TRUE(inUse(0));
}

TEST_F(ProcessTest, RandomFramesOnBothSocketsLeaveTheDaemonServing) {
    std::mt19937 random(20261122);
    for (int round = 0; round < 600; ++round) {
        auto attacker = connectRaw(round % 2 ? daemon.query() : daemon.admin());
        ASSERT_TRUE(attacker);
        std::string bytes(random() % 600, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        if (round % 3 == 0 && bytes.size() >= 16) {  // a header in order around nonsense
            std::uint32_t header[2] = {0, static_cast<std::uint32_t>(bytes.size() / 8 - 1)};
            std::memcpy(bytes.data(), header, sizeof header);
        }
        (void)::send(attacker.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    EXPECT_TRUE(inUse(0));
    daemon.child->signal(SIGTERM);
    EXPECT_EQ(daemon.child->end(), 0) << daemon.log();
}

TEST_F(ProcessTest, ThousandHalfOpenConnectionsOfOneUserHinderNoOther) {
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to become another user";
    openDirectories();
    auto other = daemon.puppet(daemon.query());
    ASSERT_EQ(other->ask("uid 65534"), "ok");
    std::vector<Descriptor> halfOpen;
    for (int i = 0; i < 1'000; ++i) {
        halfOpen.push_back(connectRaw(daemon.query()));
        ASSERT_TRUE(halfOpen.back()) << i;
        (void)::send(halfOpen.back().get(), "\0\0\0", 3, MSG_NOSIGNAL);  // three bytes of a header
    }
    ASSERT_EQ(other->ask("connect " + daemon.query()), "ok");
    EXPECT_TRUE(other->ask("acquire 1").starts_with("held"));
    EXPECT_TRUE(closed(halfOpen.back(), patience)) << "over this user's limit";
    EXPECT_TRUE(closed(halfOpen.front(), patience)) << "within the limit, but silent";
}

class DescriptorLimit : public ProcessTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(DescriptorLimit, RunningOutIsSurvivedAndRecoveredFrom) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "UBSan's own check of an object's type opens a pipe, and ends the process when it cannot";
#endif
    auto bot = daemon.puppet(daemon.query());
    std::size_t used = 0;
    const auto descriptors = "/proc/" + std::to_string(daemon.child->pid()) + "/fd";
    for (const auto& entry : fs::directory_iterator(descriptors)) used += !entry.path().empty();
    const rlimit lowered{used + GetParam(), used + GetParam()};
    ASSERT_EQ(::prlimit(daemon.child->pid(), RLIMIT_NOFILE, &lowered, nullptr), 0);
    std::vector<Descriptor> crowd;
    for (int i = 0; i < 50; ++i) crowd.push_back(connectRaw(daemon.query()));
    EXPECT_TRUE(eventually([&] { return daemon.log().find("cannot accept connections") != std::string::npos; }));
    EXPECT_TRUE(bot->ask("status").starts_with("status")) << "who is in is served";
    crowd.clear();
    auto late = daemon.puppet(daemon.query());
    EXPECT_TRUE(late->ask("status").starts_with("status"));
}

// A connection takes two descriptors, so the last one may be the first or the second.
INSTANTIATE_TEST_SUITE_P(Left, DescriptorLimit, ::testing::Values(6, 7), ::testing::PrintToStringParamName());

TEST_F(ProcessTest, SecondDaemonOnOneStateDirectoryIsRefused) {
    EXPECT_EQ(daemon.startRefused(), 4);
    EXPECT_TRUE(inUse(0)) << "the first one still answers";
}

TEST_F(ProcessTest, SocketOfALivingDaemonIsNotTaken) {
    RealDaemon other;
    writeFile(other.config(), "state_dir = \"" + (other.files / "state") + "\"\nruntime_dir = \"" +
                                  (other.files / "run") + "\"\n[query]\npath = \"" + daemon.query() +
                                  "\"\n[admin]\npath = \"" + other.admin() + "\"\n");
    EXPECT_EQ(other.startRefused(), 1);
    EXPECT_NE(other.log().find("another program listens on " + daemon.query()), std::string::npos) << other.log();
    EXPECT_TRUE(inUse(0)) << "the first one still answers";
}

TEST_F(ProcessTest, StaleSocketsOfACrashedDaemonAreReplaced) {
    daemon.crash();
    ASSERT_TRUE(fs::is_socket(daemon.query()));
    EXPECT_FALSE(connectRaw(daemon.query()));
    daemon.start();
    EXPECT_TRUE(inUse(0));
}

TEST_F(ProcessTest, FileInPlaceOfTheSocketIsNotRemoved) {
    daemon.child->signal(SIGTERM);
    ASSERT_EQ(daemon.child->end(), 0);
    EXPECT_FALSE(fs::exists(daemon.query())) << "a clean stop tidies up";
    writeFile(daemon.query(), "somebody's file");
    EXPECT_EQ(daemon.startRefused(), 1);
    EXPECT_EQ(readFile(daemon.query()), "somebody's file");
}

TEST_F(ProcessTest, ReloadWithABadConfigurationKeepsTheOldOne) {
    daemon.configure("[slots]\nmax_bots = 1\n");
    daemon.child->signal(SIGHUP);
    daemon.waitNotified("READY=1");
    EXPECT_EQ(status(), "status 0 1 0") << "lowered";
    daemon.configure("[slots]\nmax_bots = \"many\"\nno_such_key = 1\n");
    daemon.child->signal(SIGHUP);
    daemon.waitNotified("READY=1");
    EXPECT_EQ(status(), "status 0 1 0");
    EXPECT_NE(daemon.log().find("no_such_key"), std::string::npos) << daemon.log();
    daemon.configure("");
    daemon.child->signal(SIGHUP);
    daemon.waitNotified("READY=1");
    EXPECT_EQ(status(), "status 0 3 0");
}

TEST_F(ProcessTest, WorldWritableConfigurationOrStateIsRefusedWithWords) {
    daemon.crash();
    fs::permissions(daemon.config(), static_cast<fs::perms>(0666));
    EXPECT_EQ(daemon.startRefused(), 3);
    EXPECT_NE(daemon.log().find("others may write it"), std::string::npos) << daemon.log();
    fs::permissions(daemon.config(), static_cast<fs::perms>(0600));
    fs::permissions(daemon.files / "state", static_cast<fs::perms>(0777));
    EXPECT_EQ(daemon.startRefused(), 1);
    EXPECT_NE(daemon.log().find(daemon.files / "state"), std::string::npos) << daemon.log();
    fs::permissions(daemon.files / "state", static_cast<fs::perms>(0700));
    fs::permissions(daemon.files / "adm", static_cast<fs::perms>(0777));
    EXPECT_EQ(daemon.startRefused(), 1);
    fs::permissions(daemon.files / "adm", static_cast<fs::perms>(0700));
    daemon.start();
}

TEST_F(ProcessTest, CopiedStateOnOtherHardwareIsRefused) {
    license(100);
    ASSERT_EQ(status(), "status 1 100 0");
    daemon.crash();
    daemon.setHardware("cd");
    daemon.start();
    EXPECT_EQ(status(), "status 8 3 0") << "another machine: what demo gives, no more";
    daemon.crash();
    daemon.setHardware("ab");
    daemon.start();
    EXPECT_EQ(status(), "status 1 100 0");
}

TEST_F(ProcessTest, NothingListensOnTheNetwork) {
    const auto process = "/proc/" + std::to_string(daemon.child->pid());
    std::set<std::string> inodes;
    for (const auto& entry : fs::directory_iterator(process + "/fd")) {
        std::error_code ignored;
        auto target = fs::read_symlink(entry.path(), ignored).string();
        if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
    }
    ASSERT_FALSE(inodes.empty());
    for (const char* family : {"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "netlink", "packet"}) {
        std::istringstream table(readFile(process + "/net/" + family));
        for (std::string line; std::getline(table, line);) {
            std::istringstream words(line);
            for (std::string word; words >> word;) EXPECT_FALSE(inodes.contains(word)) << family << ": " << line;
        }
    }
}

TEST_F(ProcessTest, NoLibraryIsLoadedAtRunTimeNorFromTheWorkingDirectory) {
    daemon.crash();
    for (const char* name : {"libcrypto.so.3", "libsodium.so.23", "libnss_files.so.2", "openssl.cnf"}) {
        writeFile(daemon.files / name, "not a library");
    }
    daemon.environment["OPENSSL_CONF"] = daemon.files / "openssl.cnf";
    daemon.environment["OPENSSL_MODULES"] = daemon.files.path();
    daemon.start({"env", "-C", daemon.files.path()});
    license(100);
    auto bot = daemon.puppet(daemon.query());
    ASSERT_TRUE(bot->ask("acquire 1").starts_with("held"));
    if (!weAreRoot()) GTEST_SKIP() << "needs root, to see what a process that is not dumpable has loaded";
    std::istringstream maps(readFile("/proc/" + std::to_string(daemon.child->pid()) + "/maps"));
    for (std::string line; std::getline(maps, line);) {
        if (line.find(".so") == std::string::npos) continue;
        EXPECT_EQ(line.find("libcrypto"), std::string::npos) << line;
        EXPECT_EQ(line.find("libnss"), std::string::npos) << line;
        EXPECT_EQ(line.find("libdl"), std::string::npos) << line;
        EXPECT_TRUE(line.find(" /usr/lib") != std::string::npos || line.find(" /lib") != std::string::npos) << line;
    }
}

TEST_F(ProcessTest, KeepsNoCoreAndIsClosedToOtherProcessesOfItsUser) {
    EXPECT_NE(readFile("/proc/" + std::to_string(daemon.child->pid()) + "/limits")
                  .find("Max core file size        0                    0"),
              std::string::npos);
    if (!weAreRoot()) {
        struct stat status {};
        ASSERT_EQ(::stat(("/proc/" + std::to_string(daemon.child->pid()) + "/mem").c_str(), &status), 0);
        EXPECT_EQ(status.st_uid, 0u) << "not dumpable: /proc belongs to root";
        return;
    }
    daemon.crash();
    for (const auto& entry : fs::recursive_directory_iterator(daemon.files.path())) {
        ASSERT_EQ(::lchown(entry.path().c_str(), 65534, 65534), 0);
    }
    ASSERT_EQ(::lchown(daemon.files.path().c_str(), 65534, 65534), 0);
    daemon.start({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
    struct stat status {};
    ASSERT_EQ(::stat(("/proc/" + std::to_string(daemon.child->pid()) + "/mem").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u) << "not dumpable: /proc belongs to root";
    auto owner = daemon.puppet(daemon.query());
    ASSERT_EQ(owner->ask("uid 65534"), "ok");
    ASSERT_EQ(owner->ask("connect " + daemon.admin()), "ok");
    EXPECT_EQ(owner->ask("admin slots"), "answered") << "whoever runs a private daemon administers it";
}

}  // namespace
}  // namespace entitle::testing
