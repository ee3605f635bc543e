// entitle_bench: the figures the project promises, each beside a raw ping-pong taken in the same run on the same core.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>

#include "tests/bench/daemon_rows.h"
#include "tests/bench/measure.h"
#include "tests/bench/report.h"
#include "tests/bench/sd_bus.h"
#include "tests/bench/wires.h"

namespace entitle::bench {
namespace {

using Talker = void (*)(int, const Talk&);
using Server = void (*)(int);

template <class F>
double over(Server serve, Talker talk, F&& measure) {
    double result = 0;
    Child server(serve);
    talk(server.releaseSocket(), [&](wire::Entitled::Client client, kj::WaitScope& scope) {
        for (int i = 0; i < 500; ++i) askOnce(client, scope);
        result = measure(client, scope);
    });
    return result;
}

void talkOurs(int fd, const Talk& what) {
    talkOverOurs(fd, what);
}

// The transport alone: the same server behind ours and behind Cap'n Proto's own.
void measureTransport(const Scale& scale, Report& report) {
    const auto once = [&](wire::Entitled::Client& client, kj::WaitScope& scope) {
        return medianNanos(scale.calls, [&] { askOnce(client, scope); });
    };
    const auto many = [&](wire::Entitled::Client& client, kj::WaitScope& scope) {
        return askPipelined(client, scope, scale.pipelined, 64);
    };
    std::vector<double> raw, ours, rpc, stock, bus, oursRate, stockRate, gain;
    for (std::size_t i = 0; i < scale.rounds; ++i) {
        raw.push_back(rawPingPong(scale.calls));
        ours.push_back(over(checkServerOnOurs, talkOurs, once) / raw.back());
        rpc.push_back(over(rpcServerOnOurs, talkOurs, once) / raw.back());
        stock.push_back(over(checkServerOnKj, talkOverKj, once) / raw.back());
        if (const auto nanos = sdBusCheck(scale.calls)) bus.push_back(*nanos / raw.back());
        oursRate.push_back(over(checkServerOnOurs, talkOurs, many));
        stockRate.push_back(over(checkServerOnKj, talkOverKj, many));
        gain.push_back(oursRate.back() / stockRate.back());
    }
    const auto plain = [&](const char* name, const char* what, double value, const char* unit) {
        report.add({name, what, value, unit, Row::Bound::none, 0, "", false});
    };
    plain("raw", "raw ping-pong of 64 bytes, p50", median(raw) / 1e3, "µs");
    report.add({"wire_check", "check over our transport alone, p50", median(ours), "x raw", Row::Bound::atMost, 1.8, "",
                false});
    plain("rpc_check", "check over our transport, through the RPC system, p50", median(rpc), "x raw");
    plain("kj_check", "check over Cap'n Proto's own transport, p50", median(stock), "x raw");
    if (!bus.empty()) plain("sd_bus_check", "check over sd-bus, between two peers, p50", median(bus), "x raw");
    plain("wire_rate", "our transport, 64 in flight", median(oursRate), "calls/s");
    plain("kj_rate", "Cap'n Proto's own, 64 in flight", median(stockRate), "calls/s");
    report.add({"pipelined", "ours to Cap'n Proto's own, 64 in flight", median(gain), "x", Row::Bound::atLeast, 2.2, "",
                false});
}

int main(int argc, char** argv) {
    CLI::App app{"Measures what entitled promises.", "entitle_bench"};
    bool quick = false, enforce = false, transportOnly = false;
    std::string json;
    std::filesystem::path build = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../..";
    app.add_flag("--quick", quick, "Few calls: does it work, not how fast");
    app.add_flag("--enforce", enforce, "Exit 1 when a target is missed");
    app.add_flag("--transport", transportOnly, "Without the daemon");
    app.add_option("--json", json, "Write the figures to a file")->type_name("FILE");
    app.add_option("--build-dir", build, "Where the programs to be measured are")->type_name("DIR");
    CLI11_PARSE(app, argc, argv);

    Scale scale = quick ? Scale::quick() : Scale{};
    Report report;
    // The daemon takes two for each connection, the socket and its process, and gives one user three quarters of them.
    const auto descriptors = raiseDescriptorLimit(3 * scale.idle);
    scale.idle = std::min(scale.idle, (descriptors / 2 - 64) * 3 / 4 - 16);
    report.say("core", std::to_string(pinToOneCore()));
    report.say("scale", quick ? "quick: figures mean little" : "full");
    measureTransport(scale, report);
    const Programs programs = Programs::below(build);
    if (transportOnly) {
        report.skip("daemon", "the daemon", "not asked for");
    } else if (!programs.exist()) {
        report.skip("daemon", "the daemon", "entitled, entitlectl and entitle-server are not all built");
    } else {
        measureDaemon(programs, scale, report);
    }
    report.printTable(std::cout);
    if (!json.empty() && !(std::ofstream(json) << report.json())) throw std::runtime_error("cannot write " + json);
    return enforce && !report.allMet() ? 1 : 0;
}

}  // namespace
}  // namespace entitle::bench

int main(int argc, char** argv) {
    try {
        return entitle::bench::main(argc, argv);
    } catch (const std::exception& fault) {
        std::cerr << "entitle_bench: " << fault.what() << '\n';
        return 1;
    }
}
