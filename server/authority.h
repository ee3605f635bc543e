// An authority that was founded: its directory checked, its roots known, its database open.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "license/document.h"
#include "server/database_address.h"
#include "server/denial.h"
#include "server/keys.h"
#include "server/store.h"

namespace entitle {

// The database of the authority in that directory: authority.db, or what database-url there names.
Granted<DatabaseAddress> databaseOf(const AuthorityFiles&);

class Authority {
  public:
    // `wait`: how long to wait for another process that holds the database.
    static Granted<Authority> open(AuthorityFiles, Instant now, std::chrono::milliseconds wait);
    static Granted<Authority> open(const std::filesystem::path& directory, Instant now,
                                   std::chrono::milliseconds wait) {
        return open(AuthorityFiles(directory), now, wait);
    }

    const AuthorityFiles& files() const { return files_; }
    const Roots& roots() const { return roots_; }
    Store& store() { return store_; }
    const DatabaseAddress& database() const { return database_; }  // for more Stores, one per thread

    // The newest key set, verified against the roots. Throws when the database holds one they did not sign.
    KeySet keySet();
    KeySet verified(const KeySetRow&) const;

    // The signing keys belong to a machine that serves; a root must not lie beside them. Refused when one does.
    Granted<void> checkRootsAreAway() const;

  private:
    Authority(AuthorityFiles files, Roots roots, DatabaseAddress database, Store store)
        : files_(std::move(files)),
          roots_(std::move(roots)),
          database_(std::move(database)),
          store_(std::move(store)) {}
    AuthorityFiles files_;
    Roots roots_;
    DatabaseAddress database_;
    Store store_;
};

// A random id for a new authority: "authority-" and 12 letters or digits.
std::string randomAuthorityId();

// `count` random letters and digits, from libsodium, without those that read alike.
std::string randomWord(std::size_t count);

}  // namespace entitle
