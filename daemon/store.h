// Keeps one Record over crashes: two generations, replaced atomically. Decides nothing about licenses.
#pragma once

#include <memory>
#include <string>

#include "daemon/file_problem.h"
#include "daemon/owned_directory.h"
#include "daemon/record.h"

namespace entitle {

struct LoadedRecord {
    enum class Origin {
        fresh,      // nothing was ever stored here
        current,    // the newest generation
        recovered,  // the newest was unreadable: the one before it. A recovery must be told and re-enrols
        lost,  // both unreadable and set aside. The daemon runs in demo and says so loudly: a dead daemon would give
               // its programs demo as well, and could not even import the license again
    };
    Origin origin = Origin::fresh;
    Record record;
    std::string message;  // for `recovered` and `lost`: what was found, where it was put, what to do
};

// The seam: FileStore in production, an in-memory one in tests of the daemon.
class Store {
  public:
    virtual ~Store() = default;
    // Once, before the first save. An error (insecure, newerFormat, io …) means: do not start, say `message`.
    virtual FileResult<LoadedRecord> load() = 0;
    // Durable when it returns success; `generation` is set by the store. After an error the disk holds the old record
    // or the new one, whole, and saving again is harmless.
    virtual FileResult<void> save(const Record&) = 0;
};

// Files "state" and "state.previous" in the state directory, which must outlive the store.
class FileStore final : public Store {
  public:
    explicit FileStore(OwnedDirectory& directory) : directory_(directory) {}
    FileResult<LoadedRecord> load() override;
    FileResult<void> save(const Record&) override;

  private:
    OwnedDirectory& directory_;
    std::uint64_t generation_ = 0;
    std::string current_;  // the bytes of "state", if whole: they become "state.previous" at the next save
};

}  // namespace entitle
