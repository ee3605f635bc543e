// Byte form, in the machine's own order: the file never leaves the machine, nor outlives its boot.
//   head    256 bytes: see Head. Its checksum covers everything before `lastId`.
//   places  256 bytes each: see Place. check 0 is a free place; else it is SipHash-2-4 of the rest.
#include "daemon/slot_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <type_traits>
#include <utility>

#include <sodium.h>

#include "daemon/mapped_file.h"

namespace entitle {

namespace {

constexpr std::string_view fileName = "slots";
constexpr std::uint32_t formatVersion = 1;
constexpr std::size_t firstCapacity = 255;  // with the head, 64 KiB
constexpr std::size_t largestCapacity = 131'072;
constexpr std::size_t longestQuota = 48, longestBootId = 64;

struct Head {
    char magic[8];
    std::uint32_t version;
    std::uint32_t placeBytes;
    char bootId[longestBootId];
    std::uint64_t check;   // of all before it
    std::uint64_t lastId;  // changes by itself
    std::uint8_t unused[160];
};

struct Place {
    std::uint64_t check;
    std::uint64_t revision;
    std::uint64_t id;
    std::uint64_t generation;
    std::int64_t since;
    std::uint32_t count;
    std::uint32_t uid;
    std::int32_t pid;
    std::uint16_t quotaBytes;
    std::uint16_t labelBytes;
    char quota[longestQuota];
    char label[maxSlotLabel];
    std::uint8_t secretHash[32];
    std::uint8_t unused[56];
};
static_assert(sizeof(Head) == 256 && sizeof(Place) == 256);
static_assert(std::is_trivially_copyable_v<Head> && std::is_trivially_copyable_v<Place>);

constexpr std::size_t bytesFor(std::size_t capacity) {
    return sizeof(Head) + capacity * sizeof(Place);
}

// Against torn writes, not against people: the key is no secret, the file's mode keeps people out.
std::uint64_t sipHash(const void* from, std::size_t size) {
    constexpr unsigned char key[crypto_shorthash_KEYBYTES] = {'e', 'n', 't', 'i', 't', 'l', 'e', 'd',
                                                              '-', 's', 'l', 'o', 't', 's', '-', '1'};
    std::uint64_t hash = 0;
    static_assert(crypto_shorthash_BYTES == sizeof hash);
    crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), static_cast<const unsigned char*>(from), size, key);
    return hash == 0 ? 1 : hash;
}

std::uint64_t checkOf(const Head& head) {
    return sipHash(&head, offsetof(Head, check));
}

std::uint64_t checkOf(const Place& place) {
    return sipHash(&place.revision, sizeof place - offsetof(Place, revision));
}

Head& headOf(const MappedFile& file) {
    return *reinterpret_cast<Head*>(file.bytes().data());
}

Place* placesOf(const MappedFile& file) {
    return reinterpret_cast<Place*>(file.bytes().data() + sizeof(Head));
}

// The kernel keeps our stores in program order for whoever maps the file after our death; the fences keep the
// compiler to that order.
void store(std::uint64_t& into, std::uint64_t value) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    std::atomic_ref(into).store(value, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

Head makeHead(std::string_view bootId) {
    Head head{};
    std::memcpy(head.magic, "ENTSLOTS", sizeof head.magic);
    head.version = formatVersion;
    head.placeBytes = sizeof(Place);
    std::memcpy(head.bootId, bootId.data(), std::min(bootId.size(), longestBootId));
    head.check = checkOf(head);
    return head;
}

bool continues(const MappedFile& file, std::string_view bootId) {
    const auto size = file.bytes().size();
    if (bootId.empty() || bootId.size() > longestBootId || size < bytesFor(firstCapacity)) return false;
    if ((size - sizeof(Head)) % sizeof(Place) != 0) return false;
    const auto wanted = makeHead(bootId);
    return std::memcmp(&headOf(file), &wanted, offsetof(Head, lastId)) == 0;
}

bool isSound(const Place& place) {
    return place.check == checkOf(place) && place.id != 0 && place.count != 0 && place.quotaBytes <= longestQuota &&
           place.labelBytes <= maxSlotLabel;
}

Slot toSlot(const Place& place) {
    Slot slot;
    slot.id = place.id;
    slot.quota.assign(place.quota, place.quotaBytes);
    slot.count = place.count;
    slot.label.assign(place.label, place.labelBytes);
    slot.holder = {place.uid, place.pid};
    std::memcpy(slot.secretHash.data(), place.secretHash, sizeof place.secretHash);
    slot.since = Instant{Seconds{place.since}};
    slot.generation = place.generation;
    return slot;
}

Place toPlace(const Slot& slot, std::uint64_t revision) {
    Place place{};
    place.revision = revision;
    place.id = slot.id;
    place.generation = slot.generation;
    place.since = slot.since.time_since_epoch().count();
    place.count = slot.count;
    place.uid = slot.holder.uid;
    place.pid = slot.holder.pid;
    place.quotaBytes = static_cast<std::uint16_t>(slot.quota.size());
    place.labelBytes = static_cast<std::uint16_t>(slot.label.size());
    std::memcpy(place.quota, slot.quota.data(), slot.quota.size());
    std::memcpy(place.label, slot.label.data(), slot.label.size());
    std::memcpy(place.secretHash, slot.secretHash.data(), slot.secretHash.size());
    place.check = checkOf(place);
    return place;
}

}  // namespace

SlotFile::SlotFile(std::unique_ptr<MappedFile> mapped) : mapped_(std::move(mapped)) {}
SlotFile::~SlotFile() = default;

FileResult<SlotFile::Opened> SlotFile::open(OwnedDirectory& runtime, std::string_view bootId) {
    const auto path = runtime.path() + "/" + std::string(fileName);
    const auto mapIt = [&]() -> FileResult<std::unique_ptr<MappedFile>> {
        auto descriptor = runtime.openReadWrite(fileName);
        if (descriptor.has_error()) return descriptor.error();
        return MappedFile::map(*std::move(descriptor), path, bytesFor(largestCapacity));
    };
    auto mapped = mapIt();
    if (mapped.has_error() && mapped.error().fault == FileFault::tooLarge) {
        // None of ours is as large; nothing in it can be meant for us.
        if (auto removed = runtime.remove(fileName); removed.has_error()) return removed.error();
        mapped = mapIt();
    }
    if (mapped.has_error()) return mapped.error();

    Opened opened;
    opened.file.reset(new SlotFile(*std::move(mapped)));
    auto& file = *opened.file->mapped_;
    opened.continued = continues(file, bootId);
    if (!opened.continued) {
        if (auto emptied = file.resize(0); emptied.has_error()) return emptied.error();
        if (auto grown = file.resize(bytesFor(firstCapacity)); grown.has_error()) return grown.error();
        auto head = makeHead(bootId);
        const auto check = std::exchange(head.check, 0);
        std::memcpy(&headOf(file), &head, sizeof head);
        store(headOf(file).check, check);
    }
    opened.file->restore(opened);
    return opened;
}

void SlotFile::restore(Opened& opened) {
    auto* places = placesOf(*mapped_);
    const auto count = capacity();
    places_.reserve(count);
    free_.reserve(count);
    std::map<SlotId, std::uint32_t> newest;  // ascending, as the ledger wants them
    for (std::uint32_t i = 0; i < count; ++i) {
        if (places[i].check == 0) continue;
        if (!isSound(places[i])) {
            ++opened.dropped;
            store(places[i].check, 0);
            continue;
        }
        revision_ = std::max(revision_, places[i].revision);
        const auto [known, isFirst] = newest.try_emplace(places[i].id, i);
        if (isFirst) continue;
        // Killed between writing a record anew and freeing the one before it.
        auto& kept = known->second;
        auto superseded = i;
        if (places[i].revision > places[kept].revision) std::swap(superseded, kept);
        store(places[superseded].check, 0);
    }
    for (const auto& [id, place] : newest) {
        opened.slots.push_back(toSlot(places[place]));
        places_.emplace(id, place);
    }
    for (auto i = static_cast<std::uint32_t>(count); i-- > 0;) {
        if (places[i].check == 0) free_.push_back(i);
    }
    if (!newest.empty()) store(headOf(*mapped_).lastId, std::max(lastId(), newest.rbegin()->first));
}

std::size_t SlotFile::capacity() const {
    return (mapped_->bytes().size() - sizeof(Head)) / sizeof(Place);
}

SlotId SlotFile::lastId() const {
    return headOf(*mapped_).lastId;
}

bool SlotFile::grow() {
    const auto before = capacity();
    const auto after = std::min(before * 2 + 1, largestCapacity);  // with the head, a power of two
    if (after <= before || mapped_->resize(bytesFor(after)).has_error()) return false;
    places_.reserve(after);
    free_.reserve(after);
    for (auto i = static_cast<std::uint32_t>(after); i-- > before;) free_.push_back(i);
    return true;
}

bool SlotFile::put(const Slot& slot) {
    if (slot.id == 0 || slot.count == 0 || slot.quota.size() > longestQuota || slot.label.size() > maxSlotLabel) {
        return false;
    }
    if (free_.empty() && !grow()) return false;
    if (slot.id > lastId()) store(headOf(*mapped_).lastId, slot.id);  // first: an id once given is never given again

    const auto index = free_.back();
    free_.pop_back();
    auto place = toPlace(slot, ++revision_);
    auto& target = placesOf(*mapped_)[index];
    const auto check = std::exchange(place.check, 0);  // the place is free, so its check is 0 already
    std::memcpy(&target, &place, sizeof place);
    store(target.check, check);

    const auto [known, isNew] = places_.try_emplace(slot.id, index);
    if (!isNew) {
        const auto superseded = std::exchange(known->second, index);
        store(placesOf(*mapped_)[superseded].check, 0);
        free_.push_back(superseded);
    }
    return true;
}

void SlotFile::erase(SlotId id) {
    const auto known = places_.find(id);
    if (known == places_.end()) return;
    store(placesOf(*mapped_)[known->second].check, 0);
    free_.push_back(known->second);
    places_.erase(known);
}

}  // namespace entitle
