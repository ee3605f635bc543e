#include "client/cli/child.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/text.h"
#include "client/identity.h"

namespace entitle::cli {

namespace {

constexpr int passedOn[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT};

sigset_t gatedSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : passedOn) sigaddset(&set, number);
    sigaddset(&set, SIGCHLD);
    return set;
}

// The kernel sends these to the terminal's whole foreground group.
bool typedAtTerminal(const signalfd_siginfo& info) {
    return info.ssi_code == SI_KERNEL && (info.ssi_signo == SIGINT || info.ssi_signo == SIGQUIT);
}

int statusOf(int wait) {
    return WIFSIGNALED(wait) ? 128 + WTERMSIG(wait) : WEXITSTATUS(wait);
}

}  // namespace

struct SignalGate::State {
    sigset_t gated = gatedSignals();
    sigset_t before{};
    Descriptor arrivals;

    signalfd_siginfo next() const {
        signalfd_siginfo info{};
        while (read(arrivals.get(), &info, sizeof info) != sizeof info) {
            if (errno != EINTR) throw Failure(exitFault, "signals", "Cannot wait for signals.");
        }
        return info;
    }
};

SignalGate::SignalGate() : state_(std::make_unique<State>()) {
    pthread_sigmask(SIG_BLOCK, &state_->gated, &state_->before);
    state_->arrivals = Descriptor{signalfd(-1, &state_->gated, SFD_CLOEXEC)};
    if (!state_->arrivals)
        throw Failure(exitFault, "signals", std::string("Cannot wait for signals: ") + std::strerror(errno) + ".");
}

SignalGate::~SignalGate() {
    pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
}

int SignalGate::run(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &state_->before);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child = 0;
    const int error = posix_spawnp(&child, arguments[0], nullptr, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    if (error != 0)
        throw Failure(error == ENOENT ? exitNotFound : exitNotRunnable, "not-runnable",
                      "Cannot run " + escaped(command[0]) + ": " + std::strerror(error) + ".");

    for (;;) {
        const auto info = state_->next();
        if (info.ssi_signo == SIGCHLD) {
            int wait = 0;
            const pid_t ended = waitpid(child, &wait, WNOHANG);
            if (ended == child) return statusOf(wait);
        } else if (!typedAtTerminal(info)) {
            kill(child, static_cast<int>(info.ssi_signo));
        }
    }
}

void SignalGate::waitForEnd() {
    // An output that nobody reads any more ends the wait as well: a pipe's writer sees it as an error.
    std::array<pollfd, 2> waited{{{state_->arrivals.get(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}}};
    for (;;) {
        if (poll(waited.data(), waited.size(), -1) < 0) continue;
        if ((waited[1].revents & POLLERR) != 0) return;
        if ((waited[0].revents & POLLIN) == 0) continue;
        const auto number = state_->next().ssi_signo;
        if (number == SIGINT || number == SIGTERM || number == SIGHUP) return;
    }
}

void SignalGate::end() {
    kill(getpid(), SIGTERM);  // blocked everywhere: it arrives at waitForEnd
}

}  // namespace entitle::cli
