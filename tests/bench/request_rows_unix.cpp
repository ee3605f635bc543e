#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bare_transaction.h"
#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/measure.h"
#include "tests/bench/server_rows.h"

namespace entitle::bench {

namespace {

constexpr std::size_t databaseConnections = 4;  // the server's own number, unless configured otherwise
constexpr double day = 86'400;

Row plain(std::string name, std::string what, double value, std::string unit, std::string note = "") {
    return {std::move(name), std::move(what), value, std::move(unit), Row::Bound::none, 0, std::move(note), false};
}
Row atLeast(std::string name, std::string what, double value, double target) {
    return {std::move(name), std::move(what), value, "%", Row::Bound::atLeast, target, "", false};
}

// A server of this program, in a process of its own, that says its port first.
class Hello {
  public:
    Hello(const std::filesystem::path& self, const std::string& database, int threads) {
        int fds[2];
        if (::pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        pid_ = spawnProgram({self, "--hello", database, "--hello-threads", std::to_string(threads)}, {}, fds[1]);
        ::close(fds[1]);
        char text[32]{};
        const auto size = ::read(fds[0], text, sizeof text - 1);
        ::close(fds[0]);
        if (size <= 0) throw std::runtime_error("the hello-world server did not start");
        port_ = static_cast<std::uint16_t>(std::stoul(text));
    }
    ~Hello() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Hello(const Hello&) = delete;
    Hello& operator=(const Hello&) = delete;
    std::uint16_t port() const { return port_; }

  private:
    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
};

std::string pathOrUrl(const DatabaseAddress& address) {
    return address.dialect() == Dialect::sqlite ? address.file().string() : address.url();
}

// Bearer tokens of machines that only declare their name.
std::vector<std::string> declare(std::uint16_t port, std::size_t count, std::string_view token) {
    Asker asker(port);
    const auto user = registerUser(asker, "declared@example.com");
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) {
        const auto key = mint(asker, token, user, "pro").key;
        out.push_back(memberOf(asker.ask(request("POST", "/api/licensing/activate", "application/json",
                                                 R"({"license_key":")" + key + R"(","machine_id":"machine-)" +
                                                     std::to_string(i) + R"("})")),
                               "token"));
    }
    return out;
}

void measureRenewals(const ServerProcess& server, const DatabaseAddress& copy, Fleet& fleet, const Storage& storage,
                     const ServerScale& scale, Report& report) {
    std::vector<BareDevice> devices;
    for (std::size_t i = 0; i < fleet.size(); ++i) devices.push_back({fleet.license(i).value, fleet.device(i).value});
    const auto bare = [&](std::chrono::milliseconds time) {
        return copy.dialect() == Dialect::sqlite ? bareSqlite(copy.file(), devices, time)
                                                 : barePostgres(copy.url(), devices, databaseConnections, time);
    };
    Load load(server.port(), scale.connections);
    std::vector<std::size_t> turn(load.connections());
    const auto deviceOf = [&](std::size_t c) {
        const auto share = fleet.size() / load.connections();
        return c + load.connections() * (turn[c] % share);
    };
    const auto renew = [&](std::chrono::milliseconds time) {
        return load.run(
            time, [&](std::size_t c) { return fleet.renewal(deviceOf(c)); },
            [&](std::size_t c, int status, std::string_view body) {
                fleet.renewed(deviceOf(c), status, body);
                ++turn[c];
            });
    };
    renew(scale.round / 4);
    bare(scale.round / 4);
    std::vector<double> floors, rates, shares, p50, p99, serverCpu, databaseCpu, clientCpu;
    for (std::size_t i = 0; i < scale.rounds; ++i) {
        floors.push_back(bare(scale.round).rate);
        const double mine = cpuSeconds(), its = cpuSeconds(server.pid()),
                     theirs = cpuSecondsBelow(::getpid(), "postgres");
        const auto loaded = renew(scale.round);
        const auto count = static_cast<double>(loaded.answered);
        clientCpu.push_back((cpuSeconds() - mine) / count);
        serverCpu.push_back((cpuSeconds(server.pid()) - its) / count);
        databaseCpu.push_back((cpuSecondsBelow(::getpid(), "postgres") - theirs) / count);
        rates.push_back(loaded.rate());
        shares.push_back(100 * loaded.rate() / floors.back());
        p50.push_back(loaded.p50);
        p99.push_back(loaded.p99);
    }
    const auto& name = storage.name;
    const auto on = " on " + storage.shown;
    report.add(plain(name + "_bare", "bare transactions" + on, median(floors), "/s"));
    report.add(plain(name + "_renewals", "renewals" + on, median(rates), "/s"));
    report.add(atLeast(name + "_renewals_share", "renewals to bare transactions" + on, median(shares), 50));
    report.add(plain(name + "_renewal_p50", "a renewal's answer under this load, p50", median(p50), "ms"));
    report.add(plain(name + "_renewal_p99", "a renewal's answer under this load, p99", median(p99), "ms"));
    const double cost = median(serverCpu) + median(databaseCpu);
    report.add(plain(name + "_renewal_cpu", "CPU of a renewal, server and database", cost * 1e6, "µs",
                     "of which server " + std::to_string(static_cast<int>(median(serverCpu) * 1e6)) +
                         "; the client takes " + std::to_string(static_cast<int>(median(clientCpu) * 1e6)) +
                         " of the same cores"));
    report.add(plain(name + "_million_cpu", "a million devices, each renewing daily: CPU a day", cost * 1e6 / 60, "min",
                     "on average " + std::to_string(1e6 / day).substr(0, 4) + " renewals/s, " +
                         std::to_string(100 * cost * 1e6 / day).substr(0, 4) + " % of one core"));
    report.add(
        plain(name + "_million_peak", "a million devices at once after an outage", 1e6 / median(rates) / 60, "min"));
}

void measureValidate(const ServerProcess& server, const std::filesystem::path& self,
                     const std::vector<std::string>& tokens, const Storage& storage, const ServerScale& scale,
                     Report& report) {
    std::vector<std::string> questions;
    for (const auto& token : tokens) questions.push_back(request("GET", "/api/licensing/validate", "", "", token));
    const Hello hello(self, pathOrUrl(server.database()), databaseConnections);
    Load theirs(hello.port(), scale.connections), ours(server.port(), scale.connections);
    std::size_t turn = 0;
    const auto run = [&](Load& load, std::chrono::milliseconds time) {
        return load.run(
            time, [&](std::size_t) { return std::string_view(questions[turn++ % questions.size()]); },
            [&](std::size_t, int status, std::string_view body) {
                if (status != 200 || body.find("\"valid\":true") == std::string_view::npos)
                    throw std::runtime_error("validate: HTTP " + std::to_string(status) + ": " + std::string(body));
            });
    };
    run(theirs, scale.round / 4);
    run(ours, scale.round / 4);
    std::vector<double> floors, rates, shares, p50, p99, floor99, cpu;
    for (std::size_t i = 0; i < scale.rounds; ++i) {
        const auto floor = run(theirs, scale.round);
        const double before = cpuSeconds(server.pid());
        const auto loaded = run(ours, scale.round);
        cpu.push_back((cpuSeconds(server.pid()) - before) / static_cast<double>(loaded.answered));
        floors.push_back(floor.rate());
        floor99.push_back(floor.p99);
        rates.push_back(loaded.rate());
        shares.push_back(100 * loaded.rate() / floor.rate());
        p50.push_back(loaded.p50);
        p99.push_back(loaded.p99);
    }
    const auto& name = storage.name;
    const auto on = " on " + storage.shown;
    report.add(plain(name + "_hello", "Beast hello-world with the same query" + on, median(floors), "/s"));
    report.add(plain(name + "_hello_p99", "its answer under this load, p99", median(floor99), "ms"));
    report.add(plain(name + "_validate", "validate" + on, median(rates), "/s"));
    report.add(atLeast(name + "_validate_share", "validate to that hello-world" + on, median(shares), 60));
    report.add(plain(name + "_validate_p50", "an answer to validate under this load, p50", median(p50), "ms"));
    report.add(plain(name + "_validate_p99", "an answer to validate under this load, p99", median(p99), "ms"));
    report.add(plain(name + "_validate_cpu", "CPU of a validate, server only", median(cpu) * 1e6, "µs"));
}

}  // namespace

ServerScale ServerScale::quick() {
    ServerScale scale;
    scale.devices = 128;
    scale.rounds = 1;
    scale.round = std::chrono::milliseconds(400);
    scale.waiting = 1'000;
    scale.waitingTls = 200;
    scale.revocations = 3;
    scale.logIns = 8;
    return scale;
}

void measureRequests(const Programs& programs, const std::filesystem::path& self, const Storage& storage,
                     const ServerScale& scale, Report& report) {
    ServerProcess server(programs, storage.fresh != nullptr ? std::optional(storage.fresh()) : std::nullopt);
    server.start();
    const auto token = adminToken(server.port());
    Fleet fleet(server.authority(), server.port(), scale.devices, token);
    const auto tokens = declare(server.port(), std::min<std::size_t>(scale.devices / 2, 500), token);
    server.stop();
    const auto copy = storage.copy(server.database(), server.directory());
    server.start();
    measureRenewals(server, copy, fleet, storage, scale, report);
    measureValidate(server, self, tokens, storage, scale, report);
    server.stop();
}

}  // namespace entitle::bench
