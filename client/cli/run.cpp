// run: holds slots for the life of a command.
#include <string>

#include "client/cli/child.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace entitle::cli {

namespace {

// Tells what becomes of the slots while the command runs. Called on the client's callback thread, one at a time.
class SlotNews {
  public:
    SlotNews(const Terminal& terminal, const Slots& slots) : terminal_(terminal), slots_(slots) {}

    void tell() {
        const auto state = slots_.state();
        if (state == told_) return;
        told_ = state;
        if (state == Slots::State::reconnecting)
            terminal_.warn("the daemon is away; the command goes on, and its slots are taken back when it returns.");
        else if (state == Slots::State::lost)
            terminal_.warn("the slots are lost; the command goes on without them. " + escaped(slots_.reason()));
        else if (state == Slots::State::held)
            terminal_.note("the daemon is back; the slots are held.");
    }

  private:
    const Terminal& terminal_;
    const Slots& slots_;
    Slots::State told_ = Slots::State::held;
};

}  // namespace

int runCommand(const Globals& globals, const RunOptions& options) {
    const auto terminal = globals.terminal();
    SignalGate gate;  // before the client: its threads must not receive what is meant for the command
    Client client(globals.clientOptions(Globals::Use::gate));
    auto acquired = client.acquire("bots", options.bots, options.label);
    const auto& origin = acquired.answer.origin;
    if (origin.source != Source::daemon)
        throw Failure(exitNoDaemon, toString(origin.why), origin.detail, adviceFor(origin.why, false));
    if (!acquired) throw Failure(exitDenied, toString(acquired.answer.reason), escaped(acquired.answer.message));
    developmentWarning(terminal, client.status());

    SlotNews news(terminal, acquired.slots);
    int status = 0;
    {
        const auto watch = client.onChange([&](const Change&) { news.tell(); });
        status = gate.run(options.command);
    }
    // Free before we exit, so that whoever waits for us finds them free.
    acquired.slots.release();
    return status;
}

}  // namespace entitle::cli
