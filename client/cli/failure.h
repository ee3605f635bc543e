// Why a command could not do its work: thrown by commands, printed once by main.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "client/client.h"

namespace entitle::cli {

class Failure : public std::runtime_error {
  public:
    // `code`: stable, for --json. `advice`: what to do next; may be empty.
    Failure(int exitCode, std::string code, const std::string& message, std::string advice = {})
        : std::runtime_error(message), exitCode_(exitCode), code_(std::move(code)), advice_(std::move(advice)) {}

    int exitCode() const { return exitCode_; }
    const std::string& code() const { return code_; }
    const std::string& advice() const { return advice_; }

  private:
    int exitCode_;
    std::string code_;
    std::string advice_;
};

// What to do about a daemon that cannot be asked. `admin`: it was the admin socket.
std::string adviceFor(Unavailable, bool admin);

}  // namespace entitle::cli
