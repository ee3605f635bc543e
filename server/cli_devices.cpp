#include <memory>

#include "server/cli_licensing.h"
#include "server/columns.h"

namespace entitle {
namespace {

std::string pathOf(const std::string& license) {
    return "/v1/admin/licenses/" + percentEncoded(license);
}

void addDeviceGroup(CLI::App& app, Cli& cli) {
    struct Options {
        std::string license, number;
    };
    auto options = std::make_shared<Options>();
    auto* group = app.add_subcommand("device", "Devices of a license: list, release");
    group->require_subcommand(1);
    auto* list = group->add_subcommand("list", "Every device that holds a license, or has held it");
    list->footer("Example:\n  entitle-server device list lic_4k…");
    list->add_option("LICENSE", options->license, "The license's id (lic_…)")->required();
    list->callback([&cli, options] {
        cli.chosen = overApi(cli, [options](ApiCalls& calls) -> Called<Answer> {
            auto shown = calls.ask("GET", pathOf(options->license));
            if (!shown) return shown.error();
            Answer answer;
            boost::json::array devices;
            if (auto* found = shown->if_contains("devices"); found != nullptr && found->is_array())
                devices = std::move(found->get_array());
            answer.text = deviceTable(devices);
            answer.json = {{"license_id", options->license}, {"devices", std::move(devices)}};
            return answer;
        });
    });
    auto* release = group->add_subcommand("release", "Give a device's seat back, so that another may take it");
    release->footer(
        "Transfers by administrators are not counted against the owner's. A device that is online hears of it at "
        "once.\n\n"
        "Example:\n"
        "  entitle-server device release lic_4k… 1");
    release->add_option("LICENSE", options->license, "The license's id (lic_…)")->required();
    release->add_option("NUMBER", options->number, "The device's number: see `device list`")->required();
    release->callback([&cli, options] {
        cli.chosen = overApi(cli, [options](ApiCalls& calls) -> Called<Answer> {
            auto done = calls.ask("DELETE", pathOf(options->license) + "/devices/" + percentEncoded(options->number));
            if (!done) return done.error();
            Answer answer;
            answer.text = "Released device " + word(*done, "number") + " (" + word(*done, "name") + ") of " +
                          options->license + "\n";
            answer.json = std::move(*done);
            return answer;
        });
    });
}

void addDecision(CLI::App& group, Cli& cli, const std::string& name, const char* what) {
    auto number = std::make_shared<std::string>();
    auto* command = group.add_subcommand(name, what);
    command->footer("Example:\n  entitle-server approval " + name + " 7");
    command->add_option("NUMBER", *number, "The request's number: see `approval list`")->required();
    command->callback([&cli, number, name] {
        cli.chosen = overApi(cli, [number, name](ApiCalls& calls) -> Called<Answer> {
            auto done = calls.ask("POST", "/v1/admin/approvals/" + percentEncoded(*number) + "/" + name);
            if (!done) return done.error();
            Answer answer;
            answer.text = "Request " + word(*done, "number") + " of " + word(*done, "host") + " for " +
                          word(*done, "license_id") + " is " + word(*done, "state") + "\n";
            answer.json = std::move(*done);
            return answer;
        });
    });
}

void addApprovalGroup(CLI::App& app, Cli& cli) {
    auto* group = app.add_subcommand("approval", "Machines that wait for an administrator: list, approve, deny");
    group->require_subcommand(1);
    auto state = std::make_shared<std::string>("waiting");
    auto* list = group->add_subcommand("list", "What waits, or what became of it");
    list->footer(
        "A machine waits when its hardware looks different, or when its license was moved too often.\n\n"
        "Example:\n"
        "  entitle-server approval list --state all");
    list->add_option("--state", *state, "waiting, approved, denied, used or all")
        ->check(CLI::IsMember({"waiting", "approved", "denied", "used", "all"}))
        ->capture_default_str();
    list->callback([&cli, state] {
        cli.chosen = overApi(cli, [state](ApiCalls& calls) -> Called<Answer> {
            auto found = readPages(calls, "/v1/admin/approvals?state=" + *state, "approvals", 0);
            if (!found) return found.error();
            Columns columns({"NUMBER", "LICENSE", "HOST", "WHY", "ASKED", "STATE"});
            for (const auto& each : *found) {
                const auto& row = each.get_object();
                columns.add({word(row, "number"), word(row, "license_id"), word(row, "host"), word(row, "reason"),
                             word(row, "asked_at"), word(row, "state")});
            }
            Answer answer;
            answer.text = columns.empty() ? "Nothing waits.\n" : columns.text();
            answer.json = {{"approvals", std::move(*found)}};
            return answer;
        });
    });
    addDecision(*group, cli, "approve", "Let the machine take the license at its next attempt");
    addDecision(*group, cli, "deny", "Refuse it");
}

}  // namespace

void addDeviceCommands(CLI::App& app, Cli& cli) {
    addDeviceGroup(app, cli);
    addApprovalGroup(app, cli);
}

}  // namespace entitle
