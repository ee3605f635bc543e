// One connection to the authority's SQLite file, its migrations and its transactions. Only store.cpp speaks SQL to it.
#pragma once

#include <chrono>
#include <filesystem>
#include <stdexcept>

#include <soci/soci.h>

#include "license/time.h"
#include "server/denial.h"

namespace entitle {

// The database failed: a fault, not an answer.
class DatabaseFault : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Opens an existing file (creating one is its owner's: it must be 0600 from the start) with WAL, synchronous=FULL and
// foreign keys. `wait`: how long a statement waits for another process before it is a DatabaseFault.
Granted<void> openDatabase(soci::session&, const std::filesystem::path&, std::chrono::milliseconds wait);

// Applies what is missing, all or nothing, under the write lock: of several processes one does it, the others find it
// done. Refuses a schema newer than this program knows.
Granted<void> migrate(soci::session&, Instant now);

// Takes the write lock at once: what is read inside cannot change before commit(). Rolled back unless committed.
class WriteTransaction {
  public:
    explicit WriteTransaction(soci::session&);
    WriteTransaction(const WriteTransaction&) = delete;
    WriteTransaction& operator=(const WriteTransaction&) = delete;
    ~WriteTransaction();
    void commit();

  private:
    soci::session& sql_;
    bool open_ = true;
};

// Runs `work` and turns the driver's exceptions into a DatabaseFault that says what to do.
[[noreturn]] void rethrowAsFault(const soci::soci_error&);
template <class Work>
auto guarded(Work&& work) -> decltype(work()) {
    try {
        return work();
    } catch (const soci::soci_error& error) {
        rethrowAsFault(error);
    }
}

}  // namespace entitle
