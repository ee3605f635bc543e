#include "server/cli_licensing.h"

#include <memory>

#include "server/columns.h"

namespace entitle {
namespace {

std::string botsOf(const boost::json::object& row) {
    const auto bots = word(row, "max_bots");
    return bots == "-1" ? "unlimited" : bots;
}

// What is leased to a device that is gone counts on until its time is over.
std::string botsInAll(const boost::json::object& row) {
    const auto total = word(row, "total_bots");
    const auto* devices = row.if_contains("devices");
    if (total == "-" || devices == nullptr || !devices->is_array()) return total;
    std::int64_t leased = 0;
    for (const auto& each : devices->get_array()) {
        const auto* block = each.is_object() ? each.get_object().if_contains("bots_leased") : nullptr;
        if (block != nullptr && block->is_int64()) leased += block->get_int64();
    }
    return total + ", " + std::to_string(leased) + " of them leased to devices";
}

Answer describe(boost::json::object row) {
    Answer answer;
    std::string features;
    if (const auto* list = row.if_contains("features"); list != nullptr && list->is_array())
        for (const auto& each : list->get_array())
            if (each.is_string()) features += (features.empty() ? "" : ", ") + std::string(each.get_string());
    answer.text = "License " + word(row, "license_id") + "\n" +
                  (row.contains("license_key") ? field("key", word(row, "license_key")) : std::string()) +
                  field("type", word(row, "license_type") + " (plan " + word(row, "plan") + ")") +
                  field("status", word(row, "status")) + field("account", word(row, "user_id")) +
                  field("bots", botsOf(row)) + field("bots in all", botsInAll(row)) + field("features", features) +
                  field("devices", word(row, "devices_held") + " of " + word(row, "device_limit")) +
                  field("ends", word(row, "expires_at")) + field("note", word(row, "note"));
    if (const auto* devices = row.if_contains("devices"); devices != nullptr && devices->is_array())
        answer.text += "\n" + deviceTable(devices->get_array());
    if (const auto* attempts = row.if_contains("attempts"); attempts != nullptr && attempts->is_array()) {
        for (const auto& each : attempts->get_array()) {
            if (!each.is_object()) continue;
            const auto& attempt = each.get_object();
            answer.text += field(
                "attempt", word(attempt, "at") + "  " + word(attempt, "device") + "  " + word(attempt, "outcome"));
        }
    }
    answer.json = std::move(row);
    return answer;
}

std::string pathOf(const std::string& license) {
    return "/v1/admin/licenses/" + percentEncoded(license);
}

Called<Answer> answerOf(Called<boost::json::object> done) {
    if (!done) return done.error();
    return describe(std::move(*done));
}

void addDecision(CLI::App& group, Cli& cli, const std::string& name, const char* what, const char* more) {
    auto license = std::make_shared<std::string>();
    auto* command = group.add_subcommand(name, what);
    command->footer(std::string(more) + "\n\nExample:\n  entitle-server license " + name + " lic_4k…");
    command->add_option("LICENSE", *license, "The license's id (lic_…)")->required();
    command->callback([&cli, license, name] {
        cli.chosen = overApi(cli, [license, name](ApiCalls& calls) {
            return answerOf(calls.ask("POST", pathOf(*license) + "/" + name));
        });
    });
}

void addGenerate(CLI::App& group, Cli& cli) {
    struct Options {
        std::string account, type, expires, note;
        int deviceLimit = 0;
        std::int64_t totalBots = -1;
    };
    auto options = std::make_shared<Options>();
    auto* command = group.add_subcommand("generate", "Generate a license for an account, and show its key");
    command->footer(
        "Example:\n"
        "  entitle-server license generate --account trader@example.com --type pro --expires 2027-12-31");
    command->add_option("--account", options->account, "Whose: an id (acc_…), or an e-mail address")->required();
    command->add_option("--type", options->type, "trial, basic, pro or enterprise")->required();
    command->add_option("--expires", options->expires, "Its end: the last day, or an exact UTC time [its type's]")
        ->type_name("YYYY-MM-DD");
    command->add_option("--device-limit", options->deviceLimit, "How many devices may hold it at once [1]")
        ->check(CLI::Range(1, 10'000));
    command->add_option("--total-bots", options->totalBots, "A total of bots over all its devices")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}));
    command->add_option("--note", options->note, "For people: who it is for")->type_name("TEXT");
    command->callback([&cli, options] {
        cli.chosen = overApi(cli, [options](ApiCalls& calls) -> Called<Answer> {
            const auto account = accountId(calls, options->account);
            if (!account) return account.error();
            boost::json::object wish{{"user_id", *account}, {"license_type", options->type}};
            if (!options->expires.empty()) wish["expires_at"] = options->expires;
            if (options->deviceLimit > 0) wish["device_limit"] = options->deviceLimit;
            if (options->totalBots >= 0) wish["total_bots"] = options->totalBots;
            if (!options->note.empty()) wish["note"] = options->note;
            auto answer = answerOf(calls.ask("POST", "/api/licensing/generate", wish));
            if (answer) answer->text += "Next, on the customer's machine: entitlectl activate KEY\n";
            return answer;
        });
    });
}

void addExtend(CLI::App& group, Cli& cli) {
    struct Options {
        std::string license, until;
        bool never = false;
    };
    auto options = std::make_shared<Options>();
    auto* command = group.add_subcommand("extend", "Give a license another end, later or sooner");
    command->footer(
        "Devices hear of it at once.\n\n"
        "Examples:\n"
        "  entitle-server license extend lic_4k… --until 2028-12-31\n"
        "  entitle-server license extend lic_4k… --never");
    command->add_option("LICENSE", options->license, "The license's id (lic_…)")->required();
    auto* until =
        command->add_option("--until", options->until, "The last day, or an exact UTC time")->type_name("YYYY-MM-DD");
    auto* never = command->add_flag("--never", options->never, "It does not end any more")->excludes(until);
    command->callback([&cli, options, until, never] {
        if (until->count() + never->count() == 0) throw CLI::ValidationError("--until DATE, or --never");
        cli.chosen = overApi(cli, [options](ApiCalls& calls) {
            boost::json::value end;
            if (!options->never) end = options->until;
            return answerOf(calls.ask("PATCH", pathOf(options->license), boost::json::object{{"expires_at", end}}));
        });
    });
}

void addChange(CLI::App& group, Cli& cli) {
    struct Options {
        std::string license, type, totalBots, note;
        int deviceLimit = 0;
    };
    auto options = std::make_shared<Options>();
    auto* command = group.add_subcommand("change", "Change a license's type, limits or note");
    command->footer(
        "A type brings its own plan, features and bots. Devices hear of it at once.\n\n"
        "Examples:\n"
        "  entitle-server license change lic_4k… --type enterprise\n"
        "  entitle-server license change lic_4k… --device-limit 3 --total-bots 60");
    command->add_option("LICENSE", options->license, "The license's id (lic_…)")->required();
    command->add_option("--type", options->type, "trial, basic, pro or enterprise");
    command->add_option("--device-limit", options->deviceLimit, "How many devices may hold it at once")
        ->check(CLI::Range(1, 10'000));
    command->add_option("--total-bots", options->totalBots, "A total of bots over all its devices, or none")
        ->type_name("N|none")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}) | CLI::IsMember({"none"}));
    auto* note = command->add_option("--note", options->note, "For people: who it is for")->type_name("TEXT");
    command->callback([&cli, options, note] {
        boost::json::object wish;
        if (!options->type.empty()) wish["license_type"] = options->type;
        if (options->deviceLimit > 0) wish["device_limit"] = options->deviceLimit;
        if (!options->totalBots.empty())
            wish["total_bots"] = options->totalBots == "none" ? boost::json::value()
                                                              : boost::json::value(std::stoll(options->totalBots));
        if (note->count() > 0) wish["note"] = options->note;
        if (wish.empty())
            throw CLI::ValidationError("say what to change: --type, --device-limit, --total-bots, --note");
        cli.chosen = overApi(cli, [options, wish](ApiCalls& calls) {
            return answerOf(calls.ask("PATCH", pathOf(options->license), wish));
        });
    });
}

}  // namespace

std::string deviceTable(const boost::json::array& devices) {
    Columns columns({"NUMBER", "DEVICE", "KIND", "KEY", "NAME", "TAKEN", "SEEN", "RELEASED", "BOTS"});
    for (const auto& each : devices) {
        if (!each.is_object()) continue;
        const auto& row = each.get_object();
        columns.add({word(row, "number"), word(row, "device"), word(row, "kind"), word(row, "key_level"),
                     word(row, "name"), word(row, "taken_at"), word(row, "last_seen_at"), word(row, "released_at"),
                     word(row, "bots_in_use")});
    }
    return columns.empty() ? "No device has held it.\n" : columns.text();
}

Called<Answer> listLicenses(ApiCalls& calls) {
    auto licenses = readPages(calls, "/v1/admin/licenses", "licenses", 0);
    if (!licenses) return licenses.error();
    Columns columns({"LICENSE", "TYPE", "STATUS", "BOTS", "DEVICES", "ENDS", "ACCOUNT", "NOTE"});
    for (const auto& each : *licenses) {
        const auto& row = each.get_object();
        columns.add({word(row, "license_id"), word(row, "license_type"), word(row, "status"), botsOf(row),
                     word(row, "devices_held") + "/" + word(row, "device_limit"), word(row, "expires_at"),
                     word(row, "user_id"), word(row, "note")});
    }
    Answer answer;
    answer.text = columns.empty() ? "No licenses yet: entitle-server license generate\n" : columns.text();
    answer.json = {{"licenses", std::move(*licenses)}};
    return answer;
}

Called<Answer> showLicense(ApiCalls& calls, const std::string& license, bool withKey) {
    auto shown = calls.ask("GET", pathOf(license));
    if (!shown) return shown.error();
    if (withKey) {
        const auto key = calls.ask("GET", pathOf(license) + "/key");
        if (!key) return key.error();
        (*shown)["license_key"] = word(*key, "license_key");
    }
    return describe(std::move(*shown));
}

void addLicensingCommands(CLI::App& group, Cli& cli) {
    addGenerate(group, cli);
    addDecision(group, cli, "suspend", "Suspend a license; `reinstate` takes it back",
                "Its devices hear of it at once.");
    addDecision(group, cli, "reinstate", "End a suspension", "Its devices hear of it at once.");
    addDecision(group, cli, "revoke", "Revoke a license, for good",
                "Its devices hear of it at once; held bots get their wind-down time. A revoked license stays revoked.");
    addExtend(group, cli);
    addChange(group, cli);
}

}  // namespace entitle
