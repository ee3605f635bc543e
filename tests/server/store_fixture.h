// One founded store on either database: every claim about the store is made twice.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "server/store.h"
#include "tests/server/desk.h"
#include "tests/server/postgres_cluster.h"

namespace entitle::testing {

class StoreContract : public ::testing::TestWithParam<Dialect> {
  protected:
    void SetUp() override;

    DatabaseAddress address() const { return *address_; }
    Store& store() { return *store_; }
    Store another(std::chrono::milliseconds wait = std::chrono::seconds(20)) const;  // a connection besides
    void close() { store_.reset(); }
    void reopen() { store_ = std::make_unique<Store>(another()); }
    PostgresCluster& cluster() { return *cluster_; }
    bool onPostgresql() const { return GetParam() == Dialect::postgresql; }
    std::filesystem::path scratch(const std::string& name) const { return temporary_.path() / name; }

    // A pro license, changed before it is stored.
    LicenseId sell(const std::function<void(LicenseRow&)>& change = {});
    AccountId account(const std::string& email);

  private:
    TemporaryDirectory temporary_;
    PostgresCluster* cluster_ = nullptr;
    std::optional<DatabaseAddress> address_;
    std::unique_ptr<Store> store_;
};

inline std::string dialectName(const ::testing::TestParamInfo<Dialect>& info) {
    return info.param == Dialect::sqlite ? "Sqlite" : "Postgresql";
}
#define ENTITLE_ON_BOTH_DATABASES(Suite)                                                           \
    INSTANTIATE_TEST_SUITE_P(Both, Suite, ::testing::Values(Dialect::sqlite, Dialect::postgresql), \
                             ::entitle::testing::dialectName)

DeviceId deviceNumber(int number);

// A device that asks for a seat, as a sound decision would answer: the seat it holds again, else a free one, else a
// denial. Every grant is a document with the next number.
Granted<Exchange> takeOrKeepSeat(const ExchangeFacts&, const DeviceId&, Instant now);

// The same as one whole exchange.
Granted<Exchanged> activate(Store&, const LicenseId&, const DeviceId&, Instant now = noon);

// Runs `work` in as many child processes at once, each with its number; their exit codes. `work` must open its own
// connections.
std::vector<int> inProcesses(int count, const std::function<int(int)>& work);

}  // namespace entitle::testing
