#include <memory>
#include <stdexcept>

#include <sqlite3.h>

#include "tests/bench/bare_transaction.h"
#include "tests/bench/measure.h"

namespace entitle::bench {

namespace {

struct Database {
    explicit Database(const std::filesystem::path& file) {
        if (sqlite3_open(file.c_str(), &handle) != SQLITE_OK) throw std::runtime_error("sqlite3_open");
    }
    ~Database() { sqlite3_close(handle); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    void run(const char* sql) const {
        if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error(std::string(sql) + ": " + sqlite3_errmsg(handle));
    }
    sqlite3* handle = nullptr;
};

class Statement {
  public:
    Statement(const Database& database, const std::string& sql) {
        if (sqlite3_prepare_v3(database.handle, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr) !=
            SQLITE_OK)
            throw std::runtime_error(sql + ": " + sqlite3_errmsg(database.handle));
    }
    ~Statement() { sqlite3_finalize(handle_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    void bind(int at, const std::string& text) {
        sqlite3_bind_text(handle_, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    }
    void bind(int at, std::int64_t number) { sqlite3_bind_int64(handle_, at, number); }
    void bind(int at, sqlite3_value* value) { sqlite3_bind_value(handle_, at, value); }
    bool step() {
        const int code = sqlite3_step(handle_);
        if (code != SQLITE_ROW && code != SQLITE_DONE) throw std::runtime_error(sqlite3_sql(handle_));
        return code == SQLITE_ROW;
    }
    void reset() { sqlite3_reset(handle_); }
    void finish() {
        while (step()) continue;
        reset();
    }
    sqlite3_value* column(int at) { return sqlite3_column_value(handle_, at); }
    std::int64_t number(int at) { return sqlite3_column_int64(handle_, at); }

  private:
    sqlite3_stmt* handle_ = nullptr;
};

}  // namespace

Bare bareSqlite(const std::filesystem::path& file, const std::vector<BareDevice>& devices,
                std::chrono::milliseconds time) {
    const Database database(file);
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = FULL");
    database.run("PRAGMA foreign_keys = ON");
    const auto texts = BareStatements::forSqlite();
    Statement begin(database, texts.begin), commit(database, "COMMIT"), lock(database, texts.lockLicense),
        read(database, texts.readDevice), counts(database, texts.readCounts), write(database, texts.writeDevice);
    const auto& written = writtenColumns();
    const auto cpu = cpuSeconds();
    const auto begun = nowNanos();
    const auto end = begun + std::chrono::nanoseconds(time).count();
    Bare out;
    for (; nowNanos() < end; ++out.count) {
        const auto& device = devices[out.count * 7919 % devices.size()];
        begin.finish();
        lock.bind(1, device.license);
        lock.finish();
        read.bind(1, device.license);
        read.bind(2, device.device);
        if (!read.step()) throw std::runtime_error("no such device");
        counts.bind(1, device.license);
        counts.bind(2, device.device);
        counts.bind(3, std::int64_t{1'790'000'000});
        counts.bind(4, std::int64_t{1'780'000'000});
        counts.finish();
        int at = 0;
        for (const int column : written) {
            if (column == rollNumberColumn()) {
                write.bind(++at, read.number(column) + 1);
            } else {
                write.bind(++at, read.column(column));
            }
        }
        write.bind(++at, device.license);
        write.bind(++at, read.number(0));
        write.finish();
        read.reset();
        commit.finish();
    }
    out.rate = static_cast<double>(out.count) / (static_cast<double>(nowNanos() - begun) / 1e9);
    out.cpuMicros = (cpuSeconds() - cpu) * 1e6 / static_cast<double>(std::max<std::size_t>(out.count, 1));
    return out;
}

}  // namespace entitle::bench
