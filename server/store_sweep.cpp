#include <algorithm>

#include "server/store_session.h"

namespace entitle {

int Store::sweepTokens(Instant now, int most) {
    return session_->write([&](Sql& sql) {
        return static_cast<int>(
            sql.run("DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE expires_at <= :now "
                    "ORDER BY expires_at LIMIT :most)",
                    now, most));
    });
}

int Store::sweepAttempts(Instant before, int most) {
    // Refusals have no key of their own: a row's place is one as long as the transaction lasts.
    const std::string place = session_->database.dialect() == Dialect::postgresql ? "ctid" : "rowid";
    return session_->write([&](Sql& sql) {
        const auto gone = static_cast<int>(
            sql.run("DELETE FROM attempts WHERE (license_id, number) IN (SELECT license_id, number FROM attempts "
                    "WHERE at < :before ORDER BY at LIMIT :most)",
                    before, most));
        return gone + static_cast<int>(sql.run("DELETE FROM refusals WHERE " + place + " IN (SELECT " + place +
                                                   " FROM refusals WHERE at < :before ORDER BY at LIMIT :most)",
                                               before, std::max(0, most - gone)));
    });
}

int Store::sweepEvents(Instant before, int most) {
    return session_->write([&](Sql& sql) {
        return static_cast<int>(
            sql.run("DELETE FROM events WHERE number IN (SELECT number FROM events WHERE at < :before ORDER BY number "
                    "LIMIT :most)",
                    before, most));
    });
}

bool Store::claimSweep(Instant now, Seconds every) {
    return session_->write([&](Sql& sql) {
        // A time ahead of ours was written by a clock that was wrong.
        return sql.run(
                   "INSERT INTO settings (name, value) VALUES ('swept_at', :now) ON CONFLICT (name) DO UPDATE "
                   "SET value = excluded.value WHERE CAST(settings.value AS BIGINT) <= :before "
                   "OR CAST(settings.value AS BIGINT) > :ahead",
                   std::to_string(now.time_since_epoch().count()), now - every, now) > 0;
    });
}

}  // namespace entitle
