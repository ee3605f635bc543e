// The project's programs, run as their users run them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace entitle::bench {

// Where the programs under measurement are.
struct Programs {
    std::filesystem::path entitled;
    std::filesystem::path entitlectl;
    std::filesystem::path server;

    static Programs below(const std::filesystem::path& build) {
        return {build / "daemon/entitled", build / "client/entitlectl", build / "server/entitle-server"};
    }
    bool exist() const;
};

// A directory of one's own below the temporary one; it and all in it are gone with the object.
class PrivateDirectory {
  public:
    PrivateDirectory();
    ~PrivateDirectory();
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

void writeText(const std::filesystem::path&, std::string_view, bool ownerOnly = false);
std::string readText(const std::filesystem::path&);

// Starts it; `output` is its standard output and error, -1: nowhere. Throws std::runtime_error.
pid_t spawnProgram(const std::vector<std::string>& command, const std::vector<std::string>& environment, int output);
// Runs it to its end and returns what it wrote; throws that when it fails. `input`: its standard input.
std::string runProgram(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                       std::string_view input = "");
// SIGTERM, and how it ended; throws unless in order.
void stopProgram(pid_t, const std::string& name);

}  // namespace entitle::bench
