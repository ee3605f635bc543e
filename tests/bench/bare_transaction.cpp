#include "tests/bench/bare_transaction.h"

#include <algorithm>
#include <string_view>

#include "server/store_rows.h"

namespace entitle::bench {

namespace {

// What a renewal leaves as it is.
constexpr std::string_view fixedColumns[] = {"number", "device_id", "taken_at", "released_at"};

BareStatements statements() {
    BareStatements out;
    out.lockLicense =
        "UPDATE licenses SET last_sequence = last_sequence + 1 WHERE id = $1 RETURNING " + columnList<LicenseColumns>();
    out.readDevice = "SELECT " + columnList<DeviceColumns>() +
                     " FROM devices WHERE license_id = $1 AND device_id = $2 ORDER BY number DESC LIMIT 1";
    out.readCounts =
        "SELECT (SELECT MAX(version) FROM key_sets), (SELECT revocation_epoch FROM authority), "
        "(SELECT SUM(bots_leased) FROM devices WHERE license_id = $1 AND device_id <> $2 AND leased_until > $3), "
        "(SELECT COUNT(*) FROM transfers WHERE license_id = $1 AND kind = 'owner' AND at >= $4), "
        "(SELECT COUNT(*) FROM transfers WHERE license_id = $1 AND kind = 'enrol' AND at >= $4)";
    std::string set;
    int number = 0;
    for (const int column : writtenColumns())
        set += (set.empty() ? "" : ", ") + std::string(DeviceColumns::names[static_cast<std::size_t>(column)]) +
               " = $" + std::to_string(++number);
    out.writeDevice = "UPDATE devices SET " + set + " WHERE license_id = $" + std::to_string(number + 1) +
                      " AND number = $" + std::to_string(number + 2);
    return out;
}

}  // namespace

BareStatements BareStatements::forSqlite() {
    auto out = statements();
    out.begin = "BEGIN IMMEDIATE";
    return out;
}

BareStatements BareStatements::forPostgres() {
    auto out = statements();
    out.begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    return out;
}

const std::vector<int>& writtenColumns() {
    static const std::vector<int> all = [] {
        std::vector<int> out;
        for (std::size_t i = 0; i < DeviceColumns::names.size(); ++i)
            if (std::ranges::find(fixedColumns, std::string_view(DeviceColumns::names[i])) == std::end(fixedColumns))
                out.push_back(static_cast<int>(i));
        return out;
    }();
    return all;
}

int rollNumberColumn() {
    const auto& names = DeviceColumns::names;
    return static_cast<int>(
        std::ranges::find_if(names, [](const char* name) { return std::string_view(name) == "roll_number"; }) -
        names.begin());
}

}  // namespace entitle::bench
