// A computer of its own for one test: hardware facts, configuration, state, and the real programs running on it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/process.h"

namespace entitle::e2e {

class Machine {
  public:
    // Everything lies below a fresh directory, removed at the end. `seed` decides the hardware.
    explicit Machine(char seed = 'a');
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine();

    const std::string& directory() const { return directory_; }
    void configure(const std::string& more) const;  // writes the configuration anew, with this at its end
    Environment daemonEnvironment;                  // added to the daemon's from the next start on
    std::vector<std::string> daemonWrapper;         // a program that starts the daemon, with its arguments
    std::string stateDirectory() const { return directory_ + "/state"; }
    std::string querySocket() const { return directory_ + "/run/entitled.sock"; }
    std::string rootsFile() const { return directory_ + "/roots"; }
    std::string configFile() const { return directory_ + "/etc/entitled.toml"; }
    std::string busSocket() const { return directory_ + "/bus"; }  // the daemon's system bus, if a test starts one
    std::string logFile() const { return directory_ + "/daemon.log"; }
    std::string log() const;

    // Starts the daemon and returns when it says READY=1. Fails the test if it does not.
    void start();
    // Starts it where it must refuse: its exit code, once it has ended.
    std::optional<int> startRefused();
    // Waits for the daemon's next notification that contains `text`: "READY=1", "STOPPING=1", …
    bool waitNotified(const std::string& text);
    Process& daemon() { return *daemon_; }
    void killDaemon();                // SIGKILL, as a crash
    std::optional<int> stopDaemon();  // SIGTERM: the exit code

    Output ctl(std::vector<std::string> arguments, Environment more = {}) const;  // entitlectl, to its end
    Process startCtl(std::vector<std::string> arguments) const;                   // its errors go to ctl.log
    Process startBot(const std::string& name) const;  // client/examples/bot; works until it is killed
    std::string pipe(const std::string& name) const;  // a named pipe in the directory, made when first asked for
    void changeHardware(char seed) const;
    Environment environment() const;  // what finds this machine's daemon

    void write(const std::string& path, const std::string& text, unsigned mode = 0600) const;
    std::string read(const std::string& path) const;

  private:
    Process launch();

    std::string directory_;
    Descriptor notifications_;
    Descriptor ticks_;  // the bots' input: they work as long as it is open
    std::optional<Process> daemon_;
};

}  // namespace entitle::e2e
