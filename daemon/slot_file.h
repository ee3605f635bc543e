// The slot ledger in the runtime directory: a mapped file that outlives the daemon, not a reboot. Never fsynced.
//
// Killing the process at any store leaves every record old or new: a record is written into a free place, its checksum
// last; only then the place of the old one is freed. Byte form: slot_file.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/file_problem.h"
#include "daemon/owned_directory.h"
#include "license/slots.h"

namespace entitle {

class MappedFile;

class SlotFile {
  public:
    struct Opened;

    // "slots" in the runtime directory, which must outlive it. Written by another boot, of another version or of a
    // damaged header: starts empty. `bootId` empty: never continued.
    static FileResult<Opened> open(OwnedDirectory& runtime, std::string_view bootId);
    ~SlotFile();
    SlotFile(const SlotFile&) = delete;
    SlotFile& operator=(const SlotFile&) = delete;

    // Inserts or replaces the slot with this id. No system call, and no allocation once a place has been used before;
    // the file grows by doubling. false: it could not grow (runtime directory full, or 131,072 places) and the slot
    // would not survive a restart: refuse the acquire. `reclaimUntil` is not stored.
    bool put(const Slot&);
    void erase(SlotId);  // an unknown id is nothing

    SlotId lastId() const;  // the highest id ever put in this boot
    std::size_t size() const { return places_.size(); }
    std::size_t capacity() const;

  private:
    explicit SlotFile(std::unique_ptr<MappedFile>);
    bool grow();
    void restore(Opened&);

    std::unique_ptr<MappedFile> mapped_;
    std::pmr::unsynchronized_pool_resource pool_;
    std::pmr::unordered_map<SlotId, std::uint32_t> places_{&pool_};
    std::vector<std::uint32_t> free_;  // places; the next one to be used is the last
    std::uint64_t revision_ = 0;       // of records: of two with one id the higher counts
};

struct SlotFile::Opened {
    std::unique_ptr<SlotFile> file;
    std::vector<Slot> slots;  // ascending ids; for SlotLedger::restore
    std::size_t dropped = 0;  // damaged records; one superseded by a newer of its id is none
    bool continued = false;   // false: a new file, or another boot's
};

}  // namespace entitle
