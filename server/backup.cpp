#include "server/backup.h"

#include <stdexcept>
#include <system_error>

#include "server/database_fault.h"
#include "server/files.h"
#include "server/postgres_tool.h"

namespace entitle {
namespace {

namespace fs = std::filesystem;

Denial taken(const fs::path& file) {
    return {DenialReason::databaseExists, file.string() +
                                              " exists: it is never overwritten. Choose another name, or "
                                              "move it away"};
}

bool isThere(const fs::path& path) {
    return fs::exists(fs::symlink_status(path));
}

// Of this authority, whole, and brought up to date.
Granted<Restored> examine(const DatabaseAddress& database, const Roots& roots, const fs::path& file, Instant now) {
    auto store = Store::open(database, now);
    if (!store) return store.error();
    if (database.dialect() == Dialect::sqlite)
        if (const auto damage = store->findDamage())
            return Denial{DenialReason::badBackup,
                          file.string() + " is damaged (" + *damage + "): take another backup"};
    const auto authority = store->authority();
    if (authority != roots.authority)
        return Denial{
            DenialReason::badBackup,
            file.string() +
                (authority.empty() ? " is of no authority" : " is a backup of the authority '" + authority + "'") +
                ", and the roots here are of '" + roots.authority + "'"};
    return Restored{store->schema(), store->licenses().size()};
}

Granted<Restored> restoreFile(const AuthorityFiles& files, const Roots& roots, const fs::path& file, Instant now) {
    for (const auto* suffix : {"", "-wal", "-shm"})
        if (const fs::path taken = files.database.string() + suffix; isThere(taken))
            return Denial{DenialReason::databaseExists,
                          taken.string() +
                              " exists: a database is never overwritten. Stop the server and move "
                              "authority.db, authority.db-wal and authority.db-shm away"};
    const fs::path unfinished = unfinishedNameOf(files.database);
    std::error_code error;
    writeNewFile(unfinished, "", 0600);
    if (!fs::copy_file(file, unfinished, fs::copy_options::overwrite_existing, error)) {
        fs::remove(unfinished);
        return Denial{DenialReason::unreadable, file.string() + " cannot be read: " + error.message()};
    }
    fs::permissions(unfinished, fs::perms::owner_read | fs::perms::owner_write);
    auto examined = [&]() -> Granted<Restored> {
        try {
            return examine(DatabaseAddress(unfinished), roots, file, now);
        } catch (const DatabaseFault& fault) {
            return Denial{DenialReason::badBackup, file.string() + " is no database of an authority: " + fault.what()};
        }
    }();
    if (!examined) {
        unfinishedNameOf(files.database);  // removes it
        return examined;
    }
    if (auto put = publishFile(unfinished, files.database); !put) return put.error();
    return examined;
}

Granted<Restored> restoreDump(const DatabaseAddress& database, const Roots& roots, const fs::path& file, Instant now) {
    {
        auto store = Store::bare(database);
        if (store.schema() != 0)
            return Denial{DenialReason::databaseExists, "the database " + database.shown() +
                                                            " is not empty: it is never overwritten. Name an empty one "
                                                            "in the file database-url"};
    }
    if (auto done = runPostgresTool("pg_restore",
                                    {"--no-owner", "--no-acl", "--single-transaction", "--exit-on-error", "--dbname",
                                     "%d", fs::absolute(file).string()},
                                    database);
        !done)
        return done.error();
    return examine(database, roots, file, now);
}

}  // namespace

Granted<void> backUp(Authority& authority, const fs::path& file) {
    if (isThere(file)) return taken(file);
    const fs::path unfinished = unfinishedNameOf(file);
    if (authority.database().dialect() == Dialect::sqlite) {
        writeNewFile(unfinished, "", 0600);  // SQLite fills an empty file, and would make one that others may read
        authority.store().copyTo(fs::absolute(unfinished));
    } else {
        if (auto done = runPostgresTool(
                "pg_dump", {"--format=custom", "--no-owner", "--no-acl", "--file", fs::absolute(unfinished).string()},
                authority.database());
            !done) {
            fs::remove(unfinished);
            return done.error();
        }
    }
    return publishFile(unfinished, file);
}

Granted<Restored> restore(const fs::path& directory, const fs::path& file, Instant now) {
    const AuthorityFiles files(directory);
    if (auto fine = checkPrivateDirectory(directory); !fine) return fine.error();
    const auto roots = readRoots(files.roots);
    if (!roots) return roots.error();
    if (!fs::is_regular_file(file))
        return Denial{DenialReason::unreadable, file.string() + " is not there, or is no file"};
    if (!isThere(files.databaseUrl)) return restoreFile(files, *roots, file, now);
    const auto database = databaseOf(files);
    if (!database) return database.error();
    return restoreDump(*database, *roots, file, now);
}

}  // namespace entitle
