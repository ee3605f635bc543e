#include "server/store_session.h"

namespace entitle {

void Store::Session::addEvent(Sql& sql, const LicenseId& id, const std::string& what, Instant now) {
    const auto number = Sql::first(
        sql.fetch<NumberColumns<1>>("UPDATE authority SET last_event = last_event + 1 RETURNING last_event"));
    if (!number) throw DatabaseFault("the database belongs to no authority");
    EventRow event{(*number)[0], id, what, now};
    sql.run("INSERT INTO events (number, license_id, what, at) VALUES (:number, :license, :what, :at)", event.number,
            event.license.value, event.what, event.at);
    if (database.dialect() == Dialect::postgresql)
        sql.fetch<NumberColumns<1>>("SELECT 1 FROM (SELECT pg_notify('entitle_events', :number)) AS told",
                                    std::to_string(event.number));
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
