// The real `entitle-server serve`, as a process of its own, over an authority founded for one test.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/process.h"
#include "tests/server/desk.h"
#include "tests/server/http_client.h"
#include "tests/server/test_device.h"

namespace entitle::testing {

Instant realNow();

// An authority named "desk" that serve processes can serve, and this program's own way to its rows. Its configuration
// logs no requests and limits no rates.
class ServedAuthority {
  public:
    explicit ServedAuthority(const std::optional<DatabaseAddress>& database = std::nullopt);  // none: SQLite
    std::filesystem::path directory() const { return temporary_.path() / "authority"; }
    std::filesystem::path roots() const { return temporary_.path() / "roots"; }
    std::filesystem::path scratch(const std::string& name) const { return temporary_.path() / name; }
    const Roots& pinned() const { return authority_->roots(); }
    Store& store() { return authority_->store(); }
    void reopen();
    void close() { authority_.reset(); }

    void configure(const std::string& more = "") const;  // server.toml: keys and sections of `more` come first
    MintedLicense mint(int deviceLimit = 1);             // pro
    std::string admin();         // a bearer token of an administrator, made when first asked for
    int held(const LicenseId&);  // seats, counted by their rows
    e2e::Output command(std::vector<std::string> arguments) const;  // entitle-server --dir …, to its end

  private:
    TemporaryDirectory temporary_;
    std::unique_ptr<Authority> authority_;
    std::string admin_;
};

// What its standard error says is read all the time, so that it never waits for us.
class RunningServer {
  public:
    // Returns when it listens. Throws with its log when it does not.
    explicit RunningServer(const ServedAuthority&, const std::string& listen = "127.0.0.1:0",
                           const e2e::Environment& environment = {});
    ~RunningServer();

    std::uint16_t port() const { return port_; }
    e2e::Process& process() { return *process_; }
    std::string log() const;
    bool waitLog(const std::string& text);  // false: it was not said in time

    // One request on a connection of its own; nothing: no whole answer came back.
    std::optional<Received> ask(const std::string& bytes) const;
    Received get(const std::string& path, const std::string& bearer = "") const;
    Received post(const std::string& path, const std::string& body, const std::string& bearer = "") const;
    std::optional<Received> ask(const TestDevice&, Operation, const std::string& rid,
                                const std::string& licenseKey = "") const;
    int waiting() const;         // requests that wait for news, as its metrics say
    long peakKilobytes() const;  // VmHWM

  private:
    void readLog();
    std::string scratch_;
    std::optional<e2e::Process> process_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable said_;
    std::string log_;
    bool ended_ = false;
    std::thread reader_;
};

}  // namespace entitle::testing
