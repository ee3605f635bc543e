#include <memory>

#include "server/cli_calls.h"
#include "server/columns.h"

namespace entitle {
namespace {

Called<Answer> list(ApiCalls& calls, int most) {
    auto accounts = readPages(calls, "/v1/admin/accounts", "accounts", most);
    if (!accounts) return accounts.error();
    Columns columns({"ACCOUNT", "E-MAIL", "ROLE", "SINCE"});
    for (const auto& each : *accounts) {
        const auto& row = each.get_object();
        columns.add({word(row, "user_id"), word(row, "email"), word(row, "role"), word(row, "created_at")});
    }
    Answer answer;
    answer.text = columns.empty() ? "No accounts yet.\n" : columns.text();
    answer.json = {{"accounts", std::move(*accounts)}};
    return answer;
}

Answer describe(boost::json::object row) {
    Answer answer;
    answer.text = "Account " + word(row, "user_id") + "\n" + field("e-mail", word(row, "email")) +
                  field("role", word(row, "role")) + field("since", word(row, "created_at"));
    if (const auto* licenses = row.if_contains("licenses"); licenses != nullptr && licenses->is_array()) {
        for (const auto& each : licenses->get_array()) {
            if (!each.is_object()) continue;
            const auto& license = each.get_object();
            answer.text += field("license", word(license, "license_id") + "  " + word(license, "license_type") + "  " +
                                                word(license, "status") + "  until " + word(license, "expires_at"));
        }
    }
    answer.json = std::move(row);
    return answer;
}

// One command on one account: `method` and what follows its path.
void add(CLI::App& group, Cli& cli, const char* name, const char* what, const char* method, const char* rest,
         std::function<Answer(boost::json::object)> describe) {
    auto account = std::make_shared<std::string>();
    auto* command = group.add_subcommand(name, what);
    command->footer("Example:\n  entitle-server account " + std::string(name) + " trader@example.com");
    command->add_option("ACCOUNT", *account, "Its id (acc_…), or its e-mail address")->required();
    command->callback([&cli, account, method, rest, describe] {
        cli.chosen = overApi(cli, [account, method, rest, describe](ApiCalls& calls) -> Called<Answer> {
            const auto id = accountId(calls, *account);
            if (!id) return id.error();
            auto done = calls.ask(method, "/v1/admin/accounts/" + percentEncoded(*id) + rest);
            if (!done) return done.error();
            return describe(std::move(*done));
        });
    });
}

}  // namespace

void addAccountCommands(CLI::App& app, Cli& cli) {
    auto* group = app.add_subcommand("account", "Accounts: list, show, promote, demote, end-sessions");
    group->require_subcommand(1);
    auto most = std::make_shared<int>(0);
    auto* command = group->add_subcommand("list", "Every account, by id");
    command->footer("Example:\n  entitle-server account list --json");
    command->add_option("--limit", *most, "How many at most [all]")->type_name("N")->check(CLI::Range(1, 1'000'000));
    command->callback(
        [&cli, most] { cli.chosen = overApi(cli, [most](ApiCalls& calls) { return list(calls, *most); }); });
    add(*group, cli, "show", "One account and its licenses", "GET", "", describe);
    add(*group, cli, "promote", "Make it an administrator's", "POST", "/promote", describe);
    add(*group, cli, "demote", "Make it a user's; the last administrator stays one", "POST", "/demote", describe);
    add(*group, cli, "end-sessions", "Log it out everywhere", "DELETE", "/tokens", [](boost::json::object row) {
        Answer answer;
        answer.text = "Ended " + word(row, "ended") + " sessions of " + word(row, "user_id") + "\n";
        answer.json = std::move(row);
        return answer;
    });
}

}  // namespace entitle
