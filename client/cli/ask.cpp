// Questions any user may ask: status, check, features, quota, fingerprint, version.
#include <array>
#include <cstdio>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/report.h"
#include "client/cli/text.h"

namespace entitle::cli {

int showStatus(const Globals& globals) {
    const auto terminal = globals.terminal();
    Client client(globals.clientOptions(Globals::Use::report));
    const auto status = client.status();
    if (terminal.json())
        terminal.print(toJson(status));
    else
        terminal.print(describe(terminal, status));
    return originNote(terminal, status.origin);
}

int checkFeature(const Globals& globals, const std::string& feature) {
    const auto terminal = globals.terminal();
    Client client(globals.clientOptions(Globals::Use::gate));
    const auto answer = client.check(feature);
    if (terminal.json()) {
        terminal.print(toJson(feature, answer));
    } else {
        std::string line =
            escaped(feature) + ": " +
            (answer.allowed ? terminal.toned(Tone::good, "allowed") : terminal.toned(Tone::bad, "denied")) + " (" +
            toString(answer.reason) + ")";
        if (!answer.message.empty()) line += ". " + escaped(answer.message);
        if (answer.until) line += "\n  until " + date(*answer.until, clockNow());
        terminal.print(line + "\n");
        if (answer.origin.source == Source::daemon) developmentWarning(terminal, client.status());
    }
    if (const int code = originNote(terminal, answer.origin); code != exitDone) return code;
    return answer.allowed ? exitDone : exitDenied;
}

int listFeatures(const Globals& globals) {
    const auto terminal = globals.terminal();
    Client client(globals.clientOptions(Globals::Use::report));
    const auto features = client.features();
    if (terminal.json()) {
        terminal.print(toJson(features));
    } else {
        std::vector<std::vector<std::string>> rows;
        for (const auto& feature : features.list) {
            rows.push_back({terminal.toned(feature.answer.allowed ? Tone::good : Tone::faint,
                                           feature.answer.allowed ? "yes" : "no"),
                            escaped(feature.name), escaped(feature.answer.message)});
        }
        terminal.print(table(rows));
    }
    return originNote(terminal, features.origin);
}

int showQuota(const Globals& globals, const std::string& name) {
    const auto terminal = globals.terminal();
    Client client(globals.clientOptions(Globals::Use::report));
    const auto quota = client.quota(name);
    const bool unknown =
        quota.oneMore.reason == Answer::Reason::unknownName || quota.oneMore.reason == Answer::Reason::badName;
    if (terminal.json()) {
        terminal.print(toJson(quota));
    } else if (unknown) {
        terminal.print(escaped(quota.oneMore.message) + "\n");
    } else {
        std::string line = escaped(quota.name) + ": " + std::to_string(quota.inUse) + " in use of " +
                           limitText(quota.limit) + ", " + std::to_string(quota.yours) + " yours";
        if (quota.awaiting > 0) line += ", " + std::to_string(quota.awaiting) + " awaiting reclaim";
        terminal.print(line + "\n");
        if (!quota.oneMore.allowed) terminal.print("No more: " + escaped(quota.oneMore.message) + "\n");
    }
    if (const int code = originNote(terminal, quota.origin); code != exitDone) return code;
    return unknown ? exitDenied : exitDone;
}

int showFingerprint(const Globals& globals) {
    const auto terminal = globals.terminal();
    Client client(globals.clientOptions(Globals::Use::report));
    const auto fingerprint = client.fingerprint();
    if (terminal.json()) {
        terminal.print(toJson(fingerprint));
        return originNote(terminal, fingerprint.origin);
    }
    if (const int code = originNote(terminal, fingerprint.origin); code != exitDone) return code;

    std::vector<std::vector<std::string>> rows{{"COMPONENT", "WEIGHT", "KIND", "RESULT"}};
    for (const auto& component : fingerprint.components) {
        using Result = Fingerprint::Component::Result;
        const Tone tone = component.result == Result::changed      ? Tone::bad
                          : component.result == Result::unreadable ? Tone::warning
                                                                   : Tone::plain;
        rows.push_back({escaped(component.name), std::to_string(component.weight), component.strong ? "strong" : "",
                        terminal.toned(tone, toString(component.result))});
    }
    terminal.print(table(rows));
    terminal.print("\n");
    if (fingerprint.enrolled) {
        std::array<char, 16> score{};
        std::snprintf(score.data(), score.size(), "%.2f", fingerprint.score);
        const Tone tone = fingerprint.match == Status::Binding::same    ? Tone::good
                          : fingerprint.match == Status::Binding::drift ? Tone::warning
                                                                        : Tone::bad;
        terminal.print("Match " + terminal.toned(tone, toString(fingerprint.match)) + ", score " + score.data() + ". ");
        if (fingerprint.match == Status::Binding::same)
            terminal.print(fingerprint.changesLeft == 0
                               ? std::string("The next change may end it.")
                               : std::to_string(fingerprint.changesLeft) +
                                     (fingerprint.changesLeft == 1 ? " further change is" : " further changes are") +
                                     " allowed, the heaviest first.");
        terminal.print("\n");
        if (fingerprint.driftUntil) terminal.print("Works until " + date(*fingerprint.driftUntil, clockNow()) + ".\n");
    } else {
        terminal.print("No license is bound to this machine yet: this is what a license would be bound to.\n");
    }
    if (fingerprint.virtualMachine) terminal.print("This is a virtual machine.\n");
    if (!fingerprint.advice.empty()) terminal.print(escaped(fingerprint.advice) + "\n");
    return exitDone;
}

int showVersion(const Globals& globals) {
    const auto terminal = globals.terminal();
    // The daemon's version is a courtesy: without a daemon the answer is still complete.
    Client client(globals.clientOptions(Globals::Use::report));
    const auto status = client.status();
    const bool there = status.origin.source == Source::daemon;
    if (terminal.json()) {
        boost::json::object out;
        out["entitlectl"] = version();
        out["daemon"] = there ? boost::json::value(status.daemonVersion) : boost::json::value(nullptr);
        terminal.print(out);
    } else {
        terminal.print(std::string("entitlectl ") + version() + "\n");
        terminal.print("entitled " +
                       (there ? escaped(status.daemonVersion) : "not reached: " + escaped(status.origin.detail)) +
                       "\n");
    }
    return exitDone;
}

}  // namespace entitle::cli
