#include <memory>

#include "server/backup.h"
#include "server/cli.h"

namespace entitle {
namespace {

void addMigrate(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("migrate", "Bring the database's schema up to date, and say what it is");
    command->footer(
        "Every other command does the same when it starts; of several at once one does it and the others wait.\n"
        "Take a backup first: a schema never goes back.");
    command->callback([&cli] {
        cli.chosen = [&cli]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            const int schema = authority->store().schema();
            Answer answer;
            answer.text = "The database has schema " + std::to_string(schema) + "\n" +
                          field("database", authority->database().shown());
            answer.json = {{"schema", schema}, {"database", authority->database().shown()}};
            return answer;
        };
    });
}

void addBackup(CLI::App& app, Cli& cli) {
    auto out = std::make_shared<std::string>();
    auto* command = app.add_subcommand("backup", "Copy the database into one file, while the server goes on");
    command->footer(
        "The file holds accounts and licenses, no keys. The rest of the directory (signing, license-secret, "
        "roots.pub)\n"
        "changes only when keys are rotated: copy it then, as carefully. PostgreSQL: this runs pg_dump.\n\n"
        "Examples:\n"
        "  entitle-server backup --out /backup/authority-$(date +%F).db");
    command->add_option("--out", *out, "A new file; one that exists is never overwritten")
        ->type_name("FILE")
        ->required();
    command->callback([&cli, out] {
        cli.chosen = [&cli, out]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            if (auto done = backUp(*authority, *out); !done) return done.error();
            Answer answer;
            answer.text = "Wrote " + *out + "\n" + field("database", authority->database().shown());
            answer.json = {{"out", *out}, {"database", authority->database().shown()}};
            return answer;
        };
    });
}

void addRestore(CLI::App& app, Cli& cli) {
    auto from = std::make_shared<std::string>();
    auto* command = app.add_subcommand("restore", "Put a backup in the place of a database that is gone");
    command->footer(
        "The directory must hold everything but the database; an authority.db that is there must be moved away first,\n"
        "and a PostgreSQL database (file database-url) must be empty: this runs pg_restore.\n"
        "Devices recover by themselves at their next renewal. What was revoked, or logged out, since the backup was\n"
        "taken is in force again: revoke it anew.\n\n"
        "Examples:\n"
        "  entitle-server --dir /srv/authority restore --from /backup/authority-2026-11-22.db");
    command->add_option("--from", *from, "What `backup` wrote")->type_name("FILE")->required();
    command->callback([&cli, from] {
        cli.chosen = [&cli, from]() -> Granted<Answer> {
            const auto restored = restore(cli.directory(), *from, cli.now());
            if (!restored) return restored.error();
            Answer answer;
            answer.text = "Restored " + std::to_string(restored->licenses) + " licenses from " + *from + "\n";
            answer.json = {{"from", *from}, {"licenses", restored->licenses}, {"schema", restored->schema}};
            answer.warnings.push_back(
                "what was revoked, changed or logged out since that backup is in force again: revoke it anew");
            return answer;
        };
    });
}

}  // namespace

void addDatabaseCommands(CLI::App& app, Cli& cli) {
    addMigrate(app, cli);
    addBackup(app, cli);
    addRestore(app, cli);
}

}  // namespace entitle
