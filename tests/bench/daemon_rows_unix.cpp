#include "tests/bench/daemon_rows.h"

#include <csignal>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>

#include "tests/bench/measure.h"
#include "tests/bench/wires.h"

namespace entitle::bench {
namespace {

constexpr double megabyte = 1e6;

Row atMost(std::string name, std::string what, double value, std::string unit, double target) {
    return {std::move(name), std::move(what), value, std::move(unit), Row::Bound::atMost, target, "", false};
}

double checkNanos(const std::string& socket, std::size_t calls) {
    double nanos = 0;
    talkOverOurs(socket.c_str(), [&](wire::Entitled::Client client, kj::WaitScope& scope) {
        for (std::size_t i = 0; i < calls / 4; ++i) askOnce(client, scope);
        nanos = medianNanos(calls, [&] { askOnce(client, scope); });
    });
    return nanos;
}

wire::Slot::Client acquire(wire::Entitled::Client& client, kj::WaitScope& scope) {
    auto request = client.acquireRequest(capnp::MessageSize{10, 0});
    request.setQuota("bots");
    request.setCount(1);
    request.setLabel("bench");
    auto answer = request.send().wait(scope);
    if (!answer.getOutcome().isHeld()) throw std::runtime_error("no slot: the quota was denied");
    return answer.getOutcome().getHeld().getSlot();
}

// The library does not wait for the answer to a release: it travels with the next question.
double acquireAndReleaseNanos(const std::string& socket, std::size_t times, bool waitForRelease) {
    double nanos = 0;
    talkOverOurs(socket.c_str(), [&](wire::Entitled::Client client, kj::WaitScope& scope) {
        const auto once = [&] {
            auto released = acquire(client, scope).releaseRequest().send().ignoreResult();
            if (waitForRelease) return released.wait(scope);
            released.detach([](kj::Exception&& fault) { throw std::runtime_error(fault.getDescription().cStr()); });
        };
        for (std::size_t i = 0; i < times / 4; ++i) once();
        nanos = medianNanos(times, once);
    });
    return nanos;
}

// Connections that asked for the bootstrap and nothing more.
class Idle {
  public:
    Idle(const std::string& path, std::size_t count) {
        capnp::MallocMessageBuilder message;
        message.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(0);
        const auto words = capnp::messageToFlatArray(message);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), std::min(path.size() + 1, sizeof address.sun_path - 1));
        for (std::size_t i = 0; i < count; ++i) {
            const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (fd < 0) throw std::runtime_error("no more descriptors after " + std::to_string(i));
            fds_.push_back(fd);
            if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
                ::send(fd, words.asBytes().begin(), words.asBytes().size(), MSG_NOSIGNAL) < 0) {
                throw std::runtime_error("the daemon takes no more than " + std::to_string(i) + " connections");
            }
            // Until its answer is there, or the backlog of the listening socket would fill.
            pollfd waiting{fd, POLLIN, 0};
            if (::poll(&waiting, 1, 10'000) != 1) throw std::runtime_error("the daemon does not answer");
        }
    }
    ~Idle() {
        for (const int fd : fds_) ::close(fd);
    }
    Idle(const Idle&) = delete;
    Idle& operator=(const Idle&) = delete;

  private:
    std::vector<int> fds_;
};

void measureStart(DaemonProcess& daemon, const Scale& scale, Report& report) {
    std::vector<double> times;
    for (std::size_t i = 0; i < scale.rounds; ++i) {
        daemon.stop();
        times.push_back(daemon.start());
    }
    report.add(atMost("start", "start to ready, with existing state", median(times), "ms", 5));
}

void measureMemory(DaemonProcess& daemon, const Scale&, Report& report) {
    checkNanos(daemon.socket(), 4'000);  // and a quarter of it before
    const auto facts = factsOf(daemon.pid());
    if (!facts) throw std::runtime_error("the daemon is gone");
    report.add(atMost("resident", "resident memory after 5,000 calls",
                      static_cast<double>(facts->residentBytes) / megabyte, "MB", 7));
}

void measureCalls(DaemonProcess& daemon, const Scale& scale, Report& report) {
    std::vector<double> raw, check, ratio, slots, waited;
    for (std::size_t i = 0; i < scale.rounds; ++i) {
        raw.push_back(rawPingPong(scale.calls));
        check.push_back(checkNanos(daemon.socket(), scale.calls));
        ratio.push_back(check.back() / raw.back());
        slots.push_back(acquireAndReleaseNanos(daemon.socket(), scale.calls / 4, false) / check.back());
        waited.push_back(acquireAndReleaseNanos(daemon.socket(), scale.calls / 4, true) / raw.back());
    }
    report.add({"check_time", "check, p50", median(check) / 1e3, "µs", Row::Bound::none, 0, "", false});
    report.add(atMost("check", "check, p50", median(ratio), "x raw", 1.8));
    report.add(atMost("acquire_release", "acquire and release", median(slots), "x check", 2.5));
    report.add({"acquire_release_waited", "acquire and release, each waited for", median(waited), "x raw",
                Row::Bound::none, 0, "", false});
}

void measureIdleConnections(DaemonProcess& daemon, const Scale& scale, Report& report) {
    const std::string many = std::to_string(scale.idle) + " idle connections";
    // Interleaved, so that both see the same noise: with them, without them, with them …
    std::vector<double> ratio, each;
    for (std::size_t i = 0; i < 3; ++i) {
        const double alone = checkNanos(daemon.socket(), scale.calls);
        const auto before = factsOf(daemon.pid());
        const Idle idle(daemon.socket(), scale.idle);
        const auto after = factsOf(daemon.pid());
        if (!before || !after) throw std::runtime_error("the daemon is gone");
        // Only the first time: later rounds reuse memory.
        if (i == 0) {
            each.push_back(static_cast<double>(after->residentBytes - before->residentBytes) /
                           static_cast<double>(scale.idle));
        }
        ratio.push_back(checkNanos(daemon.socket(), scale.calls) / alone);
    }
    report.add(atMost("check_beside_idle", "check beside " + many, median(ratio), "x alone", 1.1));
    report.add(atMost("idle_connection", "memory of each of " + many, median(each) / 1e3, "kB", 13));
}

void measureWakeUps(DaemonProcess& daemon, const Scale& scale, Report& report) {
    // A connection that comes is given 2 s for its first message: the timer of the last one is not idleness.
    ::poll(nullptr, 0, 2'200);
    const auto before = factsOf(daemon.pid());
    ::poll(nullptr, 0, static_cast<int>(scale.idleSeconds * 1'000));
    const auto after = factsOf(daemon.pid());
    if (!before || !after) throw std::runtime_error("the daemon is gone");
    report.add(atMost("wake_ups", "wake-ups in " + std::to_string(scale.idleSeconds) + " idle seconds",
                      static_cast<double>(after->wakeUps - before->wakeUps), "", 0));
}

std::uint32_t slotsInUse(wire::Entitled::Client& client, kj::WaitScope& scope) {
    auto request = client.quotaRequest();
    request.setName("bots");
    return request.send().wait(scope).getQuota().getInUse();
}

void measureKilledHolder(DaemonProcess& daemon, const Scale& scale, Report& report) {
    const std::string path = daemon.socket();
    auto holder = std::make_unique<Child>([&](int fd) {
        talkOverOurs(path.c_str(), [&](wire::Entitled::Client client, kj::WaitScope& scope) {
            std::vector<wire::Slot::Client> held;
            for (std::size_t i = 0; i < scale.slots; ++i) held.push_back(acquire(client, scope));
            char byte = 1;
            if (::send(fd, &byte, 1, MSG_NOSIGNAL) != 1) return;
            static_cast<void>(::recv(fd, &byte, 1, 0));  // until it is killed
        });
    });
    char byte = 0;
    if (::recv(holder->socket(), &byte, 1, 0) != 1) throw std::runtime_error("the holder did not get its slots");
    talkOverOurs(path.c_str(), [&](wire::Entitled::Client client, kj::WaitScope& scope) {
        const std::uint32_t before = slotsInUse(client, scope);
        if (before < scale.slots)
            throw std::runtime_error("the holder holds " + std::to_string(before) + " slots only");
        const std::int64_t killed = nowNanos();
        ::kill(holder->pid(), SIGKILL);
        bool seenInBetween = false;
        std::uint32_t left = before;
        while (left != 0) {
            left = slotsInUse(client, scope);
            seenInBetween = seenInBetween || (left != 0 && left != before);
        }
        Row row = atMost("killed_holder", std::to_string(scale.slots) + " slots of a killed holder are free after",
                         static_cast<double>(nowNanos() - killed) / 1e6, "ms", 250);
        row.note = seenInBetween ? "NOT at once: a part was seen" : "all at once";
        report.add(std::move(row));
    });
}

}  // namespace

void measureDaemon(const Programs& programs, const Scale& scale, Report& report) {
    DaemonProcess daemon(programs);
    daemon.start();
    daemon.license();
    measureStart(daemon, scale, report);
    measureMemory(daemon, scale, report);
    measureCalls(daemon, scale, report);
    measureWakeUps(daemon, scale, report);
    measureKilledHolder(daemon, scale, report);
    measureIdleConnections(daemon, scale, report);
}

}  // namespace entitle::bench
