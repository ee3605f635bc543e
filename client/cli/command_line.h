// The command line: parsed into a command to run.
#pragma once

#include <functional>
#include <optional>

#include "client/cli/globals.h"

namespace entitle::cli {

struct CommandLine {
    Globals globals;
    std::function<int(const Globals&)> command;
    std::optional<int> exit;  // help was printed, or the usage is wrong and was explained: nothing to run
};

CommandLine parseCommandLine(int argc, char** argv);

}  // namespace entitle::cli
