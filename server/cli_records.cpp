#include <memory>

#include "server/cli_calls.h"
#include "server/columns.h"

namespace entitle {

void addRecordCommands(CLI::App& app, Cli& cli) {
    auto latest = std::make_shared<int>(50);
    auto* attempts = app.add_subcommand("attempts", "The latest attempts to get a license, granted or not");
    attempts->footer("Example:\n  entitle-server attempts --limit 20");
    attempts->add_option("--limit", *latest, "How many")->check(CLI::Range(1, 500))->capture_default_str();
    attempts->callback([&cli, latest] {
        cli.chosen = overApi(cli, [latest](ApiCalls& calls) -> Called<Answer> {
            auto found = readPages(calls, "/v1/admin/attempts", "attempts", *latest);
            if (!found) return found.error();
            Columns columns({"AT", "LICENSE", "DEVICE", "OUTCOME"});
            for (const auto& each : *found) {
                const auto& row = each.get_object();
                columns.add({word(row, "at"), word(row, "license_id"), word(row, "device"), word(row, "outcome")});
            }
            Answer answer;
            answer.text = columns.empty() ? "Nobody has tried yet.\n" : columns.text();
            answer.json = {{"attempts", std::move(*found)}};
            return answer;
        });
    });
    auto most = std::make_shared<int>(50);
    auto* audit = app.add_subcommand("audit", "What administrators did, newest first");
    audit->footer(
        "Every change by an administrator, over the API or on the authority's own machine (local), with the request's "
        "id\n"
        "where there was one: the server's log has the same. Nothing of it is ever removed.\n\n"
        "Example:\n"
        "  entitle-server audit --limit 1000 --json");
    audit->add_option("--limit", *most, "How many")->check(CLI::Range(1, 1'000'000))->capture_default_str();
    audit->callback([&cli, most] {
        cli.chosen = overApi(cli, [most](ApiCalls& calls) -> Called<Answer> {
            auto found = readPages(calls, "/v1/admin/audit", "actions", *most);
            if (!found) return found.error();
            Columns columns({"NUMBER", "AT", "WHO", "WHAT", "OF", "DETAIL", "REQUEST"});
            for (const auto& each : *found) {
                const auto& row = each.get_object();
                const auto email = word(row, "actor_email");
                columns.add({word(row, "number"), word(row, "at"), email == "-" ? word(row, "actor") : email,
                             word(row, "action"), word(row, "subject"), word(row, "detail"), word(row, "request_id")});
            }
            Answer answer;
            answer.text = columns.empty() ? "Nothing was done yet.\n" : columns.text();
            answer.json = {{"actions", std::move(*found)}};
            return answer;
        });
    });
}

Called<Answer> listKeys(ApiCalls& calls) {
    auto set = calls.ask("GET", "/v1/admin/keys");
    if (!set) return set.error();
    Columns columns({"KEY", "FROM", "TO", "REVOKED"});
    if (const auto* keys = set->if_contains("keys"); keys != nullptr && keys->is_array()) {
        for (const auto& each : keys->get_array()) {
            if (!each.is_object()) continue;
            const auto& row = each.get_object();
            columns.add({word(row, "key_id"), word(row, "not_before"), word(row, "expires"), word(row, "revoked")});
        }
    }
    Answer answer;
    answer.text = "Key set version " + word(*set, "version") + " of " + word(*set, "authority") + "\n" + columns.text();
    answer.json = std::move(*set);
    return answer;
}

}  // namespace entitle
