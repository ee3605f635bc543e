// The daemon as a process: puts the parts together, answers signals and its supervisor. Decides nothing about licenses.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/alarm.h"
#include "daemon/authority.h"
#include "daemon/awaited_key.h"
#include "daemon/bus.h"
#include "daemon/connections.h"
#include "daemon/credential_seal.h"
#include "daemon/handed_sockets.h"
#include "daemon/key_vault.h"
#include "daemon/service.h"
#include "daemon/trust_anchor.h"

namespace entitle {

// Exit codes, documented in --help and entitled(8).
enum Exit : int { stopped = 0, failed = 1, usage = 2, badConfig = 3, alreadyRunning = 4 };

// Why the daemon did not start.
struct CannotStart {
    Exit code;
    std::string why;  // a sentence
};

// Sets the device key aside and makes a new one, in the place of a daemon that does not run. Says so in a sentence.
// Throws CannotStart.
std::string makeNewKey(const Config&);

class Entitled {
  public:
    // Opens everything but the sockets. Throws CannotStart. `configPath`: for reloading.
    Entitled(Config config, std::optional<std::string> configPath);
    ~Entitled();
    Entitled(const Entitled&) = delete;
    Entitled& operator=(const Entitled&) = delete;

    // Listens, says that it is ready, and serves until SIGTERM or SIGINT. Throws CannotStart.
    void run();

  private:
    void openState();
    void openKey(const std::string& credentials, std::vector<Finding>& findings);
    void awaitKey();
    void listen(Door, const ListenPlace&);
    void waitForSignal();
    void stop();
    void reload();
    void connectAuthority();
    void keepAlive();

    // Destroyed from the last to the first: nothing outlives what it was built on.
    Config config_;
    std::optional<std::string> configPath_;
    std::size_t descriptors_;
    Service service_;
    HandedSockets handed_;
    boost::asio::io_context io_{oneIoThread};
    KjLoop loop_{io_};
    boost::asio::signal_set signals_{io_};
    boost::asio::steady_timer watchdog_{io_};
    std::unique_ptr<SystemClock> clock_;
    std::unique_ptr<OwnedDirectory> state_, runtime_;
    std::unique_ptr<Tpm> tpm_;
    std::unique_ptr<CredentialSealer> credential_;
    std::unique_ptr<DeviceKeyVault> vault_;
    std::optional<OpenedKey> key_;
    std::unique_ptr<FileStore> store_;
    std::unique_ptr<AuditLog> audit_;
    std::optional<Alarm> alarm_;
    std::unique_ptr<Authority> transport_, authority_;  // nothing without an address
    std::optional<Daemon> daemon_;
    std::optional<Connections> connections_;
    std::optional<AwaitedKey> awaitedKey_;
    std::unique_ptr<SystemBus> bus_;
    std::unique_ptr<Listener> queryListener_, adminListener_;
};

}  // namespace entitle
