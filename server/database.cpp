#include "server/database.h"

#include <soci/sqlite3/soci-sqlite3.h>

#include "server/migrations.h"

namespace entitle {
namespace {

// SQLite's primary result codes are the low byte of an extended one. Source: https://sqlite.org/rescode.html
enum : int {
    sqliteBusy = 5,
    sqliteLocked = 6,
    sqliteReadOnly = 8,
    sqliteCorrupt = 11,
    sqliteFull = 13,
    sqliteNotADatabase = 26
};

int schemaOf(soci::session& sql) {
    int tables = 0;
    sql << "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'", soci::into(tables);
    if (tables == 0) return 0;
    int highest = 0;
    sql << "SELECT COALESCE(MAX(number), 0) FROM schema_migrations", soci::into(highest);
    return highest;
}

Granted<void> checkNotNewer(int schema) {
    const int known = migrations().back().number;
    if (schema <= known) return {};
    return Denial{DenialReason::newerSchema, "the database has schema " + std::to_string(schema) +
                                                 ", and this entitle-server knows up to " + std::to_string(known) +
                                                 ": use the newer entitle-server that wrote it"};
}

}  // namespace

void rethrowAsFault(const soci::soci_error& error) {
    const auto* known = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
    switch (known != nullptr ? known->result() & 0xff : 0) {
        case sqliteBusy:
        case sqliteLocked:
            throw DatabaseFault(
                "the database is locked by another process: nothing was changed. Try again, or wait longer with --wait "
                "SECONDS");
        case sqliteReadOnly:
            throw DatabaseFault(
                "the database cannot be written: check the owner and mode of authority.db and its directory");
        case sqliteFull:
            throw DatabaseFault("the disk is full: nothing was changed. Make room and try again");
        case sqliteCorrupt:
        case sqliteNotADatabase:
            throw DatabaseFault("authority.db is damaged (" + error.get_error_message() +
                                "): restore it from a backup");
        default:
            throw DatabaseFault("database: " + std::string(error.what()));
    }
}

Granted<void> openDatabase(soci::session& sql, const std::filesystem::path& path, std::chrono::milliseconds wait) {
    if (path.string().find('"') != std::string::npos)
        return Denial{DenialReason::usage, "the directory's name holds a quotation mark: choose another"};
    guarded([&] {
        // The factory is named, not looked up by a string: the backend is linked in, nothing is loaded at run time.
        sql.open(*soci::factory_sqlite3(), "dbname=\"" + path.string() + "\"");
        sql << "PRAGMA busy_timeout = " + std::to_string(wait.count());
        std::string mode;
        sql << "PRAGMA journal_mode = WAL", soci::into(mode);
        if (mode != "wal") throw DatabaseFault(path.string() + ": this file system cannot keep a write-ahead log");
        sql << "PRAGMA synchronous = FULL";
        sql << "PRAGMA foreign_keys = ON";
    });
    return {};
}

Granted<void> migrate(soci::session& sql, Instant now) {
    return guarded([&]() -> Granted<void> {
        const int seen = schemaOf(sql);
        if (auto fine = checkNotNewer(seen); !fine || seen == migrations().back().number) return fine;

        WriteTransaction transaction(sql);
        const int schema = schemaOf(sql);  // again: another process may have been first
        if (auto fine = checkNotNewer(schema); !fine) return fine;
        if (schema == 0) {
            sql << "CREATE TABLE IF NOT EXISTS schema_migrations ("
                   "number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)";
        }
        for (const auto& migration : migrations()) {
            if (migration.number <= schema) continue;
            for (const auto statement : splitStatements(migration.sql)) sql << std::string(statement);
            const std::string name(migration.name);
            const long long at = now.time_since_epoch().count();
            sql << "INSERT INTO schema_migrations (number, name, applied_at) VALUES (:number, :name, :at)",
                soci::use(migration.number), soci::use(name), soci::use(at);
        }
        transaction.commit();
        return {};
    });
}

WriteTransaction::WriteTransaction(soci::session& sql) : sql_(sql) {
    sql_ << "BEGIN IMMEDIATE";
}

WriteTransaction::~WriteTransaction() {
    if (!open_) return;
    try {
        sql_ << "ROLLBACK";
    } catch (const std::exception&) {
        // The connection is gone or SQLite has rolled back by itself: either way nothing was written.
    }
}

void WriteTransaction::commit() {
    sql_ << "COMMIT";
    open_ = false;
}

}  // namespace entitle
