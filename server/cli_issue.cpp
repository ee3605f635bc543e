#include <memory>

#include "server/cli.h"
#include "server/files.h"
#include "server/signing.h"

namespace entitle {

void addIssueCommand(CLI::App& app, Cli& cli) {
    struct Options {
        std::string license, request, out;
        int freshDays = 365;
        bool otherHardware = false;
    };
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("issue", "Answer a machine's request with a license file");
    command->footer(
        "A license is for one device: the first request takes its seat. The same request gets the same file, byte for\n"
        "byte; a new request of the same device gets a newer document; another device is refused until the seat is\n"
        "released, and so is the same device on other hardware, unless --other-hardware says that it may. A machine\n"
        "that was reinstalled takes its own seat back. A trial, and a license sold by --days, runs from its first "
        "document.\n\n"
        "Examples:\n"
        "  entitle-server issue --license lic_4k… --request machine.request --out machine.license\n"
        "  entitle-server issue --license CO-… --request - < machine.request > machine.license");
    command->add_option("--license", options->license, "The license's id (lic_…), or its key")->required();
    command->add_option("--request", options->request, "What `entitlectl request` wrote; - for standard input")
        ->type_name("FILE")
        ->required();
    command->add_option("--out", options->out, "Where the license file goes [standard output]")->type_name("FILE");
    command->add_option("--exp-days", options->freshDays, "Until the machine must be given a newer document")
        ->type_name("DAYS")
        ->check(CLI::Range(1, maxFreshDays))
        ->capture_default_str();
    command->add_flag("--other-hardware", options->otherHardware,
                      "Bind the device's seat to the machine that asks, though its hardware is another");
    command->callback([&cli, options] {
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            const auto row = findLicense(cli, *authority, options->license);
            if (!row) return row.error();
            const auto request = readPlainFile(options->request, maxFileBytes);
            if (!request) return request.error();
            std::error_code different;
            if (!options->out.empty() && std::filesystem::equivalent(options->out, options->request, different))
                return Denial{DenialReason::usage, "--out would overwrite the request: choose another name"};

            IssueTerms terms;
            terms.fresh = std::chrono::days{options->freshDays};
            IssueRights rights;
            rights.otherHardware = options->otherHardware;
            const auto issued = answerRequest(*authority, row->id, *request, terms, rights, cli.now());
            if (!issued) return issued.error();
            // Written after the commit: if this is interrupted, the same request gives the same bytes again.
            if (!options->out.empty())
                if (auto put = replaceFile(options->out, issued->text, 0644); !put) return put.error();

            const License& license = issued->license;
            Answer answer;
            answer.json = {{"license", license.id.value},
                           {"device", license.device.value},
                           {"host", issued->hostLabel},
                           {"seq", license.sequence},
                           {"repeated", issued->repeated},
                           {"issued_at", toRfc3339(license.issuedAt)},
                           {"fresh_until", toRfc3339(license.freshUntil)},
                           {"ends_at", jsonInstant(license.endsAt)}};
            if (options->out.empty()) {
                answer.text = issued->text;
                answer.json["file"] = issued->text;
            } else {
                answer.text =
                    (issued->repeated ? "The same request as before: the same document again.\n" : "") +
                    ("Wrote " + options->out + "\n") + field("license", license.id.value + " (" + license.type + ")") +
                    field("device",
                          license.device.value + (issued->hostLabel.empty() ? "" : "  " + issued->hostLabel)) +
                    field("document", "number " + std::to_string(license.sequence) + ", to be renewed by " +
                                          toRfc3339(license.freshUntil)) +
                    field("ends", license.endsAt ? toRfc3339(*license.endsAt) : "never") +
                    "Next, on that machine: entitlectl import FILE\n";
                answer.json["out"] = options->out;
            }
            if (issued->keyEndsSoon)
                answer.warnings.push_back("the signing key ends on " + toRfc3339(*issued->keyEndsSoon) +
                                          ": attach the roots soon and type `entitle-server keys rotate --roots DIR`");
            return answer;
        };
    });
}

}  // namespace entitle
