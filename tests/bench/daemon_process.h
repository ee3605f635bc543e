// A real daemon in a private directory, with a license of a real authority.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/bench/programs.h"

namespace entitle::bench {

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
    // A license with a key, over the network from an authority at `url`, by `entitlectl activate`. Restarts it when it
    // was not told of this authority yet.
    void activate(const std::string& url, const std::filesystem::path& roots, const std::string& key);
    void refresh();  // a renewal, now
    // Request, issue and import, as a person carries them: an enterprise license, whose bots are unlimited. Restarts
    // it.
    void license();

    pid_t pid() const { return pid_; }
    std::string socket() const { return (directory_ / "run/entitled.sock").string(); }

  private:
    std::string run(const std::vector<std::string>& command) const;
    std::vector<std::string> environment() const;
    void writeConfiguration() const;

    Programs programs_;
    const PrivateDirectory own_;
    const std::filesystem::path directory_ = own_.path();
    std::filesystem::path roots_;  // of the authority it trusts; empty: none
    std::string url_;              // where that one is asked; empty: everything comes by file
    int ready_ = -1;               // the socket READY=1 comes to
    pid_t pid_ = -1;
};

}  // namespace entitle::bench
