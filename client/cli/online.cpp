// What the daemon asks the authority for, while a person waits: activate, refresh.
#include <string>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/file.h"
#include "client/cli/json.h"
#include "client/cli/report.h"
#include "client/cli/text.h"
#include "client/convert.h"
#include "license/key.h"

namespace entitle::cli {

namespace {

constexpr std::size_t maxKeyFile = 256;

// Says why it takes so long: to a person each time, to a script once.
class Progress final : public wire::ContactProgress::Server {
  public:
    explicit Progress(const Terminal& terminal) : terminal_(terminal) {}

    kj::Promise<void> tried(TriedContext context) override {
        const auto attempt = context.getParams().getAttempt();
        const auto next = fromWire(attempt.getNextAttempt());
        std::string why = escaped(view(attempt.getMessage()));
        if (!why.ends_with('.')) why += '.';
        if (terminal_.interactive() || (!said_ && !terminal_.json()))
            terminal_.note("no answer yet: " + why +
                           (next ? " Next attempt " + relative(*next, clockNow()) + "." : "") +
                           (said_ ? "" : " Ctrl-C leaves it to the daemon, which goes on asking."));
        said_ = true;
        return kj::READY_NOW;
    }

  private:
    const Terminal& terminal_;
    bool said_ = false;
};

int report(const Terminal& terminal, wire::ContactOutcome::Reader outcome, const char* done) {
    if (outcome.isRefused()) {
        const auto refusal = outcome.getRefused();
        throw Failure(exitDenied, std::string(view(refusal.getCode())), escaped(view(refusal.getMessage())));
    }
    if (outcome.isPending()) {
        const auto pending = outcome.getPending();
        throw Failure(
            exitPending, "pending",
            (pending.getAnswered() ? "" : "The authority cannot be reached: ") + escaped(view(pending.getMessage())),
            "The daemon goes on asking by itself; see entitlectl status.");
    }
    if (!outcome.isStatus())
        throw Failure(exitDenied, "other", "The daemon's answer is not understood.",
                      "Update entitlectl: the daemon is newer.");
    const auto status = fromWire(outcome.getStatus());
    if (terminal.json()) {
        terminal.print(toJson(status));
    } else {
        terminal.print(done);
        terminal.print(describe(terminal, status));
    }
    return exitDone;
}

// The part of standard input that is the key.
std::string keyFrom(const std::string& argument) {
    if (argument != "-") return argument;
    auto text = readInput("-", maxKeyFile);
    const auto last = text.find_last_not_of(" \t\r\n");
    text.erase(last == std::string::npos ? 0 : last + 1);
    return text;
}

}  // namespace

int activate(const Globals& globals, const std::string& argument) {
    const auto terminal = globals.terminal();
    const auto key = parseLicenseKey(keyFrom(argument));
    if (!key) throw Failure(exitUsage, std::string(toString(key.error())), std::string(explain(key.error())));
    auto session = globals.patientAdmin();
    if (terminal.interactive()) terminal.note("asking the authority …");
    auto request = session.admin().activateRequest();
    request.setKey(key->text());
    request.setProgress(kj::heap<Progress>(terminal));
    const auto response = session.wait<capnp::Response<wire::Admin::ActivateResults>>(request.send());
    return report(terminal, response.getOutcome(), "The license is stored and in force.\n\n");
}

int refresh(const Globals& globals) {
    const auto terminal = globals.terminal();
    auto session = globals.patientAdmin();
    auto request = session.admin().refreshRequest();
    request.setProgress(kj::heap<Progress>(terminal));
    const auto response = session.wait<capnp::Response<wire::Admin::RefreshResults>>(request.send());
    return report(terminal, response.getOutcome(), "The authority has answered.\n\n");
}

}  // namespace entitle::cli
