// watch: prints the state, then every change, until it is interrupted.
#include <string>
#include <utility>

#include "client/cli/child.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/report.h"
#include "client/cli/text.h"

namespace entitle::cli {

namespace {

// Without its date.
std::string line(const Terminal& terminal, const Change& change) {
    const auto& status = change.status;
    std::string out = "  " + terminal.toned(toneOf(status.standing), toString(status.standing));
    out += "  bots " + std::to_string(status.botsInUse) + " of " + limitText(status.maxBots);
    if (status.origin.source != Source::daemon)
        out += "  " + terminal.toned(Tone::bad, std::string("daemon ") + toString(status.origin.why));
    if (!status.message.empty()) out += "  " + escaped(status.message);
    return out + "\n";
}

}  // namespace

int watchChanges(const Globals& globals) {
    const auto terminal = globals.terminal();
    SignalGate gate;
    Client client(globals.clientOptions(Globals::Use::report));
    std::string last;
    const auto watch = client.onChange([&](const Change& change) {
        if (terminal.json()) {
            terminal.print(toJson(change));
        } else if (auto told = line(terminal, change); told != last) {  // people need not hear of every contact
            const auto now = clockNow();
            auto at = date(now, now);
            at.erase(at.rfind(" ("));  // "now" goes without saying
            terminal.print(at + told);
            last = std::move(told);
        }
        if (!terminal.finish()) gate.end();  // nobody reads any more
    });
    gate.waitForEnd();
    return exitDone;
}

}  // namespace entitle::cli
