#include "daemon/store.h"

#include <optional>
#include <string_view>
#include <utility>

namespace entitle {

namespace {

constexpr std::string_view currentName = "state";
constexpr std::string_view previousName = "state.previous";

// One generation as found: absent, whole, or unusable for a reason that leaves the other one to be tried.
struct Generation {
    std::optional<Record> record;
    std::string bytes;
    std::string damage;    // why it is unusable, a clause
    bool ioFault = false;  // the disk did not give it; it may another time
};

// An error is one that no other generation can heal: somebody else may have written here, or a newer version did.
FileResult<Generation> readGeneration(OwnedDirectory& directory, std::string_view name) {
    Generation found;
    auto content = directory.read(name, maxRecordBytes);
    if (content.has_error()) {
        const auto fault = content.error().fault;
        if (fault != FileFault::tooLarge && fault != FileFault::io) return content.error();
        found.damage = content.error().message;
        found.ioFault = fault == FileFault::io;
        return found;
    }
    if (!*content) return found;
    auto record = decodeRecord(**content);
    if (record.has_error()) {
        const auto path = directory.path() + "/" + std::string(name);
        if (record.error() == RecordError::newerVersion) {
            return FileProblem{FileFault::newerFormat, path + ": " + std::string(explain(record.error()))};
        }
        found.damage = path + " is unreadable: " + std::string(explain(record.error()));
        return found;
    }
    found.record = *std::move(record);
    found.bytes = **std::move(content);
    return found;
}

}  // namespace

FileResult<LoadedRecord> FileStore::load() {
    auto current = readGeneration(directory_, currentName);
    if (current.has_error()) return current.error();
    if (current->record) {
        generation_ = current->record->generation;
        current_ = std::move(current->bytes);
        return LoadedRecord{LoadedRecord::Origin::current, *std::move(current->record), ""};
    }

    auto previous = readGeneration(directory_, previousName);
    if (previous.has_error()) return previous.error();
    const bool nothingWasThere = current->damage.empty() && previous->damage.empty() && !previous->record;
    if (nothingWasThere) return LoadedRecord{};

    // What the disk may give another time is not put away: better not to start than to start without the license.
    if (!previous->record && (current->ioFault || previous->ioFault)) {
        return FileProblem{FileFault::io, current->ioFault ? current->damage : previous->damage};
    }

    // The damaged file goes aside before anything is saved over it: somebody may want to look. Without a good
    // generation it may be all that is left of the license, and one that cannot be put aside is not saved over.
    std::string message = directory_.path() + "/" + std::string(currentName) + " is gone";
    if (!current->damage.empty()) {
        const auto aside = directory_.setAside(currentName);
        if (aside.has_error() && !previous->record) return aside.error();
        message = current->damage + (aside ? "; kept as " + *aside : "; not kept: " + aside.error().message);
    }
    if (previous->record) {
        generation_ = previous->record->generation;
        return LoadedRecord{LoadedRecord::Origin::recovered, *std::move(previous->record),
                            message + ". Went on with the generation before it"};
    }
    if (!previous->damage.empty()) {
        const auto aside = directory_.setAside(previousName);
        if (aside.has_error()) return aside.error();
        message += "; " + previous->damage + "; kept as " + *aside;
    }
    return LoadedRecord{
        LoadedRecord::Origin::lost,
        {},
        message +
            ". No license is left on this machine: activate it again (entitlectl activate), import its file "
            "again (entitlectl import FILE), or ask for a new one (entitlectl request)"};
}

FileResult<void> FileStore::save(const Record& given) {
    Record record = given;
    record.generation = ++generation_;  // also after a fault: two different records never share a number
    record.state.current.reset();
    auto bytes = encodeRecord(record);
    // What cannot be read back must never replace what can.
    const auto readBack = decodeRecord(bytes);
    if (bytes.size() > maxRecordBytes || readBack.has_error() || *readBack != record) {
        return FileProblem{FileFault::corrupt, "refused to store a state that could not be read back"};
    }
    if (!current_.empty()) {
        if (auto kept = directory_.replace(previousName, current_); kept.has_error()) return kept;
    }
    if (auto written = directory_.replace(currentName, bytes); written.has_error()) return written;
    current_ = std::move(bytes);
    return {};
}

}  // namespace entitle
