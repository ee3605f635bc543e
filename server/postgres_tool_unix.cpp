#include "server/postgres_tool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <spawn.h>

extern char** environ;

namespace entitle {
namespace {

constexpr std::size_t mostWords = 2000;  // of what the program said

struct Settings {
    std::vector<std::string> environment;
    std::string database;
};

Settings settingsOf(const DatabaseAddress& address) {
    char* wrong = nullptr;
    const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
        PQconninfoParse(address.url().c_str(), &wrong), &PQconninfoFree);
    const std::unique_ptr<char, void (*)(void*)> words(wrong, &PQfreemem);
    if (!options) throw std::runtime_error("the database's URL is not one that PostgreSQL reads");
    Settings settings;
    for (char** each = environ; *each != nullptr; ++each)
        if (std::string_view(*each).substr(0, 2) != "PG") settings.environment.emplace_back(*each);
    for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val == nullptr || option->envvar == nullptr) continue;
        settings.environment.push_back(std::string(option->envvar) + "=" + option->val);
        if (std::string_view(option->keyword) == "dbname") settings.database = option->val;
    }
    return settings;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

std::string readToEnd(int fd) {
    std::string text;
    char bytes[1024];
    for (;;) {
        const auto count = ::read(fd, bytes, sizeof bytes);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        if (text.size() < mostWords) text.append(bytes, static_cast<std::size_t>(count));
    }
}

}  // namespace

Granted<void> runPostgresTool(const std::string& program, std::vector<std::string> arguments,
                              const DatabaseAddress& address) {
    Settings settings = settingsOf(address);
    for (auto& argument : arguments)
        if (argument == "%d") argument = settings.database;
    arguments.insert(arguments.begin(), program);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    pid_t pid = -1;
    auto argv = pointers(arguments), envp = pointers(settings.environment);
    const int failed = ::posix_spawnp(&pid, program.c_str(), &actions, nullptr, argv.data(), envp.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    const std::string said = failed == 0 ? readToEnd(ends[0]) : "";
    ::close(ends[0]);
    if (failed == ENOENT)
        return Denial{DenialReason::unreadable,
                      program + " is not installed: apt-get install postgresql-client, of the server's version"};
    if (failed != 0) throw std::system_error(failed, std::generic_category(), program);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return Denial{DenialReason::badBackup, program + " failed: " + said};
}

}  // namespace entitle
