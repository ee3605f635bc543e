// What issue by issue the server promises of its speed: each figure beside the machine's own floor, in one run.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "tests/bench/programs.h"
#include "tests/bench/report.h"
#include "tests/bench/server_process.h"

namespace entitle::bench {

struct ServerScale {
    std::size_t devices = 2'000;  // licenses held by one device each
    std::size_t rounds = 5;       // floor and subject in turns; medians are reported
    std::chrono::milliseconds round{3'000};
    std::size_t connections = 32;  // of the closed loop
    std::size_t waiting = 20'000;  // push connections
    std::size_t waitingTls = 2'000;
    std::size_t revocations = 15;
    std::size_t logIns = 64;
    static ServerScale quick();
};

struct Storage {
    std::string name;  // "sqlite", "postgresql": in the rows' names
    std::string shown;
    DatabaseAddress (*fresh)();  // an empty database; nullptr: an SQLite file of the authority's own
    // A copy of a database that nobody has open.
    DatabaseAddress (*copy)(const DatabaseAddress&, const std::filesystem::path& scratch);
};

// renewals and validate, with the latencies and the CPU they take
void measureRequests(const Programs&, const std::filesystem::path& self, const Storage&, const ServerScale&, Report&);
// waiting connections and memory at rest
void measureMemory(const Programs&, const ServerScale&, Report&);
// revocation → a subscribed program
void measurePush(const Programs&, const Storage&, const ServerScale&, Report&);

}  // namespace entitle::bench
