// What the daemon tells whoever supervises it. Does nothing, at no cost, when nobody does.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace entitle {

class Service {
  public:
    // Reads the supervisor's address from the environment and removes it, so that no child would inherit it.
    Service();

    void ready(std::string_view status);
    void status(std::string_view text);  // one line for people
    void reloading();                    // followed by ready() when the reload is done
    void stopping();
    void alive();  // the watchdog's ping

    // How often alive() is due: half of what the supervisor waits. Nothing: no watchdog.
    std::optional<std::chrono::microseconds> aliveEvery() const { return aliveEvery_; }

  private:
    void send(std::string_view message) const;

    std::string address_;  // of a datagram socket; empty: not supervised
    std::optional<std::chrono::microseconds> aliveEvery_;
};

}  // namespace entitle
