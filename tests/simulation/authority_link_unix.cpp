#include "tests/simulation/authority_link.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <spawn.h>

extern char** environ;

namespace entitle::simulation {
namespace {

[[noreturn]] void fail(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), what);
}

}  // namespace

AuthorityLink::AuthorityLink(std::uint64_t seed) {
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) fail(errno, "pipe2");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string program = SIMULATED_AUTHORITY, number = std::to_string(seed);
    std::array<char*, 3> arguments{program.data(), number.data(), nullptr};
    const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    to_ = ::fdopen(in[1], "w");
    from_ = ::fdopen(out[0], "r");
    if (failed != 0) fail(failed, "posix_spawn");
}

AuthorityLink::~AuthorityLink() {
    std::fclose(to_);
    std::fclose(from_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

boost::json::object AuthorityLink::order(boost::json::object what, Instant now) {
    what["now"] = now.time_since_epoch().count();
    const std::string text = boost::json::serialize(what) + "\n";
    if (std::fwrite(text.data(), 1, text.size(), to_) != text.size() || std::fflush(to_) != 0)
        throw std::runtime_error("the authority has gone");
    line_.clear();
    std::array<char, 16384> part{};
    while (line_.empty() || line_.back() != '\n') {
        if (std::fgets(part.data(), static_cast<int>(part.size()), from_) == nullptr)
            throw std::runtime_error("the authority has gone");
        line_ += part.data();
    }
    auto out = boost::json::parse(line_).as_object();
    if (const auto* fault = out.if_contains("fault"))
        throw std::runtime_error("the authority failed at " + text.substr(0, 300) + ": " +
                                 std::string(fault->as_string()));
    return out;
}

}  // namespace entitle::simulation
