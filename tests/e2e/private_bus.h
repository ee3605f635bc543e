// A system bus of its own for one machine of a test: the real dbus-daemon, what stands on it beside us
// (python-dbusmock), and the tools an administrator would use.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/machine.h"

namespace entitle::e2e {

inline constexpr const char* entitledName = "org.cryptoorchestrator.Entitled1";
inline constexpr const char* entitledPath = "/org/cryptoorchestrator/Entitled1";

class PrivateBus {
  public:
    // Why it cannot be had here, in words; "" if it can.
    static std::string obstacle();

    explicit PrivateBus(const Machine& machine) : machine_(machine) {}

    // Listens at machine.busSocket() when it returns. `policy`: more rules, for everybody.
    void start(const std::string& policy = "");
    void kill();  // and every service with it

    // "polkit", or one of python-dbusmock's own: "logind", "networkmanager". On the bus when it returns.
    void mock(const std::string& service, const std::string& name);
    void unmock(const std::string& service);
    // Calls of a mock's method since it was started, as its log has them.
    std::string callsOf(const std::string& service) const;

    // busctl, to its end. As another user if `uid` is given, which needs root.
    Output busctl(std::vector<std::string> arguments, std::optional<unsigned> uid = std::nullopt) const;
    // A method of ours: "CheckFeature", {"s", "live_trading"}. Nobody is asked for a password unless `ask`.
    Output call(const std::string& method, std::vector<std::string> arguments = {},
                std::optional<unsigned> uid = std::nullopt, bool ask = false) const;
    // The same by gdbus, whose arguments are GVariant's: busctl keeps words about denied access to itself. Nothing but
    // the error: its name, and what it says.
    std::string refusal(const std::string& method, std::vector<std::string> arguments = {},
                        std::optional<unsigned> uid = std::nullopt, bool ask = false) const;
    // Import of what descriptor 3 is, opened by the shell: "<file", ">file".
    std::string importing(const std::string& source) const;
    std::string property(const std::string& name) const;  // as busctl prints it: `s "demo"`
    // Says each signal of ours on a line of its own, beginning once it listens.
    std::unique_ptr<Process> listen() const;
    // Somebody who stays: not waited for.
    std::unique_ptr<Process> launch(std::vector<std::string> command, std::optional<unsigned> uid = std::nullopt) const;

    bool named(const std::string& name) const;  // somebody has it
    bool waitNamed(const std::string& name) const;
    std::string address() const { return "unix:path=" + machine_.busSocket(); }
    Environment environment() const;

  private:
    std::vector<std::string> as(std::optional<unsigned> uid, std::vector<std::string> command) const;

    const Machine& machine_;
    std::unique_ptr<Process> daemon_;
    std::map<std::string, std::unique_ptr<Process>> mocks_;
};

// Asks again until it is so. Each asking is a program that runs and ends, so this is no busy loop.
bool busEventually(const std::function<bool()>& so);

}  // namespace entitle::e2e
