#include "client/cli/command_line.h"

#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"

namespace entitle::cli {

namespace {

constexpr const char* exitStatuses = R"(Exit status:
  0  done, allowed, nothing wrong
  1  denied or refused; doctor found problems; audit --verify found the log broken
  2  the command line is wrong
  3  the daemon could not be asked: not running, not permitted, or not trusted
  4  a file or the terminal could not be read or written
  5  activate, refresh: the authority cannot be reached, or lets this machine wait; the daemon goes on asking by itself
  run: the command's own, or 128 + the signal that ended it; 126 not runnable, 127 not found

Environment: ENTITLED_SOCKET, ENTITLED_ADMIN_SOCKET, ENTITLED_ALLOW_DEVELOPMENT=1, NO_COLOR.
See entitlectl(1) for the shapes of --json. `entitlectl COMMAND --help` shows examples.)";

// One parse: options land here, and the chosen subcommand sets `line.command`.
struct Parser {
    CLI::App app{"Asks and administers the license daemon of this machine.", "entitlectl"};
    CommandLine line;
    std::string feature, quota = "bots", file, key, metricsOut;
    RunOptions run;
    SlotsOptions slots;
    RequestOptions request;
    AuditOptions audit;
    bool yes = false;
    int timeoutMs = 0;
    std::string color;

    // The callback runs after the whole line has been parsed, and only keeps what to do: options are complete then.
    CLI::App* command(const char* name, const char* what, const char* examples,
                      std::function<int(const Globals&)> action) {
        auto* sub = app.add_subcommand(name, what);
        sub->footer(std::string("\nExamples:\n") + examples);
        sub->callback([this, action = std::move(action)] { line.command = action; });
        return sub;
    }

    void addGlobals();
    void addQuestions();
    void addAdministration();
};

void Parser::addGlobals() {
    app.require_subcommand(1);
    app.fallthrough();  // global options are understood after the command as well
    app.footer(std::string("\n") + exitStatuses);
    app.set_version_flag("--version", std::string("entitlectl ") + version());
    app.add_option("--socket", line.globals.socket, "The daemon's socket, an absolute path")->type_name("PATH");
    app.add_option("--admin-socket", line.globals.adminSocket, "Its admin socket")->type_name("PATH");
    app.add_flag("--json", line.globals.json, "Print JSON");
    app.add_option("--timeout", timeoutMs, "Milliseconds that an answer may take (5000)")
        ->type_name("MS")
        ->check(CLI::Range(1, 600'000));
    app.add_option("--color", color, "When to use colour (auto)")
        ->type_name("WHEN")
        ->check(CLI::IsMember({"auto", "always", "never"}));
}

void Parser::addQuestions() {
    command("status", "The license in force, and what to do about it",
            "  entitlectl status\n  entitlectl status --json | jq -r .standing", showStatus);
    auto* check = command("check", "May FEATURE be used? Exit status 0 yes, 1 no",
                          "  entitlectl check live_trading && start-trading",
                          [this](const Globals& globals) { return checkFeature(globals, feature); });
    check->add_option("FEATURE", feature, "For example live_trading")->required();
    command("features", "Every feature, and whether it may be used", "  entitlectl features", listFeatures);
    auto* quotaCommand =
        command("quota", "How many may run, and how many do", "  entitlectl quota\n  entitlectl quota bots --json",
                [this](const Globals& globals) { return showQuota(globals, quota); });
    quotaCommand->add_option("NAME", quota, "The quota: bots");
    auto* runIt = command("run", "Holds slots for the life of a command",
                          "  entitlectl run -- ./bot\n  entitlectl run --bots 3 --label fleet -- ./fleet --paper",
                          [this](const Globals& globals) { return runCommand(globals, run); });
    runIt->add_option("--bots", run.bots, "How many (1)")->type_name("N")->check(CLI::Range(1, 10'000));
    runIt->add_option("--label", run.label, "For people, up to 64 bytes")->type_name("TEXT");
    runIt->add_option("COMMAND", run.command, "The command and its arguments, after --")->required();
    auto* slotsCommand =
        command("slots", "Who holds slots",
                "  entitlectl slots\n  sudo entitlectl slots --all\n  sudo entitlectl slots --release 17",
                [this](const Globals& globals) { return showSlots(globals, slots); });
    auto* all = slotsCommand->add_flag("--all", slots.all, "Of all users (admin socket)");
    slotsCommand->add_option("--release", slots.release, "Take this slot from its holder (admin socket)")
        ->type_name("ID")
        ->check(CLI::PositiveNumber)
        ->excludes(all);
    command("watch", "Prints the state, then every change", "  entitlectl watch\n  entitlectl watch --json",
            watchChanges);
    command("fingerprint", "What the license is bound to, and how many changes it bears", "  entitlectl fingerprint",
            showFingerprint);
    command("doctor", "Looks for what is wrong, and says what to do", "  entitlectl doctor\n  sudo entitlectl doctor",
            examine);
    command("version", "The versions of entitlectl and the daemon", "  entitlectl version", showVersion);
}

void Parser::addAdministration() {
    auto* activation = command("activate", "Puts a license key in force",
                               "  sudo entitlectl activate CO-XXXXXXXX-XXXXXXXX-XXXXXXXX-XXXXXXXX\n"
                               "  sudo entitlectl activate - < key.txt",
                               [this](const Globals& globals) { return activate(globals, key); });
    activation->add_option("KEY", key, "The license key, or - for standard input")->required();
    command("refresh", "Asks the authority now for what it would be asked later", "  sudo entitlectl refresh", refresh);
    auto* requestCommand = command("request", "An offline request for this machine, to carry to the authority",
                                   "  sudo entitlectl request --out request.txt",
                                   [this](const Globals& globals) { return makeRequest(globals, request); });
    requestCommand->add_option("--out", request.out, "Write it there instead of to standard output")->type_name("FILE");
    requestCommand->add_option("--label", request.label, "A name of this machine for people, up to 64 bytes")
        ->type_name("TEXT");
    requestCommand->add_flag("--fresh", request.fresh, "A new request, though one waits for its answer");
    auto* import = command("import", "Takes a license file as the authority issued it, or an update file",
                           "  sudo entitlectl import license.txt\n  sudo entitlectl import update.txt\n  ssh authority "
                           "cat license.txt | sudo entitlectl import -",
                           [this](const Globals& globals) { return importDocument(globals, file); });
    import->add_option("FILE", file, "The file, or - for standard input")->required();
    auto* giveUp = command("deactivate", "Gives the license and its seat up: back to demo mode",
                           "  sudo entitlectl deactivate --yes",
                           [this](const Globals& globals) { return deactivate(globals, yes); });
    giveUp->add_flag("--yes", yes, "Do not ask");
    auto* auditCommand = command("audit", "The audit log, one line (with --json, one object) for each entry",
                                 "  sudo entitlectl audit --after 120\n  sudo entitlectl audit --verify",
                                 [this](const Globals& globals) { return showAudit(globals, audit); });
    auto* verify = auditCommand->add_flag("--verify", audit.verify, "Check chain and signatures instead of printing");
    auditCommand->add_option("--after", audit.after, "Only entries above this index")->type_name("N")->excludes(verify);
    auto* metricsCommand = command("metrics", "Counters in Prometheus text format",
                                   "  sudo entitlectl metrics\n  sudo entitlectl metrics --out "
                                   "/var/lib/prometheus/node-exporter/entitled.prom",
                                   [this](const Globals& globals) { return showMetrics(globals, metricsOut); });
    metricsCommand->add_option("--out", metricsOut, "Replace that file as a whole instead of printing")
        ->type_name("FILE");
}

}  // namespace

CommandLine parseCommandLine(int argc, char** argv) {
    const auto parser = std::make_shared<Parser>();
    parser->addGlobals();
    parser->addQuestions();
    parser->addAdministration();
    CommandLine out;
    try {
        parser->app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        out.exit = parser->app.exit(error) == 0 ? exitDone : exitUsage;
        return out;
    }
    if (parser->timeoutMs != 0) parser->line.globals.timeout = std::chrono::milliseconds{parser->timeoutMs};
    auto& globals = parser->line.globals;
    if (parser->color == "always") globals.color = Color::always;
    if (parser->color == "never") globals.color = Color::never;
    out.globals = globals;
    // The chosen command reads its options from the parser, which therefore stays.
    out.command = [parser](const Globals& globals) { return parser->line.command(globals); };
    return out;
}

}  // namespace entitle::cli
