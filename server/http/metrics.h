// What the server counts, as /metrics shows it. Any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace entitle {

class HttpMetrics {
  public:
    HttpMetrics();
    ~HttpMetrics();

    // `route`: a pattern of the table, or empty.
    void request(std::string_view method, std::string_view route, int status, std::chrono::nanoseconds took);
    void connectionOpened();
    void connectionClosed();
    void connectionRefused(std::string_view why);  // "address-limit", "full"
    void waiting(int change);                      // +1, -1

    // A value read whenever the text is asked for; on the network thread, so it must not block. `counter`: it only
    // rises. Names follow Prometheus' rules ("entitle_…"); each once, before the server starts.
    void sample(std::string name, std::string help, bool counter, std::function<double()> read);

    std::string text() const;  // Prometheus' text format 0.0.4

  private:
    struct Registry;
    std::unique_ptr<Registry> registry_;
};

}  // namespace entitle
