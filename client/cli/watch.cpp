// watch: prints the state, then every change, until it is interrupted.
#include <string>

#include "client/cli/child.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/report.h"
#include "client/cli/text.h"

namespace entitle::cli {

namespace {

std::string line(const Terminal& terminal, const Change& change) {
    const auto& status = change.status;
    const auto now = clockNow();
    std::string out = date(now, now);
    out.erase(out.rfind(" ("));  // "now" goes without saying
    out += "  " + terminal.toned(toneOf(status.standing), toString(status.standing));
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
    const auto watch = client.onChange([&](const Change& change) {
        if (terminal.json())
            terminal.print(toJson(change));
        else
            terminal.print(line(terminal, change));
        if (!terminal.finish()) gate.end();  // nobody reads any more
    });
    gate.waitForEnd();
    return exitDone;
}

}  // namespace entitle::cli
