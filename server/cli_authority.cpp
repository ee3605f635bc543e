#include <algorithm>

#include <boost/json/array.hpp>

#include "server/cli.h"
#include "server/issue.h"

namespace entitle {

void addAuthorityCommands(CLI::App& app, Cli& cli) {
    auto* group = app.add_subcommand("authority", "This authority: show");
    group->require_subcommand(1);
    auto* show = group->add_subcommand("show", "Its id, roots, key set and number of licenses");
    show->footer("The line `trust` is what daemons pin: as a file, or compiled in by -DENTITLE_ROOTS=\"…\".");
    show->callback([&cli] {
        cli.chosen = [&cli]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            const auto row = authority->store().keySet();
            const KeySet set = authority->verified(row);
            const auto atHand = signingKeysAtHand(authority->files(), set);
            const auto* key = atHand ? signingKeyFor(set, *atHand, cli.now()) : nullptr;
            const auto licenses = authority->store().licenses();
            const auto held =
                std::count_if(licenses.begin(), licenses.end(), [](const auto& one) { return one.seat.has_value(); });

            Answer answer;
            answer.text =
                "Authority " + authority->roots().authority + "\n" +
                field("directory", std::filesystem::absolute(authority->files().directory).string()) +
                field("trust", printRoots(authority->roots())) +
                field("key set", "version " + std::to_string(set.version) + " of " + toRfc3339(set.issuedAt)) +
                field("signing key", !atHand          ? "none can be read now"
                                     : key == nullptr ? "none can be used now: keys rotate"
                                                      : key->key.keyId()) +
                field("licenses", std::to_string(licenses.size()) + ", " + std::to_string(held) + " on a device");
            if (!atHand) answer.warnings.push_back(atHand.error().message);
            boost::json::array roots;
            for (const auto& root : authority->roots().keys) roots.emplace_back(root.paserk());
            answer.json = {
                {"authority", authority->roots().authority},
                {"dir", authority->files().directory.string()},
                {"roots_file", authority->files().roots.string()},
                {"trust", printRoots(authority->roots())},
                {"roots", std::move(roots)},
                {"key_set_version", set.version},
                {"key_set_token", row.token},
                {"signing_key", key == nullptr ? boost::json::value() : boost::json::value(key->key.keyId())},
                {"licenses", licenses.size()},
                {"devices", held}};
            return answer;
        };
    });
}

}  // namespace entitle
