// What happened on this machine, as a hash chain with signed checkpoints. Bounded: rotates, and aggregates denials.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/audit_entry.h"
#include "daemon/device_key.h"
#include "daemon/file_problem.h"
#include "daemon/owned_directory.h"
#include "license/keyring.h"
#include "license/time.h"

namespace entitle {

struct AuditCheck {
    bool intact = false;
    std::uint64_t entries = 0;      // read until the end or the break
    std::uint64_t checkpoints = 0;  // of those, with a valid signature of this device
    std::string message;            // where and how it breaks; "" if intact
    bool operator==(const AuditCheck&) const = default;
};

// Files "audit.log", "audit.log.1" (newest) … in the state directory. Not thread-safe: the daemon's thread only.
//
// A change of state is logged in two steps, so that state and log never disagree after a crash:
//     AuditEntry entry = log.prepare("imported", detail, now);   // nothing written
//     record.lastAudit = entry;  store.save(record);             // on failure: forget the entry
//     log.commit(entry);
// Everything else is `note`.
class AuditLog {
  public:
    struct Limits {
        std::uint64_t fileBytes = 1024 * 1024;  // rotation; 16 KiB at least
        unsigned files = 4;                     // kept in all, 2 at least
        std::uint64_t checkpointEvery = 256;    // entries
    };
    struct Opened;

    // Reads the tail, repairs a torn last line, appends `stored` (the record's last entry) if it is the one missing.
    // A full, read-only or failing disk is a finding, not an error: entries wait in memory. An error means that
    // somebody else may have put the file there: do not start. `key` signs checkpoints; while its secret is out of
    // reach none is signed, and the file is not rotated. Key and directory must outlive the log.
    static FileResult<Opened> open(OwnedDirectory&, const DeviceKey& key, const Limits&,
                                   const std::optional<AuditEntry>& stored, const Now&);

    AuditEntry prepare(std::string_view kind, std::string_view detail, const Now&) const;
    // Appends a prepared entry; it must be the latest prepared and follow the last entry. A write fault does not lose
    // it: it waits in memory (up to 1,000 entries, then the newest are counted and dropped) for the next append.
    FileResult<void> commit(const AuditEntry&);
    FileResult<void> note(std::string_view kind, std::string_view detail, const Now&);

    // A refusal of something a user asked. Counted per uid and reason and written as one "denied" entry when the window
    // ends: a minute, doubling up to an hour while denials go on. Never fails, never writes.
    void countDenial(std::uint32_t uid, std::string_view reason, const Now&);
    std::optional<std::chrono::nanoseconds> nextFlush() const;  // boottime at which flushDenials has something to do
    FileResult<void> flushDenials(const Now&, bool evenIfEarly = false);

    FileResult<void> checkpoint(const Now&);  // also by itself every `checkpointEvery` entries and at rotation
    FileResult<void> sync();                  // fsync; appends alone are left to the kernel's write-back

    // Entries with an index above `after`, ascending, at most `most` (0: 50, never more than 100). next = 0: no more.
    struct Page {
        std::vector<AuditEntry> entries;
        std::uint64_t next = 0;
    };
    FileResult<Page> page(std::uint64_t after, std::size_t most) const;

    // Reads everything from disk: chain, form, signatures of checkpoints, and that the log reaches `stored`.
    AuditCheck verify(const std::optional<AuditEntry>& stored) const;

    std::uint64_t lastIndex() const { return lastIndex_; }
    const AuditHash& lastHash() const { return lastHash_; }
    std::uint64_t dropped() const { return dropped_; }       // entries lost to a disk that stayed full
    std::size_t waiting() const { return waiting_.size(); }  // entries not yet on disk

  private:
    AuditLog(OwnedDirectory& directory, const DeviceKey& key, const Limits& limits);
    FileResult<void> enqueue(const AuditEntry&);
    FileResult<void> drain();
    FileResult<void> rotate(Instant);
    FileResult<void> checkpointAt(Instant);

    struct Denials {
        std::map<std::pair<std::uint32_t, std::string>, std::uint64_t> counts;
        std::uint64_t others = 0;
        std::chrono::nanoseconds window{};
        std::optional<std::chrono::nanoseconds> end;  // boottime
        std::chrono::nanoseconds lastFlush{};
    };

    OwnedDirectory& directory_;
    const DeviceKey& key_;
    Limits limits_;
    std::unique_ptr<AppendFile> file_;
    std::deque<AuditEntry> waiting_;
    std::uint64_t lastIndex_ = 0;
    AuditHash lastHash_{};
    std::uint64_t sinceCheckpoint_ = 0;
    std::uint64_t dropped_ = 0;
    Instant droppedAt_{};
    Denials denials_;
};

struct AuditLog::Opened {
    std::unique_ptr<AuditLog> log;
    // What was repaired or found wrong, one sentence each: to be logged as warnings and shown by `diagnose`.
    std::vector<std::string> findings;
};

// Checks a log with the device's public key alone, and those it had before.
AuditCheck verifyAuditLog(const OwnedDirectory&, const VerifyKey& device, unsigned files,
                          const std::optional<AuditEntry>& stored, const std::vector<VerifyKey>& formers = {});

}  // namespace entitle
