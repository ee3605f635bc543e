// Who holds slots; taking one away.
#include <cstdint>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text.h"
#include "client/convert.h"

namespace entitle::cli {

namespace {

constexpr std::uint32_t pageSize = 200;  // the daemon's own limit

// Calls `each` for every slot, page by page. Interface: wire::Entitled (own slots) or wire::Admin (all).
template <class Interface, class Each>
void forEachSlot(Session& session, typename Interface::Client service, Each each) {
    for (std::uint64_t after = 0;;) {
        auto request = service.slotsRequest();
        request.setAfter(after);
        request.setMost(pageSize);
        const auto page = session.wait<capnp::Response<typename Interface::SlotsResults>>(request.send());
        for (const auto slot : page.getSlots()) each(slot);
        // A page that does not advance would be asked for for ever.
        if (page.getNext() <= after) return;
        after = page.getNext();
    }
}

int releaseSlot(const Globals& globals, std::uint64_t id) {
    const auto terminal = globals.terminal();
    auto session = globals.admin();
    auto request = session.admin().releaseSlotRequest();
    request.setId(id);
    const bool found = session.wait<capnp::Response<wire::Admin::ReleaseSlotResults>>(request.send()).getFound();
    if (terminal.json())
        terminal.print({{"id", id}, {"released", found}});
    else if (found)
        terminal.print("Slot " + std::to_string(id) + " was taken from its holder.\n");
    else
        terminal.note("there is no slot " + std::to_string(id) + "; it was gone already.");
    return found ? exitDone : exitDenied;
}

}  // namespace

int showSlots(const Globals& globals, const SlotsOptions& options) {
    if (options.release != 0) return releaseSlot(globals, options.release);
    const auto terminal = globals.terminal();
    const auto now = clockNow();
    boost::json::array list;
    std::vector<std::vector<std::string>> rows{{"ID", "QUOTA", "COUNT", "UID", "PID", "SINCE", "LABEL"}};
    const auto add = [&](wire::SlotInfo::Reader slot) {
        if (terminal.json()) {
            list.push_back(toJson(slot));
            return;
        }
        const auto since = fromWire(slot.getSince());
        rows.push_back({std::to_string(slot.getId()), escaped(view(slot.getQuota())), std::to_string(slot.getCount()),
                        std::to_string(slot.getUid()), std::to_string(slot.getPid()), date(since, now, "-"),
                        escaped(view(slot.getLabel())) + (slot.getAwaiting() ? " (awaiting reclaim)" : "")});
    };
    if (options.all) {
        auto session = globals.admin();
        forEachSlot<wire::Admin>(session, session.admin(), add);
    } else {
        auto session = globals.query();
        forEachSlot<wire::Entitled>(session, session.query(), add);
    }
    if (terminal.json()) {
        boost::json::object out;
        out["slots"] = std::move(list);
        terminal.print(out);
    } else if (rows.size() == 1) {
        terminal.print(options.all ? "No slots are held.\n" : "You hold no slots.\n");
    } else {
        terminal.print(table(rows));
    }
    return exitDone;
}

}  // namespace entitle::cli
