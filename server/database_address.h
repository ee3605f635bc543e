// Where the authority's database is: an SQLite file or a PostgreSQL server.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "server/denial.h"

namespace entitle {

enum class Dialect { sqlite, postgresql };

class DatabaseAddress {
  public:
    // An SQLite file.
    DatabaseAddress(std::filesystem::path file) : file_(std::move(file)) {}

    // "sqlite:///absolute/path", or "postgresql://user:password@host/database?…" (libpq's form; postgres:// as well).
    static Granted<DatabaseAddress> parse(std::string_view url);

    Dialect dialect() const { return url_.empty() ? Dialect::sqlite : Dialect::postgresql; }
    const std::filesystem::path& file() const { return file_; }  // SQLite
    const std::string& url() const { return url_; }              // PostgreSQL; may hold a password
    bool hasSeveralHosts() const;                                // postgresql://user@one,two:5433/database
    std::string shown() const;                                   // for people and logs: without a password

  private:
    DatabaseAddress() = default;
    std::filesystem::path file_;
    std::string url_;
};

}  // namespace entitle
