// The slots of this machine: the ledger and its copy in the runtime directory, always changed together, so that a
// restarted daemon finds exactly what its predecessor had promised.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "daemon/answers.h"
#include "daemon/slot_file.h"
#include "license/slots.h"

namespace entitle {

class HeldSlots {
  public:
    // Restored slots await their holders. They count as in use from the first moment.
    explicit HeldSlots(SlotFile::Opened);

    // The copy is written before this returns: whoever got an answer holds a slot that outlives the daemon.
    boost::system::result<Held, AcquireRefusal> acquire(std::string_view quota, std::uint32_t count,
                                                        std::string_view label, const Holder&,
                                                        const SlotLedger::Limits&, const Now&);
    boost::system::result<Held, ReclaimRefusal> reclaim(const SlotSecret&, const Holder&, const Now&);

    bool release(SlotId);                                              // whoever holds it
    bool release(SlotId, std::uint64_t generation);                    // only this holding of it
    std::size_t shrinkTo(std::string_view quota, std::int64_t limit);  // the youngest go; says how many slots went
    void openReclaimWindow(std::chrono::nanoseconds untilBoottime);
    std::size_t expireReclaims(const Now&);

    const Slot* find(SlotId id) const { return ledger_.find(id); }
    const Slot* find(SlotId, std::uint64_t generation) const;  // nullptr: this holding ended
    SlotPage page(SlotId after, std::size_t most, std::optional<std::uint32_t> uid) const;
    const SlotLedger& ledger() const { return ledger_; }
    std::size_t droppedAtStart() const { return dropped_; }  // records found damaged

  private:
    SlotLedger ledger_;
    std::unique_ptr<SlotFile> file_;
    std::size_t dropped_;
};

}  // namespace entitle
