// The real `entitled` as a child process, on a machine of its own below a fresh directory; and the programs that use
// it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {

inline constexpr std::chrono::seconds patience{30};  // for one event, on a loaded machine

// A child that is killed and reaped when it goes.
class Child {
  public:
    // Environment variables are added to ours. Standard error is appended to `errors`.
    Child(const std::vector<std::string>& command, const std::string& errors,
          const std::map<std::string, std::string>& environment = {});
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }
    void say(const std::string& line) const;
    std::string hear();  // the next line of its standard output; throws after `patience`
    std::string ask(const std::string& line) {
        say(line);
        return hear();
    }
    void signal(int number) const;
    int end();    // waits for it: exit code, or 128 + signal; throws after `patience`
    void kill();  // SIGKILL, and reaped

  private:
    pid_t pid_ = -1;
    int pidfd_ = -1, in_ = -1, out_ = -1;
    std::string heard_;
    std::optional<int> ended_;
};

class RealDaemon {
  public:
    explicit RealDaemon(std::string moreConfig = "");
    ~RealDaemon();
    void configure(const std::string& more);  // writes the configuration anew
    void setHardware(const std::string& seed);
    void writeRoots(const std::string& line);

    void start(const std::vector<std::string>& wrapper = {});  // returns when it says READY=1
    int startRefused();                                        // starts one that must not come up: its exit code
    void crash() { child->kill(); }
    void waitNotified(const std::string& text);  // "READY=1", "STOPPING=1"
    std::string log() const { return readFile(files / "log"); }
    std::string query() const { return files / "run/entitled.sock"; }
    std::string admin() const { return files / "adm/admin.sock"; }
    std::string config() const { return files / "entitled.toml"; }
    std::unique_ptr<Child> launch(const std::vector<std::string>& wrapper = {});
    std::unique_ptr<Child> puppet(const std::string& connectTo);  // connected already

    TemporaryDirectory files;
    std::unique_ptr<Child> child;
    std::map<std::string, std::string> environment;

  private:
    int notifications_ = -1;
};

// Asks again and again until it is so; false after `patience`. Each question is a round trip to another process.
bool eventually(const std::function<bool()>& so);

}  // namespace entitle::testing
