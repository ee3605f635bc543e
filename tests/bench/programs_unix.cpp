#include "tests/bench/programs.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

namespace entitle::bench {

namespace fs = std::filesystem;

namespace {

std::runtime_error failed(const std::string& what) {
    return std::runtime_error(what + ": " + std::generic_category().message(errno));
}

pid_t spawnWith(const std::vector<std::string>& command, const std::vector<std::string>& environment, int input,
                int output) {
    std::vector<char*> arguments, variables;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& word : environment) variables.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (input < 0) {
        ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    } else {
        ::posix_spawn_file_actions_adddup2(&actions, input, 0);
    }
    for (const int standard : {1, 2}) {
        if (output < 0) {
            ::posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_WRONLY, 0);
        } else {
            ::posix_spawn_file_actions_adddup2(&actions, output, standard);
        }
    }
    pid_t pid = -1;
    errno = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), variables.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (pid < 0 || errno != 0) throw failed(command[0]);
    return pid;
}

}  // namespace

bool Programs::exist() const {
    return fs::exists(entitled) && fs::exists(entitlectl) && fs::exists(server);
}

PrivateDirectory::PrivateDirectory() {
    std::string name = (fs::temp_directory_path() / "entitle_bench.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw failed("mkdtemp");
    path_ = name;
}

PrivateDirectory::~PrivateDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void writeText(const fs::path& path, std::string_view text, bool ownerOnly) {
    std::ofstream(path) << text;
    if (ownerOnly) fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

std::string readText(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

pid_t spawnProgram(const std::vector<std::string>& command, const std::vector<std::string>& environment, int output) {
    return spawnWith(command, environment, -1, output);
}

std::string runProgram(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                       std::string_view input) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw failed("pipe2");
    const pid_t pid = spawnWith(command, environment, in[0], out[1]);
    ::close(in[0]);
    ::close(out[1]);
    // Less than a pipe holds.
    const bool given = ::write(in[1], input.data(), input.size()) == static_cast<ssize_t>(input.size());
    ::close(in[1]);
    std::string output;
    char chunk[4'096];
    for (ssize_t size = 0; (size = ::read(out[0], chunk, sizeof chunk)) > 0;)
        output.append(chunk, static_cast<std::size_t>(size));
    ::close(out[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!given || !WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(command[0] + ": " + output);
    return output;
}

void stopProgram(pid_t pid, const std::string& name) {
    ::kill(pid, SIGTERM);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(name + " did not stop in order");
}

}  // namespace entitle::bench
