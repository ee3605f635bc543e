#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "client/client.h"
#include "tests/bench/daemon_process.h"
#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/measure.h"
#include "tests/bench/server_rows.h"

namespace entitle::bench {

namespace {

// A program that subscribed, as any that links libentitle: when was it told of a standing?
class Program {
  public:
    explicit Program(const std::string& socket)
        : client_({socket, false, std::chrono::milliseconds(1'000), true}),
          watch_(client_.onChange([this](const Change& change) {
              const auto at = nowNanos();
              {
                  const std::lock_guard lock(mutex_);
                  standing_ = change.status.standing;
                  license_ = change.status.licenseId;
                  at_ = at;
              }
              told_.notify_all();
          })) {}

    // When it was told that `license` stands so.
    std::int64_t waitFor(Status::Standing standing, const std::string& license) {
        std::unique_lock lock(mutex_);
        if (!told_.wait_for(lock, std::chrono::seconds(20),
                            [&] { return standing_ == standing && license_ == license; }))
            throw std::runtime_error("the program was not told in 20 s");
        return at_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable told_;
    Status::Standing standing_ = Status::Standing::other;
    std::string license_;
    std::int64_t at_ = 0;
    Client client_;
    Watch watch_;
};

// What stands on the disk before the program is told. Counted with `strace -f -e trace=fsync,fdatasync` of both
// programs from the administrator's call to the program's word.
constexpr int commits = 1;  // SQLite's log, or PostgreSQL's: the revocation
// The daemon's, twice: what it was answered, and what it became of it. Each time the audit log, whose end its record
// names, and then that record, which it keeps twice.
constexpr int rounds = 2, replacements = 2;

// The same steps by themselves, in nanoseconds.
double fsyncFloor(const std::filesystem::path& directory) {
    const auto fail = [] { throw std::runtime_error("the floor of the fsyncs cannot write"); };
    const std::string fresh = directory / "floor.new", record = directory / "floor";
    const auto appended = [&](const char* name) {
        return ::open((directory / name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    };
    const int wal = appended("floor.wal"), audit = appended("floor.audit");
    const int parent = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (wal < 0 || audit < 0 || parent < 0) fail();
    const std::string pages(4 * 4'120, 'x'), line(220, 'z'), text(3'700, 'y');
    const auto begun = nowNanos();
    for (int i = 0; i < commits; ++i)
        if (::write(wal, pages.data(), pages.size()) < 0 || ::fdatasync(wal) != 0) fail();
    for (int i = 0; i < rounds; ++i) {
        if (::write(audit, line.data(), line.size()) < 0 || ::fsync(audit) != 0) fail();
        for (int j = 0; j < replacements; ++j) {
            const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            if (file < 0 || ::write(file, text.data(), text.size()) < 0 || ::fsync(file) != 0) fail();
            ::close(file);
            if (::rename(fresh.c_str(), record.c_str()) != 0 || ::fsync(parent) != 0) fail();
        }
    }
    const auto took = nowNanos() - begun;
    for (const int each : {wal, audit, parent}) ::close(each);
    return static_cast<double>(took);
}

}  // namespace

void measurePush(const Programs& programs, const Storage& storage, const ServerScale& scale, Report& report) {
    const bool onSqlite = storage.fresh == nullptr;
    ServerProcess server(programs, onSqlite ? std::nullopt : std::optional(storage.fresh()));
    server.start();
    const auto token = adminToken(server.port());
    Asker asker(server.port());
    const auto user = registerUser(asker, "trader@example.com");
    DaemonProcess daemon(programs);
    daemon.start();
    auto minted = mint(asker, token, user, "pro");
    daemon.activate(server.url(), server.rootsFile(), minted.key);
    daemon.refresh();
    // At rest, as it is all day: a second after the last word it gives back what the conversation took.
    ::poll(nullptr, 0, 2'500);
    const auto facts = factsOf(daemon.pid());
    if (onSqlite)
        report.add({"daemon_online", "the daemon after its first renewal, waiting for news: resident",
                    static_cast<double>(facts ? facts->residentBytes : 0) / 1e6, "MB", Row::Bound::atMost, 12, "",
                    false});

    Program program(daemon.socket());
    std::vector<double> took, floors;
    for (std::size_t i = 0; i < scale.revocations; ++i) {
        if (i > 0) {
            minted = mint(asker, token, user, "pro");
            daemon.activate(server.url(), server.rootsFile(), minted.key);
        }
        program.waitFor(Status::Standing::active, minted.license);
        // The daemon's waiting question must be there.
        while (asker.ask(request("GET", "/metrics")).find("\nentitle_http_waiting 1\n") == std::string::npos)
            ::poll(nullptr, 0, 5);
        floors.push_back(fsyncFloor(server.directory()));
        const auto order =
            request("POST", "/v1/admin/licenses/" + minted.license + "/revoke", "application/json", "{}", token);
        const auto begun = nowNanos();
        asker.ask(order);
        took.push_back(static_cast<double>(program.waitFor(Status::Standing::revoked, minted.license) - begun));
    }
    const std::string name = onSqlite ? "revocation" : "revocation_" + storage.name, on = " (" + storage.shown + ")";
    report.add({name, "revocation → a subscribed program told, p50" + on, median(took) / 1e6, "ms", Row::Bound::none, 0,
                "", false});
    report.add({name + "_fsyncs", "the fsyncs on its way, by themselves, p50" + on, median(floors) / 1e6, "ms",
                Row::Bound::none, 0,
                std::to_string(commits) + " commit of " + storage.shown + ", the daemon's audit log " +
                    std::to_string(rounds) + " times, " + std::to_string(rounds * replacements) +
                    " files of it replaced",
                false});
    report.add({name + "_share", "revocation to the fsyncs on its way" + on, median(took) / median(floors), "x",
                Row::Bound::atMost, 2, "", false});
}

}  // namespace entitle::bench
