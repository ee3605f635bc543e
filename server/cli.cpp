#include "server/cli.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "license/identifiers.h"
#include "license/sodium.h"
#include "server/files.h"
#include "server/mint.h"

namespace entitle {
namespace {

constexpr auto footer = R"(First steps:
  entitle-server init --dir authority --roots roots     create an authority; take `roots` offline
  entitle-server license new --type pro                 mint a license key
  entitle-server issue --license lic_… --request machine.request --out machine.license
  entitle-server admin create admin@example.com         and then `serve`

From elsewhere, as an administrator: account, license, device, approval, attempts, audit, keys list
  entitle-server login --server https://license.example.com admin@example.com
  entitle-server --server https://license.example.com license generate --account ada@example.com --type pro

Where: --server, else --dir, else $ENTITLE_SERVER_URL, else the directory $ENTITLE_SERVER_DIR, else
/var/lib/entitle-server for root and ~/.local/share/entitle-server for everybody else. Token of a server:
--token-file, else $ENTITLE_SERVER_TOKEN_FILE, else ~/.config/entitle-server/token. Secret of license keys:
$LICENSE_SECRET_KEY (64 hex digits; several, newest first, separated by commas), else the file license-secret.
Secrets that a service manager unseals come from $CREDENTIALS_DIRECTORY.

Exit codes: 0 done, 1 refused (the words say why), 2 wrong usage, 3 fault (disk, database), 4 the server does
not answer, or says to come again.)";

void report(std::ostream& out, std::ostream& err, bool json, std::string_view reason, const std::string& message,
            boost::json::object more = {}) {
    if (json) {
        boost::json::object error{{"error", reason}, {"message", message}};
        for (auto& member : more) error[member.key()] = std::move(member.value());
        out << boost::json::serialize(error) << '\n';
    } else {
        err << "entitle-server: " << message << '\n';
    }
}

ExitCode print(std::ostream& out, std::ostream& err, bool json, Answer answer) {
    for (const auto& warning : answer.warnings) err << "entitle-server: warning: " << warning << '\n';
    if (json) {
        if (!answer.warnings.empty())
            answer.json["warnings"] = boost::json::array(answer.warnings.begin(), answer.warnings.end());
        out << boost::json::serialize(answer.json) << '\n';
    } else {
        out << answer.text;
    }
    out.flush();
    return out ? ExitCode::ok : ExitCode::fault;
}

}  // namespace

std::filesystem::path Cli::directory() const {
    if (!directoryOption.empty()) return directoryOption;
    if (const auto set = environment("ENTITLE_SERVER_DIR"); set && !set->empty()) return *set;
    if (runsAsSuperuser()) return "/var/lib/entitle-server";
    if (const auto data = environment("XDG_DATA_HOME"); data && !data->empty())
        return std::filesystem::path(*data) / "entitle-server";
    return std::filesystem::path(environment("HOME").value_or(".")) / ".local/share/entitle-server";
}

std::string Cli::program() const {
    if (directoryOption.empty()) return "entitle-server";
    const bool plain = std::all_of(directoryOption.begin(), directoryOption.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '/' || c == '.' || c == '_' || c == '-';
    });
    return "entitle-server --dir " + (plain ? directoryOption : "'" + directoryOption + "'");
}

AdminAction Cli::action(std::string what, std::string subject) const {
    return {0, now(), localActor, std::move(what), std::move(subject), {}, {}};
}

AuthorityFiles Cli::files() const {
    return AuthorityFiles(directory(), environment("CREDENTIALS_DIRECTORY").value_or(""));
}

Granted<Authority> Cli::open() const {
    return Authority::open(files(), now(), std::chrono::seconds(waitSeconds));
}

Granted<LicenseSecrets> Cli::licenseSecrets() const {
    return LicenseSecrets::read(files(), environment("LICENSE_SECRET_KEY"));
}

Granted<std::filesystem::path> rootsDirectory(const Cli& cli, const std::string& option) {
    if (!option.empty()) return std::filesystem::path(option);
    if (const auto set = cli.environment("ENTITLE_SERVER_ROOTS"); set && !set->empty())
        return std::filesystem::path(*set);
    return Denial{DenialReason::usage,
                  "this needs the roots: attach the medium they are on and name it by --roots DIR"};
}

std::string field(std::string_view name, std::string_view value) {
    std::string line = "  " + std::string(name);
    line.append(line.size() < 14 ? 14 - line.size() : 1, ' ');
    return line.append(value) + "\n";
}

Granted<LicenseRow> findLicense(const Cli& cli, Authority& authority, const std::string& idOrKey) {
    if (!isLicenseId(idOrKey)) {
        if (idOrKey.substr(0, 4) == "lic_")
            return Denial{DenialReason::usage, "'" + idOrKey + "' is no license id: see `entitle-server license list`"};
        const auto secrets = cli.licenseSecrets();
        if (!secrets) return secrets.error();
        return licenseOfKey(authority.store(), *secrets, idOrKey);
    }
    auto row = authority.store().license(LicenseId{idOrKey});
    if (!row)
        return Denial{DenialReason::unknownLicense,
                      "there is no license " + idOrKey + " here: see `entitle-server license list`"};
    return std::move(*row);
}

boost::json::value jsonInstant(const std::optional<Instant>& at) {
    if (!at) return nullptr;
    return boost::json::value(toRfc3339(*at));
}

ExitCode runCommandLine(Cli& cli, int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
    CLI::App app{"The license authority of entitled: creates licenses and signs what daemons believe."};
    app.name("entitle-server");
    app.footer(footer);
    app.fallthrough();
    app.require_subcommand(1);
    app.set_version_flag("--version", "entitle-server " ENTITLE_VERSION);
    app.set_help_all_flag("--help-all", "The help of every command");
    app.add_option("--dir", cli.directoryOption, "The authority's directory")->type_name("DIR");
    app.add_option("--server", cli.serverOption, "The server to ask, in place of a directory [$ENTITLE_SERVER_URL]")
        ->type_name("URL");
    app.add_option("--token-file", cli.tokenFileOption, "What `login` wrote [$ENTITLE_SERVER_TOKEN_FILE]")
        ->type_name("FILE");
    app.add_option("--ca", cli.caOption, "The certificates to trust of that server, in PEM [the system's]")
        ->type_name("FILE");
    app.add_flag("--json", cli.json, "Answer in JSON, denials included: {\"error\", \"message\"}");
    app.add_option("--wait", cli.waitSeconds, "How long to wait for another process that holds the database")
        ->type_name("SECONDS")
        ->check(CLI::Range(0, 3600))
        ->capture_default_str();
    addInitCommand(app, cli);
    addLicenseCommands(app, cli);
    addIssueCommand(app, cli);
    addUpdateFileCommand(app, cli);
    addKeysCommands(app, cli);
    addAuthorityCommands(app, cli);
    addServeCommand(app, cli);
    addAdminCommands(app, cli);
    addLoginCommands(app, cli);
    addAccountCommands(app, cli);
    addDeviceCommands(app, cli);
    addRecordCommands(app, cli);
    addDatabaseCommands(app, cli);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::ostringstream words;
        const bool asked = app.exit(error, out, words) == 0;  // --help, --version
        if (asked) return ExitCode::ok;
        std::string text = words.str();
        while (!text.empty() && text.back() == '\n') text.pop_back();
        report(out, err, cli.json, toString(DenialReason::usage), text);
        return ExitCode::usage;
    }
    try {
        startSodium();
        auto answer = cli.chosen();
        if (answer && answer->failure) {
            auto& failure = *answer->failure;
            report(out, err, cli.json, failure.code, failure.message, std::move(failure.more));
            return failure.exit;
        }
        if (answer) return print(out, err, cli.json, std::move(*answer));
        const Denial denial = answer.error();
        report(out, err, cli.json, toString(denial.reason), denial.message);
        return denial.reason == DenialReason::usage ? ExitCode::usage : ExitCode::refused;
    } catch (const std::exception& fault) {
        report(out, err, cli.json, "fault", fault.what());
        return ExitCode::fault;
    }
}

}  // namespace entitle
