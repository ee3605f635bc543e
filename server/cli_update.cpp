#include <memory>

#include "license/license_file.h"
#include "license/revocation.h"
#include "server/cli.h"
#include "server/files.h"
#include "server/signer.h"

namespace entitle {

void addUpdateFileCommand(CLI::App& app, Cli& cli) {
    auto out = std::make_shared<std::string>();
    auto* command = app.add_subcommand("update-file", "Write what a machine that is never online has to be told");
    command->footer(
        "The newest key set and the signed list of revoked, suspended and reinstated licenses, the same for every\n"
        "machine: entitlectl import FILE. A license file carries the key set too; this carries the decisions.\n\n"
        "Example:\n"
        "  entitle-server update-file --out update.txt");
    command->add_option("--out", *out, "Where the file goes [standard output]")->type_name("FILE");
    command->callback([&cli, out] {
        cli.chosen = [&cli, out]() -> Granted<Answer> {
            auto authority = cli.open();
            if (!authority) return authority.error();
            Store& store = authority->store();
            Signer signer(*authority);
            const auto now = cli.now();
            const auto ready = signer.at(store.keySet(), now);
            if (!ready) return ready.error();
            const auto epoch = store.revocationEpoch();
            if (epoch == 0)
                return Denial{DenialReason::nothingDecided,
                              "no license was ever revoked or suspended here: there is nothing that such a file could "
                              "tell a machine"};
            const auto list = signer.revocations(**ready, epoch, now,
                                                 [&] { return store.revocations(static_cast<int>(maxRevocations)); });
            const auto text =
                printUpdateFile({(*ready)->setToken, list}, "What the authority " + authority->roots().authority +
                                                                " has decided up to " + toRfc3339(now) +
                                                                ". On the machine: entitlectl import FILE");
            Answer answer;
            answer.json = {{"key_set", (*ready)->set.version}, {"revocations", epoch}};
            if (out->empty()) {
                answer.text = text;
                answer.json["file"] = text;
            } else {
                if (auto put = replaceFile(*out, text, 0644); !put) return put.error();
                answer.text = "Wrote " + *out + "\n" +
                              field("key set", "version " + std::to_string((*ready)->set.version)) +
                              field("decisions", "up to number " + std::to_string(epoch)) +
                              "Next, on every machine that is never online: entitlectl import FILE\n";
                answer.json["out"] = *out;
            }
            return answer;
        };
    });
}

}  // namespace entitle
