#include "tests/server/killable_server.h"

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/server/system_calls.h"

namespace entitle::testing {

KillableServer::KillableServer(const ServedAuthority& authority) {
    const auto log = authority.scratch("killable.log");
    std::filesystem::remove(log);
    writeFile(log, "");
    tracer_ = std::thread([this, directory = authority.directory().string(), log = log.string()] {
        trace(directory, log);
        ended_ = true;
    });
    std::string text;
    const bool serves = eventually([&] {
        text = readFile(log);
        return ended_ || text.find("serving authority") != std::string::npos;
    });
    const auto at = text.find("listening on ");
    if (!serves || ended_ || at == std::string::npos) {
        if (pid_ > 0 && !ended_) ::kill(pid_, SIGKILL);
        tracer_.join();
        throw std::runtime_error("it does not listen: " + text);
    }
    const auto line = text.substr(at, text.find('"', at) - at);
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
}

KillableServer::~KillableServer() {
    if (!ended_) ::kill(pid_, SIGKILL);
    tracer_.join();
}

bool KillableServer::possible() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void KillableServer::killAt(int nth) {
    killAt_ = 0;
    counted_ = 0;
    killAt_ = nth;
}

void KillableServer::waitForEnd() {
    if (!eventually([&] { return ended_.load(); })) throw std::runtime_error("a killed server goes on");
}

std::optional<Received> KillableServer::ask(const std::string& bytes) const {
    try {
        Client client(port_);
        if (!client.send(bytes)) return std::nullopt;
        auto answer = client.receive();
        if (answer.status == 0) return std::nullopt;
        return answer;
    } catch (const std::runtime_error&) {
        return std::nullopt;
    }
}

void KillableServer::trace(const std::string& directory, const std::string& logFile) {
    std::vector<std::string> words{ENTITLE_SERVER_PROGRAM, "--dir", directory, "serve", "--listen", "127.0.0.1:0"};
    // The leak check traces, and one tracer is all there is.
    std::vector<std::string> settings{"PATH=/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"};
    std::vector<char*> argv, envp;
    for (auto& word : words) argv.push_back(word.data());
    for (auto& setting : settings) envp.push_back(setting.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid < 0) return;
    if (pid == 0) {
        const int log = ::open(logFile.c_str(), O_WRONLY | O_APPEND);
        if (log < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0) ::_exit(125);
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(124);
        ::execve(argv[0], argv.data(), envp.data());
        ::_exit(126);
    }
    pid_ = pid;
    int status = 0;
    if (::waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) return;
    ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE);
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, 0);
    for (;;) {
        const pid_t thread = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
        if (thread < 0 && errno == EINTR) continue;
        if (thread < 0) return;  // none is left
        if (!WIFSTOPPED(status)) continue;
        long signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) {
            signal = 0;
            struct __ptrace_syscall_info info {};
            if (::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), thread, sizeof info, &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_ENTRY &&
                (canChangeAFile(info.entry.nr) || saysSomething(info.entry.nr)) && ++counted_ == killAt_) {
                killed_ = true;
                ::kill(pid, SIGKILL);
                continue;
            }
        } else if (status >> 16 != 0 || signal == SIGSTOP) {
            signal = 0;  // a new thread, or its first stop
        }
        ::ptrace(PTRACE_SYSCALL, thread, nullptr, signal);
    }
}

}  // namespace entitle::testing
