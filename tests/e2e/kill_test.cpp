// kill -9 of the daemon at every step of an activation and of a renewal. Whatever it was killed in: after the next
// start the question is asked under the same rid, there is one seat, and the state loads.
#include <csignal>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

class Killed : public Online {
  protected:
    void SetUp() override {
        Online::SetUp();
        license = server.license();
    }
    // As systemd does.
    void startAgain() {
        machine.killDaemon();
        machine.start();
    }
    // Whoever waited is asked for by the successor itself.
    void becomesActive() {
        ASSERT_TRUE(eventually([&] { return standing() == "active"; })) << proxy->told() << machine.log();
        ASSERT_NO_FATAL_FAILURE(settled(license));
        EXPECT_EQ(rids(activatePath).size(), 1u);
    }
    License license;
};

TEST_F(Killed, ActivationThatHasNotLeftTheMachine) {
    proxy->plan(activatePath, {Kind::cutRequest, 0, ""});
    auto typed = machine.startCtl({"activate", license.key});
    ASSERT_TRUE(proxy->waitDone(activatePath, 1));
    proxy->plan({});
    startAgain();
    EXPECT_EQ(typed.wait(), 3);
    becomesActive();
}

TEST_F(Killed, ActivationOnItsWay) {
    proxy->plan(activatePath, {Kind::holdRequest, 0, ""});
    auto typed = machine.startCtl({"activate", license.key});
    ASSERT_TRUE(proxy->waitArrived(activatePath, 1));
    machine.killDaemon();
    proxy->release();  // it arrives after the daemon is gone
    ASSERT_TRUE(proxy->waitAnswered(activatePath, 1));
    machine.start();
    becomesActive();
}

TEST_F(Killed, ActivationGrantedAndNotHeardOf) {
    proxy->plan(activatePath, {Kind::holdAnswer, 0, ""});
    auto typed = machine.startCtl({"activate", license.key});
    ASSERT_TRUE(proxy->waitAnswered(activatePath, 1));
    EXPECT_EQ(server.seats(license).size(), 1u);
    machine.killDaemon();
    proxy->release();
    machine.start();
    becomesActive();
}

TEST_F(Killed, RenewalOnItsWayAndGrantedAndNotHeardOf) {
    activate(license);
    for (const auto kind : {Kind::holdRequest, Kind::holdAnswer}) {
        const auto from = proxy->exchanges(renewPath).size();
        proxy->plan(renewPath, {kind, 0, ""});
        auto typed = machine.startCtl({"refresh"});
        ASSERT_TRUE(kind == Kind::holdRequest ? proxy->waitArrived(renewPath, from + 1)
                                              : proxy->waitAnswered(renewPath, from + 1));
        machine.killDaemon();
        proxy->release();
        ASSERT_TRUE(proxy->waitAnswered(renewPath, from + 1));
        machine.start();
        EXPECT_EQ(standing(), "active");
        const auto asked = machine.ctl({"refresh"});
        ASSERT_EQ(asked.status, 0) << asked.both();
        ASSERT_GE(proxy->exchanges(renewPath).size(), from + 2);
        EXPECT_EQ(rids(renewPath, from, 2).size(), 1u);  // a push may have made the successor ask before us
        ASSERT_NO_FATAL_FAILURE(settled(license));
    }
}

// It crashed on its way out: what waited for the answer outlived the daemon it took leave of.
TEST_F(Killed, AskedToStopWhileAPersonWaitsItEndsInOrder) {
    proxy->plan(activatePath, {Kind::holdAnswer, 0, ""});
    auto typed = machine.startCtl({"activate", license.key});
    ASSERT_TRUE(proxy->waitAnswered(activatePath, 1));
    EXPECT_EQ(machine.stopDaemon(), 0) << machine.log();
    EXPECT_NE(typed.wait(), 0);
    proxy->release();
    machine.start();
    becomesActive();
}

// --- within the daemon
// ------------------------------------------------------------------------------------------------

// What the daemon does outside of itself, beside waiting and reading.
bool isStep(std::uint64_t call) {
    switch (call) {
        case SYS_write:
        case SYS_writev:
        case SYS_pwrite64:
        case SYS_sendto:
        case SYS_sendmsg:
        case SYS_fsync:
        case SYS_fdatasync:
        case SYS_ftruncate:
        case SYS_fallocate:
        case SYS_openat:
        case SYS_rename:
        case SYS_renameat:
        case SYS_renameat2:
        case SYS_linkat:
        case SYS_unlinkat:
        case SYS_unlink:
            return true;
        default:
            return false;
    }
}

enum class Death { killed, survived, cannotTrace };

// Kills the daemon at the entry of its nth step from here on, so that the step is not made; or lets it go on when
// `done` has ended before.
Death killAtStep(const Process& daemon, const std::function<Process()>& begin, int nth) {
    const auto pid = daemon.pid();
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACESYSGOOD) != 0) return Death::cannotTrace;
    ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
    int status = 0;
    if (::waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) return Death::cannotTrace;
    const Process typed = begin();
    int seen = 0;
    long signal = 0;
    for (;;) {
        ::ptrace(PTRACE_SYSCALL, pid, nullptr, signal);
        signal = 0;
        // Whichever comes first; the end of what was typed is left for its owner to see.
        siginfo_t news{};
        if (::waitid(P_ALL, 0, &news, WEXITED | WSTOPPED | WNOWAIT | __WALL) != 0) return Death::cannotTrace;
        if (news.si_pid == typed.pid()) {
            ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
            while (::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
                if (::ptrace(PTRACE_DETACH, pid, nullptr, nullptr) == 0) break;
            }
            return Death::survived;
        }
        if (::waitpid(pid, &status, __WALL) != pid) return Death::cannotTrace;
        if (!WIFSTOPPED(status)) return Death::killed;  // by somebody else
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            if (status >> 16 == 0) signal = WSTOPSIG(status);
            continue;
        }
        struct __ptrace_syscall_info info {};
        if (::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), pid, sizeof info, &info) <= 0)
            return Death::cannotTrace;
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !isStep(info.entry.nr) || ++seen < nth) continue;
        ::kill(pid, SIGKILL);
        return Death::killed;
    }
}

// Every step with ENTITLE_FAULT_OFFSETS, else every few.
int stride() {
    return std::getenv("ENTITLE_FAULT_OFFSETS") != nullptr ? 1 : 5;
}

TEST_F(Killed, AtEveryStepOfAnActivation) {
    int kills = 0;
    for (int step = 1;; step += stride()) {
        SCOPED_TRACE(step);
        license = server.license();
        const auto from = proxy->exchanges(activatePath).size();
        const auto death = killAtStep(
            machine.daemon(),
            [&] {
                return machine.startCtl({"activate", license.key});
            },
            step);
        if (death == Death::cannotTrace) GTEST_SKIP() << "this user may not trace the daemon";
        if (death == Death::survived) break;
        ++kills;
        startAgain();
        EXPECT_THAT(machine.log(), ::testing::Not(::testing::HasSubstr("lost")));
        activate(license);
        ASSERT_NO_FATAL_FAILURE(settled(license));
        // It was not sent before it was stored: every sending carries the one rid.
        EXPECT_LE(rids(activatePath, from).size(), 1u);
    }
    EXPECT_GT(kills, 2);
}

TEST_F(Killed, AtEveryStepOfARenewal) {
    activate(license);
    int kills = 0;
    for (int step = 1;; step += stride()) {
        SCOPED_TRACE(step);
        const auto death = killAtStep(
            machine.daemon(), [&] { return machine.startCtl({"refresh"}); }, step);
        if (death == Death::cannotTrace) GTEST_SKIP() << "this user may not trace the daemon";
        if (death == Death::survived) break;
        ++kills;
        startAgain();
        EXPECT_EQ(standing(), "active");
        ASSERT_NO_FATAL_FAILURE(settled(license));
    }
    EXPECT_GT(kills, 2);
    const auto audit = machine.ctl({"audit", "--verify"});
    EXPECT_EQ(audit.status, 0) << audit.both();
}

}  // namespace
}  // namespace entitle::e2e
