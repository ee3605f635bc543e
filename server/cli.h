// The command line of entitle-server: what every command is given and what it answers. One file per command group.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/object.hpp>

#include "server/authority.h"
#include "server/denial.h"

namespace entitle {

// Exit codes, stable: scripts depend on them.
// `unreachable`: no answer of the server that was asked, or one that says to come again.
enum class ExitCode : int { ok = 0, refused = 1, usage = 2, fault = 3, unreachable = 4 };

// What a server answered instead of doing what was asked.
struct Failure {
    ExitCode exit = ExitCode::refused;
    std::string code;          // a stable word
    std::string message;       // for people
    boost::json::object more;  // status, request_id, retry_after_s
};

// What a command answers, in both forms; main prints the one that was asked for.
struct Answer {
    std::string text;                   // for people; ends in '\n'
    boost::json::object json;           // for programs
    std::vector<std::string> warnings;  // to standard error, and as "warnings" in the JSON
    std::optional<Failure> failure;     // then nothing else counts
};
using Command = std::function<Granted<Answer>()>;

// What main hands to every command.
struct Cli {
    std::function<Instant()> now;
    std::function<std::chrono::nanoseconds()> steady;  // for durations only
    std::function<std::optional<std::string>(const char*)> environment;

    // Set by the options before a command runs.
    std::string directoryOption;
    std::string serverOption, tokenFileOption, caOption;
    bool json = false;
    int waitSeconds = 10;
    Command chosen;

    std::filesystem::path directory() const;  // --dir, ENTITLE_SERVER_DIR, else the default
    std::string program() const;              // what a person types before a command: with --dir if it was given
    AuthorityFiles files() const;             // with what a service manager has unsealed for this process
    Granted<Authority> open() const;
    // What the command is about to do, for the audit log: server/store.h recordAs().
    AdminAction action(std::string what, std::string subject) const;
    Granted<LicenseSecrets> licenseSecrets() const;
};

void addAccountCommands(CLI::App&, Cli&);
void addAdminCommands(CLI::App&, Cli&);
void addInitCommand(CLI::App&, Cli&);
void addAuthorityCommands(CLI::App&, Cli&);
void addDatabaseCommands(CLI::App&, Cli&);
void addDeviceCommands(CLI::App&, Cli&);
void addLoginCommands(CLI::App&, Cli&);
void addRecordCommands(CLI::App&, Cli&);
void addLicenseCommands(CLI::App&, Cli&);
void addIssueCommand(CLI::App&, Cli&);
void addKeysCommands(CLI::App&, Cli&);
void addServeCommand(CLI::App&, Cli&);
void addUpdateFileCommand(CLI::App&, Cli&);

// Parses, runs, prints. `now`, `steady` and `environment` must be set.
ExitCode runCommandLine(Cli&, int argc, const char* const* argv, std::ostream& out, std::ostream& err);

// --roots, else ENTITLE_SERVER_ROOTS; refused with words when neither is given.
Granted<std::filesystem::path> rootsDirectory(const Cli&, const std::string& option);

// "  name        value\n", for the human form.
std::string field(std::string_view name, std::string_view value);
// A license's "lic_…" id, or a CO- key.
Granted<LicenseRow> findLicense(const Cli&, Authority&, const std::string& idOrKey);
boost::json::value jsonInstant(const std::optional<Instant>&);  // RFC 3339 or null

}  // namespace entitle
