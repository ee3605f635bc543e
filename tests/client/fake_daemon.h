// A daemon for faults only: it can be silent, forgetful, of doubtful trust, or gone. What works is shown with the real
// one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/io_context.hpp>

namespace entitle::testing {

struct FakeSlot {
    std::uint64_t id = 0;
    std::uint32_t count = 0;
    std::string label;
};

// What it does and knows. Slots survive stop() and start(), as the real one's ledger survives its process.
struct FakeRules {
    bool compiledIn = true;
    bool answersStatus = true;  // false: calls of the handshake are never answered
    bool answersChecks = true;
    int hangsUp = 0;           // this many connections are closed as soon as they are accepted
    bool knowsSecrets = true;  // false: every reclaim is refused
    std::int64_t maxBots = 100;
    std::map<std::string, FakeSlot> slots;  // by secret
    std::uint64_t lastId = 0;
    std::uint64_t generation = 1;
    int connections = 0;  // accepted so far
    int checks = 0;       // received so far
    int acquires = 0;
};

class FakeDaemon {
  public:
    explicit FakeDaemon(std::string path);  // not started
    ~FakeDaemon();
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;

    void start();  // returns when it listens
    void stop();   // closes everything at once and removes the socket, as if killed
    // Runs on the daemon's thread, or here while it is stopped. `announce`: tells the observers afterwards.
    void with(std::function<void(FakeRules&)>, bool announce = false);
    FakeRules rules();

  private:
    struct Serving;
    void serve(std::function<void()> listening);

    const std::string path_;
    FakeRules rules_;
    std::unique_ptr<boost::asio::io_context> context_;
    Serving* serving_ = nullptr;  // on the thread
    std::thread thread_;
};

}  // namespace entitle::testing
