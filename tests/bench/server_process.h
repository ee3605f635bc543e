// A real authority in a private directory, served by the program of this build.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "server/database_address.h"
#include "tests/bench/programs.h"

namespace entitle::bench {

// Throws std::runtime_error with the program's own words when something does not work. Stopped and removed when it
// goes.
class ServerProcess {
  public:
    // Founds the authority and its administrator, in an SQLite file or at `database`, which must be empty.
    ServerProcess(const Programs&, std::optional<DatabaseAddress> database);
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    // Returns when it listens. The limits a benchmark would run into are out of its way, and no others; `more` is added
    // to server.toml.
    void start(std::string_view more = "");
    void stop();

    pid_t pid() const { return pid_; }
    std::uint16_t port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::filesystem::path directory() const { return own_.path(); }
    std::filesystem::path rootsFile() const { return own_.path() / "authority/roots.pub"; }
    const std::string& authority() const { return name_; }
    DatabaseAddress database() const;

    static constexpr std::string_view adminEmail = "admin@example.com";
    static constexpr std::string_view adminPassword = "correct horse battery";

  private:
    std::vector<std::string> environment() const;
    const Programs programs_;
    const PrivateDirectory own_;
    const std::string name_ = "bench";
    const std::optional<DatabaseAddress> postgres_;
    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
};

}  // namespace entitle::bench
