#include "server/database.h"

#include <map>
#include <mutex>
#include <set>

#include <soci/postgresql/soci-postgresql.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "server/migrations.h"

namespace entitle {
namespace {

// Of everybody who migrates this schema on one PostgreSQL database: "entitled" in ASCII.
constexpr long long migrationLock = 0x656e7469746c6564;

constexpr int mostRetries = 10;

// SQLite's primary result codes are the low byte of an extended one. Source: https://sqlite.org/rescode.html
enum : int {
    sqliteBusy = 5,
    sqliteLocked = 6,
    sqliteReadOnly = 8,
    sqliteCorrupt = 11,
    sqliteFull = 13,
    sqliteNotADatabase = 26
};

// Source: https://www.postgresql.org/docs/15/errcodes-appendix.html
bool wantsAnotherTry(const std::string& state) {
    return state == "40001" || state == "40P01" ||  // serialization failure, deadlock
           state == "23505";  // somebody else was first with a unique value: read again, and see it
}

// Blanks stand for an error that the server never sent: libpq itself could not write or read.
bool lostConnection(const std::string& state) {
    return state.find_first_not_of(' ') == std::string::npos || state.substr(0, 2) == "08" || state == "57P01" ||
           state == "57P02" || state == "57P03";
}

[[noreturn]] void throwLocked() {
    throw DatabaseFault(
        "the database is locked by another process: nothing was changed. Try again, or wait longer with --wait "
        "SECONDS");
}

[[noreturn]] void throwFull() {
    throw DatabaseFault("the disk is full: nothing was changed. Make room and try again");
}

[[noreturn]] void throwSqliteFault(const soci::soci_error& error, const std::string& name) {
    const auto* known = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
    switch (known != nullptr ? known->result() & 0xff : 0) {
        case sqliteBusy:
        case sqliteLocked:
            throwLocked();
        case sqliteReadOnly:
            throw DatabaseFault("the database cannot be written: check the owner and mode of " + name +
                                " and its directory");
        case sqliteFull:
            throwFull();
        case sqliteCorrupt:
        case sqliteNotADatabase:
            throw DatabaseFault(name + " is damaged (" + error.get_error_message() + "): restore it from a backup");
        default:
            throw DatabaseFault("database: " + error.get_error_message());
    }
}

bool readOnly(const std::string& state) {
    return state == "25006";
}

[[noreturn]] void throwReadOnly() {
    throw DatabaseFault(
        "the database is read-only: a standby, or no longer the primary server. Name every host of it in the URL "
        "(postgresql://user@one,two/database)");
}

[[noreturn]] void throwPostgresqlFault(const soci::soci_error& error, const std::string& state) {
    if (state == "55P03" || state == "57014") throwLocked();
    if (state == "53100") throwFull();
    if (readOnly(state)) throwReadOnly();
    throw DatabaseFault("database: " + error.get_error_message());
}

// One queue per file for the writers of this process.
std::shared_ptr<WriteQueue> writersOf(const std::filesystem::path& file) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<WriteQueue>> queues;
    const std::lock_guard lock(mutex);
    std::error_code ignored;
    auto& known = queues[std::filesystem::weakly_canonical(file, ignored).string()];
    auto queue = known.lock();
    if (!queue) known = queue = std::make_shared<WriteQueue>();
    return queue;
}

// Before SQLite is first used: a connection is one thread's at a time here, and nobody asks how much memory it takes;
// keeping count of that is a lock which all threads share.
void settleSqlite() {
    static const bool settled = sqlite_api::sqlite3_config(SQLITE_CONFIG_MULTITHREAD) == SQLITE_OK &&
                                sqlite_api::sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK;
    static_cast<void>(settled);  // where it is in use already, it stays as it is
}

void connectSqlite(soci::session& sql, const std::filesystem::path& path, std::chrono::milliseconds wait) {
    settleSqlite();
    // The factory is named, not looked up by a string: the backend is linked in, nothing is loaded at run time.
    sql.open(*soci::factory_sqlite3(), "dbname=\"" + path.string() + "\"");
    sql << "PRAGMA busy_timeout = " + std::to_string(wait.count());
    std::string mode;
    sql << "PRAGMA journal_mode = WAL", soci::into(mode);
    if (mode != "wal") throw DatabaseFault(path.string() + ": this file system cannot keep a write-ahead log");
    sql << "PRAGMA synchronous = FULL";
    sql << "PRAGMA foreign_keys = ON";
}

void connectPostgresql(soci::session& sql, const DatabaseAddress& address, std::chrono::milliseconds wait) {
    const auto milliseconds = std::to_string(std::max<long long>(1000, wait.count()));
    std::string url = address.url();
    const auto unlessGiven = [&](const std::string& name, const std::string& value) {
        if (url.find(name + "=") != std::string::npos) return;
        url += (url.find('?') == std::string::npos ? "?" : "&") + name + "=" + value;
    };
    unlessGiven("connect_timeout", std::to_string(std::max<long long>(2, std::chrono::ceil<Seconds>(wait).count())));
    // Of several hosts, the one that takes writes: whoever lost its primary finds the next one by itself.
    if (address.hasSeveralHosts()) unlessGiven("target_session_attrs", "read-write");
    unlessGiven("tcp_user_timeout", milliseconds);  // a server whose machine is gone says nothing
    try {
        sql.open(*soci::factory_postgresql(), url);
    } catch (const soci::soci_error& error) {
        std::string why = error.get_error_message();
        while (!why.empty() && why.back() == '\n') why.pop_back();
        throw DatabaseFault("the database " + address.shown() + " cannot be reached: " + why);
    }
    sql << "SET client_min_messages = warning";
    sql << "SET lock_timeout = " + std::to_string(std::max<long long>(1, wait.count()));
    sql << "SET client_encoding = 'UTF8'";
    // Every statement is prepared, and what devices ask finds its rows by a key whatever the values are: planned once
    // for a connection.
    sql << "SET plan_cache_mode = force_generic_plan";
    // What was answered must survive a crash of the server, whatever its configuration says.
    std::string set;
    soci::indicator none;
    sql << "SELECT (SELECT set_config('synchronous_commit', 'on', false) "
           "WHERE current_setting('synchronous_commit') = 'off')",
        soci::into(set, none);
}

Granted<void> checkNotNewer(int schema) {
    const int known = migrations().back().number;
    if (schema <= known) return {};
    return Denial{DenialReason::newerSchema, "the database has schema " + std::to_string(schema) +
                                                 ", and this entitle-server knows up to " + std::to_string(known) +
                                                 ": use the newer entitle-server that wrote it"};
}

}  // namespace

Database::Database(DatabaseAddress address, std::chrono::milliseconds wait)
    : address_(std::move(address)), wait_(wait) {
    if (dialect() == Dialect::sqlite) writers_ = writersOf(address_.file());
}

Database::~Database() = default;

void Database::connect() {
    if (sql_) return;
    auto fresh = std::make_unique<Sql>();
    if (dialect() == Dialect::sqlite) {
        connectSqlite(fresh->session(), address_.file(), wait_);
    } else {
        connectPostgresql(fresh->session(), address_, wait_);
    }
    sql_ = std::move(fresh);
    ++connections_;
}

void Database::disconnect() {
    sql_.reset();
}

void Database::recover(const soci::soci_error& error, int failures) {
    const bool outcomeUnknown = std::exchange(committing_, false);
    if (dialect() == Dialect::sqlite) {
        if (sql_) sql_->forget();
        throwSqliteFault(error, address_.file().filename().string());
    }
    const auto* known = dynamic_cast<const soci::postgresql_soci_error*>(&error);
    const std::string state = known != nullptr ? known->sqlstate() : "";
    auto* backend = sql_ ? static_cast<soci::postgresql_session_backend*>(sql_->session().get_backend()) : nullptr;
    if ((known != nullptr && (lostConnection(state) || readOnly(state))) || backend == nullptr ||
        PQstatus(backend->conn_) != CONNECTION_OK) {
        disconnect();
        if (outcomeUnknown)
            throw DatabaseFault(
                "the connection to the database was lost during a commit: the change was made or not. Ask again with "
                "the same request");
        if (failures == 1) return;
        if (readOnly(state)) throwReadOnly();
        throw DatabaseFault("the connection to the database was lost: nothing was changed. Try again");
    }
    sql_->forget();
    if (wantsAnotherTry(state) && failures < mostRetries) return;
    throwPostgresqlFault(error, state);
}

Database::Transaction::Transaction(Database& database) : database_(database) {
    database_.connect();
    database_.committing_ = false;
    static const std::string ofSqlite = "BEGIN IMMEDIATE", ofPostgresql = "BEGIN ISOLATION LEVEL READ COMMITTED";
    database_.sql_->run(database_.dialect() == Dialect::sqlite ? ofSqlite : ofPostgresql);
}

Database::Transaction::~Transaction() {
    if (!open_) return;
    try {
        database_.sql_->session() << "ROLLBACK";
    } catch (const std::exception&) {
        // The connection is gone or SQLite has rolled back by itself: either way nothing was written.
    }
}

void Database::Transaction::commit() {
    static const std::string text = "COMMIT";
    database_.committing_ = true;
    database_.sql_->run(text);
    database_.committing_ = false;
    open_ = false;
}

void Database::writeTogether(const std::function<void(Sql&)>& run) {
    WriteQueue::Entry mine(*this, run);
    WriteQueue::Batch batch;
    const auto turn = writers_->enter(mine, wait_, batch);
    if (turn == WriteQueue::Turn::late) throwLocked();
    if (turn == WriteQueue::Turn::leads) {
        if (batch.size() == 1 || !wroteAll(batch))
            for (auto* entry : batch) writeAlone(*entry);
        writers_->leave(batch);
    }
    if (mine.fault) std::rethrow_exception(mine.fault);
}

// False: nothing was written. Whose fault it was shows when each is written alone.
bool Database::wroteAll(const WriteQueue::Batch& batch) {
    try {
        Transaction transaction(*this);
        for (auto* entry : batch) {
            entry->database.wanted_ = true;
            entry->run(*sql_);
            if (!entry->database.wanted_) return false;
        }
        transaction.commit();
        return true;
    } catch (...) {
        committing_ = false;
        if (sql_) sql_->forget();
        return false;
    }
}

void Database::writeAlone(WriteQueue::Entry& entry) {
    try {
        try {
            Transaction transaction(*this);
            entry.database.wanted_ = true;
            entry.run(*sql_);
            if (entry.database.wanted_) transaction.commit();
        } catch (const soci::soci_error& error) {
            recover(error, 1);  // which throws: SQLite's faults are not tried again
        }
    } catch (...) {
        entry.fault = std::current_exception();
    }
}

void Database::requireWritable() {
    if (dialect() != Dialect::postgresql) return;
    for (int tries = 0; tries < 2; ++tries) {
        // Also 'on' while a server recovers, which is what a standby does.
        const auto readOnly = read([](Sql& sql) {
            return sql.number("SELECT CASE current_setting('transaction_read_only') WHEN 'on' THEN 1 ELSE 0 END");
        });
        if (readOnly == 0) return;
        disconnect();
    }
    throwReadOnly();
}

int Database::schemaOf(Sql& sql) {
    const auto tables =
        dialect() == Dialect::sqlite
            ? sql.number("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'")
            : sql.number(
                  "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND "
                  "tablename = 'schema_migrations'");
    if (tables == 0) return 0;
    return static_cast<int>(sql.number("SELECT COALESCE(MAX(number), 0) FROM schema_migrations"));
}

int Database::schema() {
    return read([&](Sql& sql) { return schemaOf(sql); });
}

Granted<void> Database::migrate(Instant now) {
    const int seen = schema();
    if (auto fine = checkNotNewer(seen); !fine || seen == migrations().back().number) return fine;

    return write([&](Sql& sql) -> Granted<void> {
        if (dialect() == Dialect::postgresql)
            sql.fetch<NumberColumns<1>>("SELECT 1 FROM (SELECT pg_advisory_xact_lock(:lock)) AS locked", migrationLock);
        const int schema = schemaOf(sql);  // again: another process may have been first
        if (auto fine = checkNotNewer(schema); !fine) return fine;
        if (schema == 0) {
            sql.session() << "CREATE TABLE IF NOT EXISTS schema_migrations ("
                             "number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)";
        }
        for (const auto& migration : migrations()) {
            if (migration.number <= schema) continue;
            for (const auto statement : splitStatements(migration.sql)) sql.session() << std::string(statement);
            sql.run("INSERT INTO schema_migrations (number, name, applied_at) VALUES (:number, :name, :at)",
                    migration.number, std::string(migration.name), now);
        }
        return {};
    });
}

}  // namespace entitle
