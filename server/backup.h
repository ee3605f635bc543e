// The database put away in one file, and taken out again. Nothing that exists is ever overwritten.
#pragma once

#include <filesystem>

#include "server/authority.h"

namespace entitle {

// A copy of one moment while others go on; whole or not there at all. SQLite: a database file. PostgreSQL: what pg_dump
// writes (custom format).
Granted<void> backUp(Authority&, const std::filesystem::path& file);

struct Restored {
    int schema = 0;
    std::size_t licenses = 0;
};
// Puts the backup in the place of a database that is not there (SQLite) or is empty (PostgreSQL). Checked first: whole,
// not of a newer release, and of this authority, whose roots.pub lies in `directory`.
Granted<Restored> restore(const std::filesystem::path& directory, const std::filesystem::path& file, Instant now);

}  // namespace entitle
