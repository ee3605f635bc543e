// entitle_server_bench: the figures the authority promises, each beside what the same machine does at the least.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>

#include "license/sodium.h"
#include "tests/bench/hello.h"
#include "tests/bench/measure.h"
#include "tests/bench/server_rows.h"
#include "tests/server/postgres_cluster.h"

namespace entitle::bench {
namespace {

using testing::PostgresCluster;

DatabaseAddress copyFile(const DatabaseAddress& from, const std::filesystem::path& scratch) {
    const auto to = scratch / "copy.db";
    std::filesystem::copy_file(from.file(), to);
    return to;
}

DatabaseAddress newDatabase() {
    std::string whyNot;
    return PostgresCluster::shared(whyNot)->newDatabase();
}

DatabaseAddress copyDatabase(const DatabaseAddress& from, const std::filesystem::path&) {
    std::string whyNot;
    return PostgresCluster::shared(whyNot)->newDatabase(from);
}

int main(int argc, char** argv) {
    CLI::App app{"Measures what entitle-server promises.", "entitle_server_bench"};
    bool quick = false, enforce = false;
    std::string json, only, hello;
    int round = 0;
    int helloThreads = 1;
    const auto self = std::filesystem::read_symlink("/proc/self/exe");
    std::filesystem::path build = self.parent_path() / "../..";
    app.add_flag("--quick", quick, "Few of everything: does it work, not how fast");
    app.add_flag("--enforce", enforce, "Exit 1 when a target is missed");
    app.add_option("--only", only, "One part: sqlite, postgresql, memory, push")->type_name("PART");
    app.add_option("--round", round, "How long one round of a load takes")->type_name("MS");
    app.add_option("--json", json, "Write the figures to a file")->type_name("FILE");
    app.add_option("--build-dir", build, "Where the programs to be measured are")->type_name("DIR");
    app.add_option("--hello", hello, "Be the hello-world server over this database")->group("");
    app.add_option("--hello-threads", helloThreads)->group("");
    CLI11_PARSE(app, argc, argv);
    startSodium();
    if (!hello.empty()) serveHello(hello, helloThreads);

    // On a disk, not in memory: what is measured is durable.
    ::setenv("TMPDIR", std::filesystem::temp_directory_path().c_str(), 0);
    ServerScale scale = quick ? ServerScale::quick() : ServerScale{};
    if (round > 0) scale.round = std::chrono::milliseconds(round);
    // As many as one process may have open, at either end.
    scale.waiting = std::min(scale.waiting, raiseDescriptorLimit(scale.waiting + 1'000) - 400);
    Report report;
    report.say("scale", quick ? "quick: figures mean little" : "full");
    report.say("cores", std::to_string(allowedCores()));
    report.say("directory", std::filesystem::temp_directory_path().string());
    const Programs programs = Programs::below(build);
    if (!programs.exist()) throw std::runtime_error("entitled, entitlectl and entitle-server are not all built");
    const auto wanted = [&](const char* part) { return only.empty() || only == part; };
    const Storage sqlite{"sqlite", "SQLite", nullptr, copyFile};
    const Storage postgresql{"postgresql", "PostgreSQL", newDatabase, copyDatabase};
    std::string whyNot;
    const bool both = (wanted("postgresql") || wanted("push")) && PostgresCluster::shared(whyNot) != nullptr;
    if (!whyNot.empty()) report.skip("postgresql", "PostgreSQL", whyNot);
    if (wanted("sqlite")) measureRequests(programs, self, sqlite, scale, report);
    if (wanted("postgresql") && both) measureRequests(programs, self, postgresql, scale, report);
    if (wanted("memory")) measureMemory(programs, scale, report);
    if (wanted("push")) measurePush(programs, sqlite, scale, report);
    if (wanted("push") && both) measurePush(programs, postgresql, scale, report);
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
        std::cerr << "entitle_server_bench: " << fault.what() << '\n';
        return 1;
    }
}
