// Every daemon of an authority comes back in the same moment, as after an outage that outlasted all patience.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/measure.h"
#include "tests/bench/server_process.h"
#include "tests/server/postgres_cluster.h"
#include "tests/server/store_fixture.h"

namespace entitle::testing {
namespace {

class ServeReturn : public ::testing::TestWithParam<Dialect> {
  protected:
    void SetUp() override {
        if (GetParam() == Dialect::sqlite) return;
        std::string whyNot;
        auto* cluster = PostgresCluster::shared(whyNot);
        if (cluster == nullptr) GTEST_SKIP() << whyNot;
        database = cluster->newDatabase();
    }
    std::optional<DatabaseAddress> database;
};
ENTITLE_ON_BOTH_DATABASES(ServeReturn);

// While it is, nobody else writes to the database.
class DatabaseHeld {
  public:
    explicit DatabaseHeld(const DatabaseAddress& address) {
        if (address.dialect() == Dialect::sqlite) {
            session_.open(*soci::factory_sqlite3(), "dbname=\"" + address.file().string() + "\"");
            session_ << "BEGIN IMMEDIATE";
        } else {
            session_.open(*soci::factory_postgresql(), address.url() + "?connect_timeout=10");
            session_ << "BEGIN";
            session_ << "LOCK TABLE licenses IN EXCLUSIVE MODE";
        }
    }
    ~DatabaseHeld() { session_ << "ROLLBACK"; }
    DatabaseHeld(const DatabaseHeld&) = delete;
    DatabaseHeld& operator=(const DatabaseHeld&) = delete;

  private:
    soci::session session_;
};

// ENTITLE_TEST_DAEMONS=10000 for the whole crowd. Harder than life: daemons spread their retries and wait out
// Retry-After, these ask again at once.
TEST_P(ServeReturn, DaemonsThatAllComeBackAtOnceAreAllServedAndNobodyIsDenied) {
    const auto* wish = std::getenv("ENTITLE_TEST_DAEMONS");
    const std::size_t daemons = wish != nullptr ? std::strtoul(wish, nullptr, 10) : 200;
    bench::raiseDescriptorLimit(daemons + 1'000);
    // A queue that a tenth of them fills.
    const auto workers =
        "[workers]\ndatabase_queue = " + std::to_string(std::max<std::size_t>(32, daemons / 10)) + "\n";
    bench::ServerProcess server(bench::Programs::below(ENTITLE_BINARY_DIR), database);
    server.start(workers);
    bench::Fleet fleet(server.authority(), server.port(), daemons, bench::adminToken(server.port()));
    server.stop();
    server.start(workers);

    const auto begun = bench::nowNanos();
    bench::Load load(server.port(), daemons);
    // Until the first is told to come again: however fast the machine, the queue was full.
    std::optional<DatabaseHeld> held(std::in_place, server.database());
    std::vector<bool> served(daemons);
    std::size_t left = daemons, refused = 0;
    while (left > 0) {
        std::vector<bool> asked = served;
        const auto before = left;
        load.run(
            std::chrono::minutes(2),
            [&](std::size_t i) -> std::string_view {
                if (asked[i]) return {};
                asked[i] = true;
                return fleet.renewal(i);
            },
            [&](std::size_t i, int status, std::string_view body) {
                if (status == 503) {
                    ASSERT_NE(body.find("\"overloaded\""), std::string_view::npos) << body;
                    ++refused;
                    held.reset();
                    return;
                }
                fleet.renewed(i, status, body);  // throws unless it was granted
                served[i] = true;
                --left;
            });
        ASSERT_LT(left, before) << "nobody was served in a whole round";
    }
    std::printf("%zu daemons in %.1f s, %zu times told to come again\n", daemons,
                static_cast<double>(bench::nowNanos() - begun) / 1e9, refused);
    EXPECT_GT(refused, 0u) << "the queue was never full: this shows nothing";
    // And once more, one after the other: every token is good.
    bench::Asker asker(server.port());
    for (std::size_t i = 0; i < daemons; i += 1 + daemons / 50)
        fleet.renewed(i, 200, asker.ask(std::string(fleet.renewal(i))));
}

}  // namespace
}  // namespace entitle::testing
