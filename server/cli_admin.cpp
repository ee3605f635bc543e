#include <memory>

#include "server/accounts.h"
#include "server/cli_calls.h"
#include "server/terminal.h"

namespace entitle {
void addAdminCommands(CLI::App& app, Cli& cli) {
    auto* group = app.add_subcommand("admin", "Administrators' accounts, made on the authority's own machine");
    group->require_subcommand(1);
    struct Options {
        std::string email, passwordFile;
    };
    auto options = std::make_shared<Options>();
    auto* create = group->add_subcommand("create", "Make an administrator's account");
    create->footer(
        "The password is asked for, or comes on standard input, or from a file of mode 0600; never as an argument.\n\n"
        "Example:\n"
        "  entitle-server admin create admin@example.com --password-file admin.password");
    create->add_option("EMAIL", options->email, "What to log in with")->required();
    create->add_option("--password-file", options->passwordFile, "The password, on one line")->type_name("FILE");
    create->callback([&cli, options] {
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            if (auto here = checkHere(cli, "`admin create`"); !here)
                return Denial{here.error().reason, here.error().message + "; elsewhere use `account promote`"};
            const auto password = askPassword("Password of " + options->email + ": ", options->passwordFile);
            if (!password) return password.error();
            const auto row = makeAccount(options->email, *password, true, cli.now());
            if (!row)
                return Denial{DenialReason::usage,
                              std::string(toString(row.error().field)) + ": " + row.error().message};
            auto authority = cli.open();
            if (!authority) return authority.error();
            authority->store().recordAs(cli.action("admin-create", row->id.value));
            if (const auto added = authority->store().addAccount(*row); !added) return added.error();
            Answer answer;
            answer.text = "Administrator " + row->email + "\n" + field("account", row->id.value) +
                          "Next: entitle-server serve; then, from anywhere: entitle-server login --server URL " +
                          row->email + "\n";
            answer.json = {{"user_id", row->id.value}, {"email", row->email}, {"role", "admin"}};
            return answer;
        };
    });
}

}  // namespace entitle
