// Runs the real entitle-server: to the end, several at once, or up to a chosen system call.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/server/desk.h"

namespace entitle::testing {

struct Outcome {
    int exitCode = -1;  // -1: ended by a signal
    std::string out, err;
};

// One directory for everything a program run needs: HOME, outputs.
class Program {
  public:
    // Starts with an empty environment but for PATH, HOME and `environment`.
    std::map<std::string, std::string> environment;

    Outcome run(const std::vector<std::string>& arguments, const std::string& input = "") const;

    // All at once: every one is started before the first is waited for.
    std::vector<Outcome> runTogether(const std::vector<std::vector<std::string>>& all) const;

    enum class Death { killed, finished, cannotTrace };
    // Kills it (SIGKILL) at the entry of its nth (from 1) system call that can change a file, so that the call is not
    // made.
    Death killAtChange(const std::vector<std::string>& arguments, int nth) const;

    std::filesystem::path directory() const { return temporary_.path(); }

  private:
    struct Started;
    Started start(const std::vector<std::string>& arguments, const std::string& input, bool traced) const;
    Outcome finish(const Started&) const;
    TemporaryDirectory temporary_;
    mutable int runs_ = 0;
};

}  // namespace entitle::testing
