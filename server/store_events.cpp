#include <array>
#include <tuple>

#include "server/store_session.h"

namespace entitle {

// In as few statements as can be: on PostgreSQL each is a round trip, and who waits for the event waits for all.
void Store::Session::addEvent(Sql& sql, const LicenseId& id, const std::string& what, Instant now, Revokes revokes) {
    const auto numbers = Sql::first(sql.fetch<NumberColumns<2>>(
        "UPDATE authority SET last_event = last_event + 1, revocation_epoch = revocation_epoch + :step "
        "RETURNING last_event, revocation_epoch",
        revokes == Revokes::yes ? 1 : 0));
    if (!numbers) throw DatabaseFault("the database belongs to no authority");
    const auto [number, epoch] = *numbers;
    if (revokes == Revokes::yes)
        sql.run("INSERT INTO revocations (epoch, license_id, what, at) VALUES (:epoch, :license, :what, :at)", epoch,
                id.value, what, now);
    static const std::string insert =
        "INSERT INTO events (number, license_id, what, at) VALUES (:number, :license, :what, :at)";
    static const std::string andNotify =
        " RETURNING CASE WHEN pg_notify('entitle_events', CAST(number AS TEXT)) IS NULL THEN 0 ELSE 1 END";
    static const std::string insertAndNotify = insert + andNotify;
    EventRow event{number, id, what, now};
    if (database.dialect() == Dialect::postgresql) {
        sql.fetch<NumberColumns<1>>(insertAndNotify, event.number, event.license.value, event.what, event.at);
    } else {
        sql.run(insert, event.number, event.license.value, event.what, event.at);
    }
    events.push_back(std::move(event));
}

void Store::onEvent(std::function<void(const EventRow&)> tell) {
    session_->tell = std::move(tell);
}

std::vector<EventRow> Store::events(std::int64_t after, int limit) {
    return session_->read([&](Sql& sql) {
        return sql.rows<EventColumns>("FROM events WHERE number > :after ORDER BY number LIMIT :limit", after, limit);
    });
}

std::int64_t Store::lastEvent() {
    return session_->read([](Sql& sql) { return sql.number("SELECT last_event FROM authority"); });
}

WaitFacts Store::waitFacts(const LicenseId& id, const DeviceId& device) {
    static const std::string numbers = "(SELECT MAX(version) FROM key_sets), (SELECT revocation_epoch FROM authority)";
    static const std::string all = "SELECT " + columnList<LicenseColumns>("licenses.") + ", " +
                                   columnList<DeviceColumns>("devices.") + ", " + numbers +
                                   " FROM licenses JOIN devices ON devices.license_id = licenses.id "
                                   "WHERE licenses.id = :id AND devices.device_id = :device "
                                   "ORDER BY devices.number DESC LIMIT 1";
    static const std::string onlyNumbers = "SELECT " + numbers;
    return session_->read([&](Sql& sql) {
        WaitFacts facts;
        std::array<long long, 2> found;
        if (auto row = Sql::first(
                sql.fetchTriples<LicenseColumns, DeviceColumns, NumberColumns<2>>(all, id.value, device.value))) {
            std::tie(facts.license, facts.device, found) = std::move(*row);
        } else {
            found = sql.numbers<2>(onlyNumbers);
            facts.license = sql.row<LicenseColumns>("FROM licenses WHERE id = :id", id.value);
        }
        facts.keySet = session_->newestKeySet(sql, found[0]);
        facts.revocationEpoch = static_cast<std::uint64_t>(found[1]);
        return facts;
    });
}

std::uint64_t Store::revocationEpoch() {
    return static_cast<std::uint64_t>(
        session_->read([](Sql& sql) { return sql.number("SELECT revocation_epoch FROM authority"); }));
}

std::vector<RevocationRow> Store::revocations(int limit) {
    return session_->read([&](Sql& sql) {
        return sql.rows<RevocationColumns>(
            "FROM revocations WHERE epoch IN (SELECT MAX(epoch) FROM revocations GROUP BY license_id) "
            "ORDER BY epoch DESC LIMIT :limit",
            limit);
    });
}

}  // namespace entitle
