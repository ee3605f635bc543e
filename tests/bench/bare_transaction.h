// The floor under a renewal: the reads and writes of its transaction on the same rows of the same storage in the same
// durability, by the storage's own library, and nothing else: no HTTP, no envelope, no signature, no decision.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace entitle::bench {

struct BareDevice {
    std::string license, device;
};

struct Bare {
    double rate = 0;       // transactions a second
    double cpuMicros = 0;  // of this process, for each
    std::size_t count = 0;
};

// One connection: SQLite has one writer.
Bare bareSqlite(const std::filesystem::path& database, const std::vector<BareDevice>&, std::chrono::milliseconds);
// As many connections as `connections`, each on a thread of its own.
Bare barePostgres(const std::string& url, const std::vector<BareDevice>&, std::size_t connections,
                  std::chrono::milliseconds);

// In the order they are run, between BEGIN and COMMIT. Parameters are $1, $2 …, which both databases understand.
struct BareStatements {
    std::string begin;
    std::string lockLicense;  // $1 license
    std::string readDevice;   // $1 license, $2 device; its columns are DeviceColumns
    std::string readCounts;   // $1 license, $2 device, $3 now, $4 count from
    std::string writeDevice;  // $1 … the device's columns from the fourth on, then license and number
    static BareStatements forSqlite();
    static BareStatements forPostgres();
};
// Which columns of readDevice are written back: their places.
const std::vector<int>& writtenColumns();
int rollNumberColumn();

}  // namespace entitle::bench
