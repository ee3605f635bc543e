#include "tests/e2e/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace entitle::e2e {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::vector<std::string> merged(const Environment& added) {
    std::vector<std::string> out;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        if (added.count(text.substr(0, text.find('='))) == 0) out.push_back(text);
    }
    for (const auto& [name, value] : added) {
        if (!value.empty()) out.push_back(name + "=" + value);
    }
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
}

Descriptor::~Descriptor() {
    if (value_ >= 0) ::close(value_);
}

bool waitReadable(int descriptor, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd entry{descriptor, POLLIN, 0};
        const int ready = ::poll(&entry, 1, static_cast<int>(std::max<long long>(left, 0)));
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) fail("poll");
    }
}

Process::Process(const std::vector<std::string>& command, const Environment& environment, const std::string& errorFile,
                 const std::string& inputFile) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail("pipe2");
    output_ = Descriptor(pipe[0]);
    const Descriptor writeEnd(pipe[1]);
    const Descriptor error(::open(errorFile.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    const Descriptor input(::open(inputFile.c_str(), O_RDONLY | O_CLOEXEC));
    if (error.get() < 0 || input.get() < 0) fail("open");
    // Everything that allocates happens before fork.
    auto words = command;
    auto variables = merged(environment);
    const auto arguments = pointers(words);
    const auto surroundings = pointers(variables);
    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
        ::dup2(input.get(), 0);
        ::dup2(writeEnd.get(), 1);
        ::dup2(error.get(), 2);
        ::execve(arguments[0], arguments.data(), surroundings.data());
        ::_exit(127);
    }
    pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (pidfd_.get() < 0) fail("pidfd_open");
}

Process::Process(Process&& other) noexcept
    : pid_(other.pid_),
      pidfd_(std::move(other.pidfd_)),
      output_(std::move(other.output_)),
      buffer_(std::move(other.buffer_)),
      ended_(other.ended_) {
    other.pid_ = -1;
}

Process::~Process() {
    if (pid_ < 0 || ended_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const {
    if (!ended_) ::kill(pid_, number);
}

std::optional<int> Process::wait(std::chrono::milliseconds most) {
    if (ended_) return ended_;
    if (!waitReadable(pidfd_.get(), Clock::now() + most)) return std::nullopt;
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) fail("waitpid");
    ended_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return ended_;
}

bool Process::readMore(Clock::time_point deadline) {
    std::array<char, 4096> chunk{};
    if (!waitReadable(output_.get(), deadline)) return false;
    const auto got = ::read(output_.get(), chunk.data(), chunk.size());
    if (got <= 0) return false;
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
}

std::optional<std::string> Process::readLine(std::chrono::milliseconds most) {
    const auto deadline = Clock::now() + most;
    for (;;) {
        if (const auto end = buffer_.find('\n'); end != std::string::npos) {
            auto line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        if (!readMore(deadline)) return std::nullopt;
    }
}

std::string Process::readAll(std::chrono::milliseconds most) {
    const auto deadline = Clock::now() + most;
    while (readMore(deadline)) {
    }
    return std::exchange(buffer_, {});
}

Output run(const std::vector<std::string>& command, const Environment& environment, const std::string& scratch) {
    const auto errors = scratch + "/stderr";
    ::unlink(errors.c_str());
    Process process(command, environment, errors);
    Output output;
    output.out = process.readAll();
    output.status = process.wait().value_or(-1);
    std::ifstream in(errors, std::ios::binary);
    output.err.assign(std::istreambuf_iterator<char>(in), {});
    return output;
}

}  // namespace entitle::e2e
