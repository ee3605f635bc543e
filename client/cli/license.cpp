// What changes the license, over the admin socket: request, import, deactivate.
#include <cstddef>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/file.h"
#include "client/cli/json.h"
#include "client/cli/report.h"
#include "client/cli/text.h"
#include "client/convert.h"

namespace entitle::cli {

namespace {

constexpr std::size_t maxDocument = std::size_t{64} * 1024 - 512;  // of one message, with room for its frame

[[noreturn]] void refused(wire::Refusal::Reader refusal) {
    throw Failure(exitDenied, std::string(view(refusal.getCode())), escaped(view(refusal.getMessage())));
}

void printStatus(const Terminal& terminal, wire::Status::Reader reader) {
    const auto status = fromWire(reader);
    if (terminal.json())
        terminal.print(toJson(status));
    else
        terminal.print(describe(terminal, status));
}

}  // namespace

int makeRequest(const Globals& globals, const RequestOptions& options) {
    const auto terminal = globals.terminal();
    auto session = globals.admin();
    auto request = session.admin().requestRequest();
    request.setHostLabel(options.label);
    request.setFresh(options.fresh);
    const auto response = session.wait<capnp::Response<wire::Admin::RequestResults>>(request.send());
    const auto outcome = response.getOutcome();
    if (outcome.isRefused()) refused(outcome.getRefused());
    if (!outcome.isFile())
        throw Failure(exitDenied, "other", "The daemon gave no request.", "Update entitlectl: the daemon is newer.");
    const std::string text(view(outcome.getFile()));
    const bool toFile = !options.out.empty() && options.out != "-";
    if (toFile) writeFile(options.out, text);
    if (terminal.json()) {
        boost::json::object out;
        out["file"] = toFile ? boost::json::value(options.out) : boost::json::value(nullptr);
        out["request"] = text;
        terminal.print(out);
    } else if (toFile) {
        terminal.print("Wrote " + escaped(options.out) +
                       ". Carry it to the authority (entitle-server issue --license ID --request FILE), and bring "
                       "the answer back: entitlectl import FILE\n");
    } else {
        terminal.print(text);
        if (!text.empty() && text.back() != '\n') terminal.print("\n");
    }
    return exitDone;
}

int importDocument(const Globals& globals, const std::string& file) {
    const auto terminal = globals.terminal();
    const auto document = readInput(file, maxDocument);
    auto session = globals.admin();
    auto request = session.admin().importRequest();
    request.setDocument(capnp::Text::Reader(document.c_str(), document.size()));
    const auto response = session.wait<capnp::Response<wire::Admin::ImportResults>>(request.send());
    const auto outcome = response.getOutcome();
    if (outcome.isRefused()) refused(outcome.getRefused());
    std::string changed(view(outcome.getChanged()));
    if (changed.empty()) changed = "The file was taken.";  // an older daemon
    auto status = fromWire(outcome.getStatus());
    if (terminal.json()) {
        auto out = toJson(status);
        out["changed"] = changed;
        terminal.print(out);
    } else {
        terminal.print(escaped(changed) + "\n\n" + describe(terminal, status));
    }
    return exitDone;
}

int deactivate(const Globals& globals, bool yes) {
    const auto terminal = globals.terminal();
    if (!yes && !confirmed("Give the license of this machine up and return to demo mode? Its document cannot be "
                           "imported again."))
        throw Failure(exitDenied, "not-confirmed", "Nothing was changed.");
    auto session = globals.admin();
    const auto response =
        session.wait<capnp::Response<wire::Admin::DeactivateResults>>(session.admin().deactivateRequest().send());
    const auto outcome = response.getOutcome();
    if (outcome.isRefused()) refused(outcome.getRefused());
    if (!terminal.json()) terminal.print("The license was given up.\n\n");  // of its seat the status tells
    printStatus(terminal, outcome.getStatus());
    return exitDone;
}

}  // namespace entitle::cli
