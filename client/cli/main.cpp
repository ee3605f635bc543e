// entitlectl: asks and administers the license daemon of this machine.
#include <exception>

#include "client/cli/command_line.h"
#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace entitle::cli {
namespace {

int report(const Terminal& terminal, const Failure& failure) {
    if (terminal.json()) {
        terminal.print(toJson(failure));
    } else {
        terminal.note(failure.what());
        if (!failure.advice().empty()) terminal.note(escaped(failure.advice()));
    }
    return failure.exitCode();
}

int execute(const CommandLine& line) {
    const auto terminal = line.globals.terminal();
    int status = exitFault;
    try {
        status = line.command(line.globals);
    } catch (const Failure& failure) {
        status = report(terminal, failure);
    } catch (const std::exception& fault) {
        terminal.note(escaped(fault.what()));
    }
    return terminal.finish() || status != exitDone ? status : exitFault;
}

}  // namespace
}  // namespace entitle::cli

int main(int argc, char** argv) {
    const auto line = entitle::cli::parseCommandLine(argc, argv);
    return line.exit ? *line.exit : entitle::cli::execute(line);
}
