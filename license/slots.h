// The quota ledger as values: who holds how many, under which limit, until when. No RPC, no file, no process.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "license/time.h"

namespace entitle {

using SlotId = std::uint64_t;  // never 0, never reused within a boot
using SlotSecretHash = std::array<std::uint8_t, 32>;
inline constexpr std::size_t maxSlotLabel = 64;        // bytes of printable UTF-8
inline constexpr std::uint32_t maxSlotCount = 10'000;  // of one acquire

// Who asks, as the kernel says.
struct Holder {
    std::uint32_t uid = 0;
    std::int32_t pid = 0;  // diagnostic only
    bool operator==(const Holder&) const = default;
};

struct Slot {
    SlotId id = 0;
    std::string quota;
    std::uint32_t count = 0;  // units of the quota
    std::string label;
    Holder holder;
    SlotSecretHash secretHash{};  // BLAKE2b-256 of the 128-bit reclaim secret
    Instant since{};
    // Set while no connection holds it: after a daemon restart, until its holder reclaims it or the window ends.
    std::optional<std::chrono::nanoseconds> reclaimUntil;  // boottime
    std::uint64_t generation = 1;                          // rises with every reclaim: the latest connection wins
    bool operator==(const Slot&) const = default;
};

enum class AcquireRefusal {
    quotaExceeded = 1,
    uidShareExceeded,
    badCount,      // 0, or over maxSlotCount
    badLabel,      // not isSlotLabel
    unknownQuota,  // not even a name; which names are quotas, the catalogue says
    ledgerFull,
    doubledSecret,  // the secret is in use: draw another
};
enum class ReclaimRefusal { unknownSecret = 1, otherUser };
std::string_view toString(AcquireRefusal);
std::string_view toString(ReclaimRefusal);
std::string_view explain(AcquireRefusal);
std::string_view explain(ReclaimRefusal);

// At most maxSlotLabel bytes of valid UTF-8 that cannot upset a terminal: no control characters, no separators of
// lines, nothing that turns the direction of text. May be empty.
bool isSlotLabel(std::string_view);

struct QuotaUse {
    std::int64_t limit = 0;      // unlimited or >= 0
    std::uint64_t inUse = 0;     // held and awaiting reclaim
    std::uint64_t awaiting = 0;  // of those, awaiting reclaim
};

// Every operation is O(log n), and O(log n) more for each slot it frees or names; freeing all slots of one holder is
// O(slots of it).
class SlotLedger {
  public:
    struct Limits {
        std::int64_t quota = 0;              // unlimited or >= 0
        std::optional<std::int64_t> perUid;  // a share per user, if configured
        std::size_t slots = 65'536;          // entries, whatever their count
    };

    struct Acquired {
        std::optional<SlotId> id;
        AcquireRefusal refusal{};
    };
    Acquired acquire(std::string_view quota, std::uint32_t count, std::string_view label, const Holder&,
                     const SlotSecretHash&, const Limits&, const Now&);

    struct Reclaimed {
        std::optional<SlotId> id;
        std::uint64_t generation = 0;
        ReclaimRefusal refusal{};
    };
    // The same uid with the secret takes its slot back, whether it awaits reclaim or another connection of the same
    // user still holds it (the latest wins). Repeating is harmless. After the window's end it is unknownSecret, whether
    // expireReclaims has run by then or not.
    Reclaimed reclaim(const SlotSecretHash&, const Holder&, const Now&);

    bool release(SlotId);  // false: unknown (already gone)
    // The connection that held generation `generation` went away. A newer generation is left alone.
    bool releaseIfGeneration(SlotId, std::uint64_t generation);

    // After a restart: what the file held. Ids and secrets must be unique: a doubled one is dropped, and so is a slot
    // that acquire would not have made. Every slot awaits reclaim, without end until openReclaimWindow sets one.
    void restore(std::vector<Slot>);
    void openReclaimWindow(std::chrono::nanoseconds untilBoottime);  // at READY
    std::vector<SlotId> expireReclaims(const Now&);                  // frees and names them
    std::optional<std::chrono::nanoseconds> nextReclaimEnd() const;  // boottime

    // Entitlements fell and the wind-down is over: frees the youngest slots until at most `limit` units are in use.
    std::vector<SlotId> shrinkTo(std::string_view quota, std::int64_t limit);

    const Slot* find(SlotId) const;
    QuotaUse use(std::string_view quota, std::int64_t limit) const;
    std::uint64_t inUseBy(std::string_view quota, std::uint32_t uid) const;
    // Up to `most` slots with ids above `after`, ascending; only of `uid` if given.
    std::vector<Slot> page(SlotId after, std::size_t most, std::optional<std::uint32_t> uid) const;
    std::size_t size() const { return slots_.size(); }
    SlotId lastId() const { return lastId_; }
    void reserveIdsUpTo(SlotId);  // ids at or below are never handed out again

  private:
    using SlotMap = std::map<SlotId, Slot>;
    struct Units {
        std::uint64_t inUse = 0;
        std::uint64_t awaiting = 0;                    // of inUse
        std::map<std::uint32_t, std::uint64_t> byUid;  // of inUse; no zeros
    };
    void insert(Slot);
    void erase(SlotMap::iterator);
    void setAwaiting(Slot&, std::optional<std::chrono::nanoseconds> until);

    // slots_ owns; everything below is an index of it and changes in insert, erase and setAwaiting only.
    SlotMap slots_;
    std::map<SlotSecretHash, SlotId> bySecret_;
    std::map<std::string, Units, std::less<>> units_;  // no entry without a slot
    std::set<std::pair<std::uint32_t, SlotId>> byUid_;
    std::set<std::pair<std::chrono::nanoseconds, SlotId>> awaiting_;
    SlotId lastId_ = 0;
};

}  // namespace entitle
