#include "tests/server/program.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/server/system_calls.h"

namespace entitle::testing {
struct Program::Started {
    pid_t pid = -1;
    std::filesystem::path out, err;
};

Program::Started Program::start(const std::vector<std::string>& arguments, const std::string& input,
                                bool traced) const {
    const std::string name = std::to_string(++runs_);
    Started started{-1, temporary_.path() / (name + ".out"), temporary_.path() / (name + ".err")};
    const auto in = temporary_.path() / (name + ".in");
    writeFile(in, input);

    std::vector<std::string> words{ENTITLE_SERVER_PROGRAM}, settings;
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto all = environment;
    all.emplace("PATH", "/usr/bin:/bin");
    all.emplace("HOME", temporary_.path().string());
    if (traced) all.emplace("ASAN_OPTIONS", "detect_leaks=0");  // the leak check traces, and one tracer is all there is
    for (const auto& [key, value] : all) settings.push_back(key + "=" + value);
    std::vector<char*> argv, envp;
    for (auto& word : words) argv.push_back(word.data());
    for (auto& setting : settings) envp.push_back(setting.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);

    started.pid = ::fork();
    if (started.pid < 0) throw std::runtime_error("cannot fork");
    if (started.pid == 0) {
        const int fds[] = {::open(in.c_str(), O_RDONLY), ::open(started.out.c_str(), O_WRONLY | O_CREAT, 0600),
                           ::open(started.err.c_str(), O_WRONLY | O_CREAT, 0600)};
        for (int i = 0; i < 3; ++i)
            if (fds[i] < 0 || ::dup2(fds[i], i) < 0) ::_exit(125);
        if (traced && ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(124);
        ::execve(argv[0], argv.data(), envp.data());
        ::_exit(126);
    }
    return started;
}

Outcome Program::finish(const Started& started) const {
    int status = 0;
    while (::waitpid(started.pid, &status, 0) < 0 && errno == EINTR) {
    }
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, readFile(started.out), readFile(started.err)};
}

Outcome Program::run(const std::vector<std::string>& arguments, const std::string& input) const {
    return finish(start(arguments, input, false));
}

std::vector<Outcome> Program::runTogether(const std::vector<std::vector<std::string>>& all) const {
    std::vector<Started> started;
    for (const auto& arguments : all) started.push_back(start(arguments, "", false));
    std::vector<Outcome> out;
    for (const auto& one : started) out.push_back(finish(one));
    return out;
}

Program::Death Program::killAtChange(const std::vector<std::string>& arguments, int nth) const {
    const auto started = start(arguments, "", true);
    int status = 0;
    // It stops by itself at the exec.
    if (::waitpid(started.pid, &status, 0) < 0 || !WIFSTOPPED(status)) return Death::cannotTrace;
    if (::ptrace(PTRACE_SETOPTIONS, started.pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0) {
        ::kill(started.pid, SIGKILL);
        ::waitpid(started.pid, &status, 0);
        return Death::cannotTrace;
    }
    int seen = 0;
    int signal = 0;
    for (;;) {
        ::ptrace(PTRACE_SYSCALL, started.pid, nullptr, signal);
        signal = 0;
        if (::waitpid(started.pid, &status, 0) < 0) return Death::cannotTrace;
        if (!WIFSTOPPED(status)) return Death::finished;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            signal = WSTOPSIG(status);
            continue;
        }
        struct __ptrace_syscall_info info {};
        if (::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), started.pid, sizeof info, &info) <= 0) {
            ::kill(started.pid, SIGKILL);
            ::waitpid(started.pid, &status, 0);
            return Death::cannotTrace;
        }
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !canChangeAFile(info.entry.nr)) continue;
        if (++seen < nth) continue;
        ::kill(started.pid, SIGKILL);
        while (::waitpid(started.pid, &status, 0) == started.pid && !WIFSIGNALED(status) && !WIFEXITED(status)) {
        }
        return Death::killed;
    }
}

}  // namespace entitle::testing
