#include "tests/bench/server_process.h"

#include <csignal>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/measure.h"

namespace entitle::bench {

namespace {
constexpr std::int64_t startNanos = 20'000'000'000;
}

ServerProcess::ServerProcess(const Programs& programs, std::optional<DatabaseAddress> database)
    : programs_(programs), postgres_(std::move(database)) {
    std::vector<std::string> found{programs_.server, "init", "--roots", (own_.path() / "roots").string(),
                                   "--name",         name_};
    if (postgres_) found.insert(found.end(), {"--database", postgres_->url()});
    runProgram(found, environment());
    runProgram({programs_.server, "admin", "create", std::string(adminEmail)}, environment(),
               std::string(adminPassword) + "\n");
    // As an administrator does: `serve` refuses to start beside what key sets are signed with.
    std::filesystem::remove_all(own_.path() / "roots");
}

ServerProcess::~ServerProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

std::vector<std::string> ServerProcess::environment() const {
    return {"PATH=/usr/bin:/bin", "LC_ALL=C", "ENTITLE_SERVER_DIR=" + (own_.path() / "authority").string()};
}

DatabaseAddress ServerProcess::database() const {
    return postgres_ ? *postgres_ : DatabaseAddress(own_.path() / "authority/authority.db");
}

void ServerProcess::start(std::string_view more) {
    writeText(own_.path() / "authority/server.toml",
              "listen = [\"127.0.0.1:0\"]\nbehind_proxy = true\n"
              "trusted_proxies = [\"127.0.0.0/8\"]\ndrain_s = 2\n"
              "[rates]\nrequests_per_minute = 100000000\naccount_requests_per_minute = 100000000\n"
              "[limits]\nrequests_per_connection = 1000000000\nconnections = 30000\n" +
                  std::string(more),
              true);
    const auto log = own_.path() / "log";
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    pid_ = spawnProgram({programs_.server, "serve"}, environment(), out);
    ::close(out);
    for (const auto deadline = nowNanos() + startNanos;;) {
        const auto said = readText(log);
        constexpr std::string_view word = "listening on http";
        if (const auto at = said.find(word); at != std::string::npos) {
            const auto colon = said.find(':', said.find("://", at) + 3);
            port_ = static_cast<std::uint16_t>(std::stoul(said.substr(colon + 1)));
            return;
        }
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_ || nowNanos() > deadline) {
            pid_ = -1;
            throw std::runtime_error("the server did not start: " + said);
        }
        ::poll(nullptr, 0, 5);
    }
}

void ServerProcess::stop() {
    if (pid_ > 0) stopProgram(std::exchange(pid_, -1), "the server");
}

}  // namespace entitle::bench
