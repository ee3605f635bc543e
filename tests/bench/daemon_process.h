// A real daemon in a private directory, with a license of a real authority.
#pragma once

#include <filesystem>
#include <string>
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

// Throws std::runtime_error with a program's own words when something does not work. Stopped and removed when it goes.
class DaemonProcess {
  public:
    explicit DaemonProcess(Programs);
    ~DaemonProcess();
    DaemonProcess(const DaemonProcess&) = delete;
    DaemonProcess& operator=(const DaemonProcess&) = delete;

    // Milliseconds from its start to READY=1.
    double start();
    void stop();
    // Request, issue and import, as a person carries them: an enterprise license, whose bots are unlimited. Restarts
    // it.
    void license();

    pid_t pid() const { return pid_; }
    std::string socket() const { return (directory_ / "run/entitled.sock").string(); }

  private:
    std::string run(const std::vector<std::string>& command) const;
    std::vector<std::string> environment() const;
    void writeConfiguration(bool withRoots) const;

    Programs programs_;
    std::filesystem::path directory_;
    int ready_ = -1;  // the socket READY=1 comes to
    pid_t pid_ = -1;
};

}  // namespace entitle::bench
