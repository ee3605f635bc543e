#include <memory>

#include <boost/json/array.hpp>

#include "server/cli.h"
#include "server/founding.h"

namespace entitle {

void addInitCommand(CLI::App& app, Cli& cli) {
    struct Options {
        std::string roots, name, database;
    };
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("init", "Create an authority: roots, signing key, key set, database");
    command->footer(
        "Two root keys are made, an active and a standby one, in a directory of their own: take it offline, only "
        "`keys\n"
        "rotate` and `keys revoke` need it. Daemons pin roots.pub. Nothing that exists is overwritten; if it is "
        "killed\n"
        "half-way, run it again. $LICENSE_SECRET_KEY is kept in the file license-secret if it is set, else one is "
        "made.\n\n"
        "Examples:\n"
        "  entitle-server init --dir /srv/authority --roots /media/usb/roots\n"
        "  entitle-server init --dir authority --roots roots --name cryptoorchestrator\n"
        "  entitle-server init --dir authority --roots roots --database postgresql://entitle@db.example/entitle");
    command->add_option("--roots", options->roots, "Where the root keys go, apart from --dir [$ENTITLE_SERVER_ROOTS]")
        ->type_name("DIR");
    command->add_option("--name", options->name, "The authority's id: 3 to 40 of a-z, 0-9, '-' [a random one]")
        ->type_name("NAME");
    command
        ->add_option("--database", options->database,
                     "An empty PostgreSQL database to keep everything in [an SQLite file in --dir]")
        ->type_name("URL");
    command->callback([&cli, options] {
        cli.chosen = [&cli, options]() -> Granted<Answer> {
            const auto roots = rootsDirectory(cli, options->roots);
            if (!roots) return roots.error();
            const std::string name = options->name.empty() ? randomAuthorityId() : options->name;
            Founding wish{cli.directory(), *roots, name, cli.environment("LICENSE_SECRET_KEY"), std::nullopt};
            if (!options->database.empty()) {
                auto database = DatabaseAddress::parse(options->database);
                if (!database) return database.error();
                wish.database = std::move(*database);
            }
            const auto founded = foundAuthority(wish, cli.now());
            if (!founded) return founded.error();

            const auto& signingKey = founded->keySet.keys.front();
            const AuthorityFiles files(founded->directory);
            Answer answer;
            answer.text = "Authority " + name + " created in " + founded->directory.string() + "\n" +
                          field("trust", files.roots.string() + " (daemons pin this file)") +
                          field("roots", founded->roots.string() + " (secret: take this directory offline now)") +
                          field("signing key", signingKey.key.keyId()) +
                          field("", "until " + toRfc3339(signingKey.expires)) + field("key set", "version 1") +
                          "Next: " + cli.program() + " license new --type pro\n";
            boost::json::array rootKeys;
            for (const auto& key : founded->anchor.keys) rootKeys.emplace_back(key.paserk());
            answer.json = {{"authority", name},
                           {"dir", founded->directory.string()},
                           {"roots_dir", founded->roots.string()},
                           {"roots_file", files.roots.string()},
                           {"roots", std::move(rootKeys)},
                           {"signing_key", signingKey.key.keyId()},
                           {"signing_key_expires", toRfc3339(signingKey.expires)},
                           {"key_set_version", founded->keySet.version}};
            return answer;
        };
    });
}

}  // namespace entitle
