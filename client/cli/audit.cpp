// What the daemon has written down: the audit log.
#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text.h"
#include "client/convert.h"

namespace entitle::cli {

namespace {

constexpr std::uint32_t pageSize = 100;  // the daemon's own limit

int verifyAudit(const Globals& globals) {
    const auto terminal = globals.terminal();
    auto session = globals.admin();
    const auto response =
        session.wait<capnp::Response<wire::Admin::VerifyAuditResults>>(session.admin().verifyAuditRequest().send());
    const auto result = response.getResult();
    if (terminal.json()) {
        boost::json::object out;
        out["intact"] = result.getIntact();
        out["entries"] = result.getEntries();
        out["checkpoints"] = result.getCheckpoints();
        out["message"] = view(result.getMessage());
        terminal.print(out);
    } else {
        terminal.print(
            (result.getIntact() ? terminal.toned(Tone::good, "intact") : terminal.toned(Tone::bad, "broken")) + ": " +
            std::to_string(result.getEntries()) + " entries, " + std::to_string(result.getCheckpoints()) +
            " signed checkpoints\n");
        if (result.getMessage().size() > 0) terminal.print(escaped(view(result.getMessage())) + "\n");
    }
    return result.getIntact() ? exitDone : exitDenied;
}

}  // namespace

int showAudit(const Globals& globals, const AuditOptions& options) {
    if (options.verify) return verifyAudit(globals);
    const auto terminal = globals.terminal();
    const auto now = clockNow();
    auto session = globals.admin();
    for (std::uint64_t after = options.after;;) {
        auto request = session.admin().auditRequest();
        request.setAfter(after);
        request.setMost(pageSize);
        const auto page = session.wait<capnp::Response<wire::Admin::AuditResults>>(request.send());
        std::vector<std::vector<std::string>> rows;
        for (const auto entry : page.getEntries()) {
            if (terminal.json())
                terminal.print(toJson(entry));
            else
                rows.push_back({std::to_string(entry.getIndex()), date(fromWire(entry.getTime()), now, "-"),
                                escaped(view(entry.getKind())), escaped(view(entry.getDetail()))});
        }
        terminal.print(table(rows));
        if (page.getNext() <= after) return exitDone;
        after = page.getNext();
    }
}

}  // namespace entitle::cli
