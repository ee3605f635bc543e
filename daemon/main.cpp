// entitled: the composition root.
#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>
#include <sodium.h>

#include "daemon/entitled.h"
#include "daemon/journal.h"
#include "daemon/log.h"
#include "daemon/process.h"

namespace entitle {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  entitled                                   with /etc/entitled/entitled.toml, or the defaults\n"
    "  entitled --config ~/entitled.toml          a private daemon, without root\n"
    "  entitled --check-config --config FILE      say what is wrong with a configuration\n"
    "  entitled --new-key                         give the device key up and make a new one; entitled must not run\n"
    "Exit codes: 0 stopped as asked, 1 could not start or failed, 2 wrong usage, 3 wrong configuration,\n"
    "            4 another daemon uses the same state directory.\n"
    "Signals: SIGTERM and SIGINT stop, SIGHUP reads the configuration again.\n";

int main(int argc, char** argv) {
    CLI::App app{"The license daemon: holds this machine's license and answers every program on it.", "entitled"};
    app.footer(examples);
    std::string file;
    bool check = false, version = false, foreground = true, newKey = false;
    app.add_option("--config", file, "The configuration file")->type_name("FILE");
    app.add_flag("--check-config", check, "Read the configuration, say what is wrong with it, and exit");
    app.add_flag("--new-key", newKey, "Set the device key aside, make a new one, and exit");
    app.add_flag("--foreground", foreground,
                 "Stay in the foreground (always so; a supervisor puts it in the background)");
    app.add_flag("--version", version, "Print the version and exit");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& wrong) {
        return app.exit(wrong) == 0 ? stopped : usage;
    }
    if (version) {
        std::cout << "entitled " << ENTITLE_VERSION
                  << (thisBuild() == Build::release ? "\n"
                                                    : " (development build: roots come from the configuration)\n");
        return stopped;
    }
    std::optional<std::string> path;
    if (!file.empty()) path = std::filesystem::absolute(file).string();
    startLog(LogLevel::info, stderrIsJournal());
    if (stderrIsJournal()) tellTo(Journal::connect());
    auto config = loadConfig(path, processEnvironment(), thisBuild());
    if (!config) {
        for (const auto& error : config.error().errors) log().error("{}", toString(error));
        return badConfig;
    }
    setLogLevel(config->logLevel);
    for (const auto& ignored : config->ignored) log().warn("{}", ignored);
    if (check) {
        std::cout << (path ? *path : std::string(defaultConfigPath)) << ": in order\n";
        return stopped;
    }
    if (!forbidCoreDumps()) log().warn("core dumps could not be forbidden");
    settleProcess();
    if (sodium_init() < 0) throw std::runtime_error("no source of randomness");
    if (newKey) {
        std::cout << makeNewKey(*config) << '\n';
        return stopped;
    }
    Entitled(std::move(*config), path).run();
    return stopped;
}

}  // namespace
}  // namespace entitle

int main(int argc, char** argv) {
    try {
        return entitle::main(argc, argv);
    } catch (const entitle::CannotStart& reason) {
        entitle::log().error("{}", reason.why);
        return reason.code;
    } catch (const std::exception& fault) {
        entitle::log().error("{}", fault.what());
        return entitle::failed;
    }
}
