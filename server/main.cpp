// entitle-server: composition. The only file of this room that reads a clock or the environment.
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "server/cli.h"
#include "server/files.h"

int main(int argc, char** argv) {
    using namespace entitle;
    keepNewFilesPrivate();
    Cli cli;
    cli.now = [] { return std::chrono::floor<Seconds>(std::chrono::system_clock::now()); };
    cli.steady = [] { return std::chrono::steady_clock::now().time_since_epoch(); };
    cli.environment = [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    return static_cast<int>(runCommandLine(cli, argc, argv, std::cout, std::cerr));
}
