#include "tests/server/postgres_cluster.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pwd.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include "tests/server/desk.h"

namespace entitle::testing {
namespace {

namespace fs = std::filesystem;

constexpr auto startDeadline = std::chrono::seconds(60);

// The newest installed, as Debian lays them out; else on the PATH's usual places.
fs::path findPrograms() {
    std::vector<fs::path> found;
    std::error_code none;
    for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none))
        if (fs::exists(version.path() / "bin" / "initdb")) found.push_back(version.path() / "bin");
    std::sort(found.begin(), found.end());
    if (!found.empty()) return found.back();
    for (const auto* place : {"/usr/bin", "/usr/local/bin"})
        if (fs::exists(fs::path(place) / "initdb") && fs::exists(fs::path(place) / "postgres")) found.push_back(place);
    if (found.empty()) return {};
    return found.back();
}

// PostgreSQL refuses to run as root.
const passwd* otherUser() {
    if (::geteuid() != 0) return nullptr;
    for (const auto* name : {"postgres", "nobody"})
        if (const passwd* user = ::getpwnam(name)) return user;
    return nullptr;
}

// Forks and runs as that user; standard output and error go to `out`. Ends with this process.
pid_t spawn(std::vector<std::string> words, const passwd* user, int out) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    char path[] = "PATH=/usr/bin:/bin";
    char* envp[] = {path, nullptr};
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("cannot fork");
    if (pid > 0) return pid;
    if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(125);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int in = ::open("/dev/null", O_RDONLY);
    if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0 || ::chdir("/") != 0) ::_exit(125);
    ::execve(argv[0], argv.data(), envp);
    ::_exit(126);
}

int waitFor(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

struct PostgresCluster::Server {
    TemporaryDirectory temporary;
    fs::path programs;
    const passwd* user = nullptr;
    pid_t pid = -1;
    std::thread reader;

    fs::path data() const { return temporary.path() / "data"; }

    std::string host() const {  // a path as the host of a URL
        std::string encoded;
        for (const char c : temporary.path().string()) encoded += c == '/' ? std::string("%2F") : std::string(1, c);
        return encoded;
    }

    bool make() {
        return fill({"initdb", "-D", data().string(), "-U", "entitle", "-A", "trust", "-E", "UTF8", "--locale=C",
                     "--no-sync", "--no-instructions"});
    }
    bool follow(const Server& primary) {
        return fill({"pg_basebackup", "-h", primary.temporary.path().string(), "-U", "entitle", "-D", data().string(),
                     "-R", "-X", "stream", "-c", "fast", "--no-sync"});
    }
    bool fill(std::vector<std::string> command) {
        // Everything below belongs to the user who runs the server; the superuser reaches it all the same.
        if (user != nullptr && ::chown(temporary.path().c_str(), user->pw_uid, user->pw_gid) != 0) return false;
        command[0] = (programs / command[0]).string();
        const int log = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
        const auto filled = spawn(std::move(command), user, log);
        ::close(log);
        return waitFor(filled) == 0;
    }

    // Returns when it takes connections.
    void start() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        pid = spawn(
            {(programs / "postgres").string(), "-D", data().string(), "-k", temporary.path().string(), "-c",
             "listen_addresses=", "-c", "max_connections=60", "-c", "logging_collector=off", "-c", "lc_messages=C"},
            user, ends[1]);
        ::close(ends[1]);
        std::promise<bool> ready;
        auto started = ready.get_future();
        reader = std::thread([from = ends[0], ready = std::move(ready)]() mutable {
            std::string text;
            bool said = false;
            char bytes[4096];
            for (;;) {
                const auto count = ::read(from, bytes, sizeof bytes);
                if (count < 0 && errno == EINTR) continue;
                if (count <= 0) break;
                if (said) continue;
                text.append(bytes, static_cast<std::size_t>(count));
                if (text.find("ready to accept") == std::string::npos) continue;  // "read-only connections": a standby
                said = true;
                ready.set_value(true);
            }
            if (!said) ready.set_value(false);
            ::close(from);
        });
        if (started.wait_for(startDeadline) != std::future_status::ready || !started.get())
            throw std::runtime_error("the PostgreSQL server of the tests does not start");
    }

    void stop(int signal) {
        if (pid <= 0) return;
        ::kill(pid, signal);
        waitFor(pid);
        pid = -1;
        reader.join();
    }

    ~Server() { stop(SIGQUIT); }
};

PostgresCluster::PostgresCluster(std::unique_ptr<Server> server) : server_(std::move(server)) {}
PostgresCluster::~PostgresCluster() = default;

std::unique_ptr<PostgresCluster> PostgresCluster::own(std::string& whyNot) {
    auto server = std::make_unique<Server>();
    server->programs = findPrograms();
    if (server->programs.empty()) {
        whyNot = "PostgreSQL is not installed: apt-get install postgresql";
        return nullptr;
    }
    server->user = otherUser();
    if (::geteuid() == 0 && server->user == nullptr) {
        whyNot = "PostgreSQL does not run as root, and there is neither a user postgres nor nobody";
        return nullptr;
    }
    if (!server->make()) {
        whyNot = "initdb failed in " + server->temporary.path().string();
        return nullptr;
    }
    server->start();
    return std::unique_ptr<PostgresCluster>(new PostgresCluster(std::move(server)));
}

PostgresCluster* PostgresCluster::shared(std::string& whyNot) {
    static std::string reason;
    static const std::unique_ptr<PostgresCluster> cluster = own(reason);
    whyNot = reason;
    return cluster.get();
}

std::unique_ptr<PostgresCluster> PostgresCluster::standby(std::string& whyNot) {
    if (!fs::exists(server_->programs / "pg_basebackup")) {
        whyNot = "pg_basebackup is not installed: apt-get install postgresql-client";
        return nullptr;
    }
    auto second = std::make_unique<Server>();
    second->programs = server_->programs;
    second->user = server_->user;
    if (!second->follow(*server_)) throw std::runtime_error("pg_basebackup failed");
    second->start();
    // Not before the copy was made: the standby would wait for a standby of its own.
    run("ALTER SYSTEM SET synchronous_standby_names = '*'");
    run("SELECT pg_reload_conf()");
    return std::unique_ptr<PostgresCluster>(new PostgresCluster(std::move(second)));
}

void PostgresCluster::promote() {
    run("SELECT pg_promote(true, 60)");
}

void PostgresCluster::run(const std::string& statement) {
    const std::string host = server_->temporary.path().string();
    soci::session(*soci::factory_postgresql(), "host=" + host + " user=entitle dbname=postgres") << statement;
}

DatabaseAddress PostgresCluster::database(const std::string& name, const PostgresCluster* other) const {
    const auto hosts = server_->host() + (other != nullptr ? "," + other->server_->host() : "");
    return DatabaseAddress::parse("postgresql://entitle@" + hosts + "/" + name).value();
}

DatabaseAddress PostgresCluster::newDatabase() {
    return newDatabase("template0");
}

DatabaseAddress PostgresCluster::newDatabase(const DatabaseAddress& from) {
    return newDatabase(from.url().substr(from.url().rfind('/') + 1));
}

DatabaseAddress PostgresCluster::newDatabase(const std::string& like) {
    const std::string name = "test_" + std::to_string(++databases_);
    run("CREATE DATABASE " + name + " TEMPLATE " + like);
    return database(name);
}

void PostgresCluster::stop(Stop how) {
    // Returns when its last process is gone: they all hold the log's pipe.
    server_->stop(how == Stop::fast ? SIGINT : how == Stop::immediate ? SIGQUIT : SIGKILL);
}

void PostgresCluster::start() {
    server_->start();
}

}  // namespace entitle::testing
