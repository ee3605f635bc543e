#include <memory>

#include "server/cli_calls.h"
#include "server/terminal.h"
#include "server/token_file.h"

namespace entitle {
namespace {

Granted<std::string> remoteServer(const Cli& cli) {
    const auto server = serverOf(cli);
    if (server.empty())
        return Denial{DenialReason::usage,
                      "where? --server https://license.example.com; on the authority's own machine nobody logs in"};
    if (const auto wrong = checkServerUrl(server)) return Denial{DenialReason::usage, server + ": " + *wrong};
    return server;
}

Granted<Answer> logIn(const Cli& cli, const std::string& email, const std::string& passwordFile) {
    const auto server = remoteServer(cli);
    if (!server) return server.error();
    const auto password = askPassword("Password of " + email + " at " + *server + ": ", passwordFile);
    if (!password) return password.error();
    auto made = callsTo({*server, cli.caOption, ""})
                    ->ask("POST", "/v1/tokens", boost::json::object{{"email", email}, {"password", *password}});
    if (!made) return told(made.error(), *server);
    const auto path = tokenFileOf(cli);
    const auto account = made->contains("account") && made->at("account").is_object() ? made->at("account").get_object()
                                                                                      : boost::json::object();
    if (auto kept = writeTokenFile(path, {*server, word(*made, "token")}); !kept) return kept.error();
    Answer answer;
    answer.text = "Logged in as " + word(account, "email") + " (" + word(account, "role") + ")\n" +
                  field("server", *server) + field("token file", path.string()) +
                  field("until", word(*made, "expires_at"));
    answer.json = {{"server", *server},
                   {"token_file", path.string()},
                   {"expires_at", word(*made, "expires_at")},
                   {"account", account}};
    if (word(account, "role") != "admin")
        answer.warnings.push_back("this account is no administrator: most commands will be refused");
    return answer;
}

Granted<Answer> logOut(const Cli& cli) {
    const auto path = tokenFileOf(cli);
    const auto saved = readTokenFile(path);
    if (!saved) return saved.error();
    auto server = saved->server.empty() ? serverOf(cli) : saved->server;
    if (const auto wrong = checkServerUrl(server)) return Denial{DenialReason::usage, server + ": " + *wrong};
    const auto done = callsTo({server, cli.caOption, saved->token})->ask("DELETE", "/v1/tokens/current");
    // One that the server does not know any more is as good as gone.
    if (!done && done.error().code != "token-invalid") return told(done.error(), server);
    std::filesystem::remove(path);
    Answer answer;
    answer.text = "Logged out of " + server + "\n";
    answer.json = {{"server", server}, {"token_file", path.string()}};
    return answer;
}

}  // namespace

void addLoginCommands(CLI::App& app, Cli& cli) {
    struct Options {
        std::string email, passwordFile;
    };
    auto options = std::make_shared<Options>();
    auto* login = app.add_subcommand("login", "Log in at a server; the commands below then ask it");
    login->footer(
        "The password is asked for without being shown, or comes on standard input, or from a file of mode 0600. The\n"
        "token is kept for 30 days in --token-file (0600), else $ENTITLE_SERVER_TOKEN_FILE, else\n"
        "~/.config/entitle-server/token.\n\n"
        "Example:\n"
        "  entitle-server login --server https://license.example.com admin@example.com");
    login->add_option("EMAIL", options->email, "The administrator's account")->required();
    login->add_option("--password-file", options->passwordFile, "The password, on one line")->type_name("FILE");
    login->callback([&cli, options] {
        cli.chosen = [&cli, options] { return logIn(cli, options->email, options->passwordFile); };
    });
    auto* logout = app.add_subcommand("logout", "End the session and remove its token file");
    logout->footer("Example:\n  entitle-server logout");
    logout->callback([&cli] { cli.chosen = [&cli] { return logOut(cli); }; });
}

}  // namespace entitle
