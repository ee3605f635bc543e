// Running a command as its stand-in: its signals are passed on, its end becomes ours.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace entitle::cli {

// While it lives, the signals that are passed on or end a wait are blocked in every thread started from here.
// One at a time; first thing in a command.
class SignalGate {
  public:
    SignalGate();
    ~SignalGate();
    SignalGate(const SignalGate&) = delete;
    SignalGate& operator=(const SignalGate&) = delete;

    // Starts `command` (PATH is searched) with the signal mask and dispositions from before the gate, passes signals to
    // it, and returns its exit status: its own, 128 + signal, 126 or 127 if it could not be run. INT and QUIT typed at
    // the terminal reach the command anyway, as it is in the same process group, and are not passed on a second time.
    int run(const std::vector<std::string>& command);

    // Waits for INT, TERM or HUP, until end() is called, or until nobody reads our standard output any more.
    void waitForEnd();
    void end();  // from any thread

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace entitle::cli
