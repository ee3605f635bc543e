#include <memory>

#include <boost/json/array.hpp>

#include "server/api.h"
#include "server/cli_licensing.h"
#include "server/mint.h"

namespace entitle {
namespace {

constexpr int shownAttempts = 20;

std::string endWords(const LicenseRow& row) {
    if (row.endsAt) return toRfc3339(*row.endsAt);
    if (row.duration) return describeDuration(*row.duration) + " from the first document";
    return "never";
}

std::string botWords(std::int64_t bots) {
    return bots == unlimited ? "unlimited" : std::to_string(bots);
}

boost::json::object describeRow(const LicenseRow& row) {
    auto out = describeLicense(row);  // as the API tells it, and under the names this command always had
    out["id"] = row.id.value;
    out["type"] = row.type;
    out["ends_at"] = jsonInstant(row.endsAt);
    out["seq"] = row.lastSequence;
    return out;
}

boost::json::object describeSeat(const DeviceRow& seat) {
    return {{"number", seat.number},
            {"device", seat.device.value},
            {"host", seat.hostLabel},
            {"taken_at", toRfc3339(seat.takenAt)},
            {"released_at", jsonInstant(seat.releasedAt)}};
}

std::string seatWords(const DeviceRow& seat) {
    return seat.device.value + (seat.hostLabel.empty() ? "" : "  " + seat.hostLabel);
}

void addNew(CLI::App& group, Cli& cli) {
    struct Options {
        NewLicense wish;
        int days = 0;
        std::string expires;
    };
    auto options = std::make_shared<Options>();
    auto* command = group.add_subcommand("new", "Mint a license key and its row");
    command->footer(
        "Types: trial (14 days, 3 bots), basic (10 bots), pro (100), enterprise (unlimited); only a trial has an end "
        "of\n"
        "its own. Days count from the first document, so that a key may lie on a shelf.\n\n"
        "Examples:\n"
        "  entitle-server license new --type trial --note 'fair, Berlin'\n"
        "  entitle-server license new --type pro --days 365\n"
        "  entitle-server license new --type basic --expires 2027-12-31 --json");
    command->add_option("--type", options->wish.type, "trial, basic, pro or enterprise")->required();
    auto* days = command->add_option("--days", options->days, "Its length, from the first document on")->type_name("N");
    auto* expires = command->add_option("--expires", options->expires, "Its end: the last day, or an exact UTC time")
                        ->type_name("YYYY-MM-DD");
    expires->excludes(days);
    command->add_option("--note", options->wish.note, "For people: who it is for")->type_name("TEXT");
    command
        ->add_option("--plan-limits", options->wish.planLimits, "Carry this plan's bots and features, not its type's")
        ->type_name("PLAN");
    command->callback([&cli, options, days] {
        cli.chosen = [&cli, options, days]() -> Granted<Answer> {
            NewLicense wish = options->wish;
            if (days->count() > 0) wish.days = options->days;
            if (!options->expires.empty()) {
                wish.endsAt = parseEnd(options->expires);
                if (!wish.endsAt)
                    return Denial{DenialReason::usage,
                                  "--expires must be a date as 2027-12-31, or 2027-12-31T12:00:00Z"};
            }
            if (auto here = checkHere(cli, "`license new`"); !here)
                return Denial{here.error().reason, here.error().message + "; elsewhere use `license generate`"};
            auto authority = cli.open();
            if (!authority) return authority.error();
            const auto secrets = cli.licenseSecrets();
            if (!secrets) return secrets.error();
            authority->store().recordAs(cli.action("license-generate", ""));
            const auto minted = mintLicense(authority->store(), *secrets, wish, cli.now());
            if (!minted) return minted.error();
            Answer answer;
            answer.text = "License " + minted->row.id.value + "\n" + field("key", minted->key.text()) +
                          field("type", minted->row.type + ", " + botWords(minted->row.maxBots) + " bots") +
                          field("ends", endWords(minted->row)) + "Next: " + cli.program() + " issue --license " +
                          minted->row.id.value + " --request FILE --out FILE\n";
            answer.json = describeRow(minted->row);
            answer.json["key"] = minted->key.text();
            return answer;
        };
    });
}

void addList(CLI::App& group, Cli& cli) {
    auto* command = group.add_subcommand("list", "Every license, oldest first, and the device that holds it");
    command->callback([&cli] {
        if (!serverOf(cli).empty()) {
            cli.chosen = overApi(cli, listLicenses);
            return;
        }
        cli.chosen = [&cli]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            Answer answer;
            boost::json::array licenses;
            for (const auto& [row, seat] : authority->store().licenses()) {
                answer.text += row.id.value + "  " + row.type +
                               (row.status == LicenseStatus::active ? "" : " " + std::string(toString(row.status))) +
                               "  " + botWords(row.maxBots) + " bots  ends " + endWords(row) + "  " +
                               (seat ? "on " + seatWords(*seat) : std::string("free")) +
                               (row.note.empty() ? "" : "  # " + row.note) + "\n";
                auto item = describeRow(row);
                item["device"] = seat ? boost::json::value(describeSeat(*seat)) : boost::json::value();
                licenses.push_back(std::move(item));
            }
            if (licenses.empty()) answer.text = "No licenses yet: " + cli.program() + " license new --type pro\n";
            answer.json = {{"licenses", std::move(licenses)}};
            return answer;
        };
    });
}

void addShow(CLI::App& group, Cli& cli) {
    struct Options {
        std::string license;
        bool key = false;
    };
    auto options = std::make_shared<Options>();
    auto* command = group.add_subcommand("show", "One license: its rights, devices, documents, attempts");
    command->footer(
        "Examples:\n"
        "  entitle-server license show lic_4k… --key      the key again, as the customer was given it\n"
        "  entitle-server license show CO-…               whose key is this?");
    command->add_option("LICENSE", options->license, "The license's id (lic_…), or its key")->required();
    command->add_flag("--key", options->key, "Show the license key: whoever sees it can use it");
    command->callback([&cli, options] {
        if (!serverOf(cli).empty()) {
            cli.chosen =
                overApi(cli, [options](ApiCalls& calls) { return showLicense(calls, options->license, options->key); });
            return;
        }
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            const auto row = findLicense(cli, *authority, options->license);
            if (!row) return row.error();
            Answer answer;
            answer.json = describeRow(*row);
            std::string features;
            for (const auto& name : row->features) features += (features.empty() ? "" : ", ") + name;
            answer.text =
                "License " + row->id.value + (row->note.empty() ? "" : "  # " + row->note) + "\n" +
                field("type", row->type + " (plan " + row->plan + ")") + field("bots", botWords(row->maxBots)) +
                field("bots in all", row->totalBots ? std::to_string(*row->totalBots) : "-") +
                field("features", features) + field("ends", endWords(*row)) +
                field("status", std::string(toString(row->status))) + field("created", toRfc3339(row->createdAt));
            if (options->key) {
                const auto secrets = cli.licenseSecrets();
                if (!secrets) return secrets.error();
                const auto key = showKey(*secrets, *row);
                if (!key) return key.error();
                answer.text += field("key", key->text());
                answer.json["key"] = key->text();
            }
            boost::json::array seats, documents, attempts;
            for (const auto& seat : authority->store().devices(row->id)) {
                answer.text += field("device", seatWords(seat) + ", from " + toRfc3339(seat.takenAt) +
                                                   (seat.releasedAt ? " to " + toRfc3339(*seat.releasedAt) : ""));
                seats.push_back(describeSeat(seat));
            }
            for (const auto& document : authority->store().documents(row->id)) {
                answer.text += field("document", "number " + std::to_string(document.sequence) + " of " +
                                                     toRfc3339(document.issuedAt) + ", to be renewed by " +
                                                     toRfc3339(document.freshUntil));
                documents.push_back(boost::json::object{{"seq", document.sequence},
                                                        {"issued_at", toRfc3339(document.issuedAt)},
                                                        {"fresh_until", toRfc3339(document.freshUntil)},
                                                        {"signing_key", document.signingKeyId},
                                                        {"key_set_version", document.keySetVersion},
                                                        {"host", document.hostLabel}});
            }
            for (const auto& attempt : authority->store().attempts(row->id, shownAttempts)) {
                answer.text +=
                    field("attempt", toRfc3339(attempt.at) + "  " + attempt.device.value + "  " + attempt.outcome);
                attempts.push_back(boost::json::object{
                    {"at", toRfc3339(attempt.at)}, {"device", attempt.device.value}, {"outcome", attempt.outcome}});
            }
            answer.json["devices"] = std::move(seats);
            answer.json["documents"] = std::move(documents);
            answer.json["attempts"] = std::move(attempts);
            return answer;
        };
    });
}

void addRelease(CLI::App& group, Cli& cli) {
    struct Options {
        std::string license, device;
    };
    auto options = std::make_shared<Options>();
    auto* command = group.add_subcommand("release", "Give a license's seat back, so that another device may take it");
    command->footer(
        "The document on the old device is not called back by this: without a network it verifies until it ends. Have\n"
        "`entitlectl deactivate` run there if the machine still exists.\n\n"
        "Example:\n"
        "  entitle-server license release lic_4k… --device 3q2-7w…");
    command->add_option("LICENSE", options->license, "The license's id (lic_…), or its key")->required();
    command->add_option("--device", options->device, "The device that holds it: see `license show`")->required();
    command->callback([&cli, options] {
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            if (auto here = checkHere(cli, "`license release`"); !here)
                return Denial{here.error().reason, here.error().message + "; elsewhere use `device release`"};
            auto authority = cli.open();
            if (!authority) return authority.error();
            const auto row = findLicense(cli, *authority, options->license);
            if (!row) return row.error();
            authority->store().recordAs(cli.action("device-release", row->id.value));
            const auto seat = authority->store().release(row->id, DeviceId{options->device}, cli.now());
            if (!seat) return seat.error();
            Answer answer;
            answer.text = "Released " + row->id.value + " from device " + seatWords(*seat) + "\n";
            for (const auto& document : authority->store().documents(row->id))
                if (document.seat == seat->number && document.freshUntil > cli.now())
                    answer.warnings = {"the document on that device verifies until " + toRfc3339(document.freshUntil) +
                                       ": have `entitlectl deactivate` run there"};
            answer.json = {{"license", row->id.value}, {"released", describeSeat(*seat)}};
            return answer;
        };
    });
}

}  // namespace

void addLicenseCommands(CLI::App& app, Cli& cli) {
    auto* group =
        app.add_subcommand("license",
                           "Licenses: new, list, show, release; generate, suspend, reinstate, revoke, extend, "
                           "change");
    group->require_subcommand(1);
    addNew(*group, cli);
    addList(*group, cli);
    addShow(*group, cli);
    addRelease(*group, cli);
    addLicensingCommands(*group, cli);
}

}  // namespace entitle
