#include <algorithm>
#include <memory>

#include <boost/json/array.hpp>

#include "server/cli_calls.h"
#include "server/issue.h"
#include "server/rotation.h"

namespace entitle {
namespace {

constexpr int defaultOverlapDays = 30;

std::string stateOf(const SigningKeyEntry& entry, const Granted<std::vector<std::string>>& atHand, Instant now) {
    if (entry.revoked) return "revoked";
    if (now < entry.notBefore) return "not yet valid";
    if (now >= entry.expires) return "verifying only";
    if (!atHand) return "unreadable";
    return std::find(atHand->begin(), atHand->end(), entry.key.keyId()) != atHand->end() ? "signing" : "file missing";
}

Answer describe(const Authority& authority, const KeySet& set, Instant now) {
    const auto atHand = signingKeysAtHand(authority.files(), set);
    const SigningKeyEntry* chosen = atHand ? signingKeyFor(set, *atHand, now) : nullptr;
    Answer answer;
    answer.text = "Key set version " + std::to_string(set.version) + " of " + toRfc3339(set.issuedAt) + "\n";
    boost::json::array keys;
    for (const auto& entry : set.keys) {
        const std::string id = entry.key.keyId();
        const bool current = &entry == chosen;
        const std::string state = stateOf(entry, atHand, now);
        answer.text += (current ? "* " : "  ") + id + "  " + state + ", from " + toRfc3339(entry.notBefore) + " to " +
                       toRfc3339(entry.expires) + "\n";
        keys.push_back(boost::json::object{{"id", id},
                                           {"public", entry.key.paserk()},
                                           {"not_before", toRfc3339(entry.notBefore)},
                                           {"expires", toRfc3339(entry.expires)},
                                           {"revoked", entry.revoked},
                                           {"state", state},
                                           {"current", current}});
    }
    answer.json = {{"version", set.version}, {"issued_at", toRfc3339(set.issuedAt)}, {"keys", std::move(keys)}};
    if (!atHand) {
        answer.warnings.push_back(atHand.error().message);
    } else if (chosen == nullptr) {
        answer.warnings.push_back(
            "no key can sign now: attach the roots and type `entitle-server keys rotate --roots DIR`");
    }
    return answer;
}

void addList(CLI::App& keys, Cli& cli) {
    auto* command = keys.add_subcommand("list", "The signing keys of the newest key set; * signs the next document");
    command->callback([&cli] {
        if (!serverOf(cli).empty()) {
            cli.chosen = overApi(cli, listKeys);
            return;
        }
        cli.chosen = [&cli]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            return describe(*authority, authority->keySet(), cli.now());
        };
    });
}

void addRotate(CLI::App& keys, Cli& cli) {
    struct Options {
        std::string roots;
        int overlapDays = defaultOverlapDays;
    };
    auto options = std::make_shared<Options>();
    auto* command = keys.add_subcommand("rotate", "Make a new signing key and the key set that names it");
    command->footer(
        "Documents of the old key verify until they end; it stops signing after the overlap. Daemons learn the new "
        "set\n"
        "from the next license file. Needs the roots for this one command.\n\n"
        "Example:\n"
        "  entitle-server keys rotate --roots /media/usb/roots --overlap 14");
    command->add_option("--roots", options->roots, "Where the root keys are [$ENTITLE_SERVER_ROOTS]")->type_name("DIR");
    command->add_option("--overlap", options->overlapDays, "How long older keys may still sign")
        ->type_name("DAYS")
        ->check(CLI::Range(0, 365))
        ->capture_default_str();
    command->callback([&cli, options] {
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            if (auto here = checkHere(cli, "this"); !here) return here.error();
            const auto roots = rootsDirectory(cli, options->roots);
            if (!roots) return roots.error();
            auto authority = cli.open();
            if (!authority) return authority.error();
            const auto now = cli.now();
            authority->store().recordAs(cli.action("key-rotate", "signing keys"));
            const auto set = rotateSigningKey(*authority, *roots, std::chrono::days{options->overlapDays}, now);
            if (!set) return set.error();
            Answer answer = describe(*authority, *set, now);
            answer.text += "Take the roots offline again.\n";
            return answer;
        };
    });
}

void addRevoke(CLI::App& keys, Cli& cli) {
    struct Options {
        std::string roots, keyId;
    };
    auto options = std::make_shared<Options>();
    auto* command = keys.add_subcommand("revoke", "Declare a signing key stolen: nothing it signed verifies any more");
    command->footer(
        "Every device that learns the new key set drops the documents of that key: make them new requests. Rotate "
        "first,\n"
        "so that there is a key to answer them with. Needs the roots for this one command.\n\n"
        "Example:\n"
        "  entitle-server keys revoke k4.pid.… --roots /media/usb/roots");
    command->add_option("KID", options->keyId, "The key's id, k4.pid.…: see `keys list`")->required();
    command->add_option("--roots", options->roots, "Where the root keys are [$ENTITLE_SERVER_ROOTS]")->type_name("DIR");
    command->callback([&cli, options] {
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            if (auto here = checkHere(cli, "this"); !here) return here.error();
            const auto roots = rootsDirectory(cli, options->roots);
            if (!roots) return roots.error();
            auto authority = cli.open();
            if (!authority) return authority.error();
            const auto now = cli.now();
            authority->store().recordAs(cli.action("key-revoke", options->keyId));
            const auto set = revokeSigningKey(*authority, *roots, options->keyId, now);
            if (!set) return set.error();
            Answer answer = describe(*authority, *set, now);
            answer.text += "Take the roots offline again.\n";
            return answer;
        };
    });
}

}  // namespace

void addKeysCommands(CLI::App& app, Cli& cli) {
    auto* keys = app.add_subcommand("keys", "Signing keys: list, rotate, revoke");
    keys->require_subcommand(1);
    addList(*keys, cli);
    addRotate(*keys, cli);
    addRevoke(*keys, cli);
}

}  // namespace entitle
