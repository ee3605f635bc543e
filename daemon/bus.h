// The daemon on the system bus: connects, takes the name, connects again when the bus was lost. A machine without a
// bus, or with one that refuses us, loses nothing but this way to ask.
#pragma once

#include <memory>

#include "daemon/access.h"
#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "proto/kj_on_asio.h"

namespace entitle {

class SystemBus {
  public:
    // Both outlive it. Nothing happens before the first configure().
    SystemBus(KjLoop&, Daemon&);
    ~SystemBus();
    SystemBus(const SystemBus&) = delete;
    SystemBus& operator=(const SystemBus&) = delete;

    // Returns at once; the loop does the rest. Called again: a connection that has not got the name tries anew.
    void configure(bool enabled, const AccessPolicy&);

    Finding finding() const;  // for `doctor`

  private:
    class Connection;
    void connectSoon(std::chrono::seconds);
    void connect();
    enum class Cause { absent, trouble };  // a machine without a bus is asked seldom
    void failed(std::string why, Cause = Cause::trouble);

    KjLoop& loop_;
    Daemon& daemon_;
    AccessPolicy policy_;
    std::unique_ptr<Connection> connection_;
    struct Retry;
    std::unique_ptr<Retry> retry_;
};

}  // namespace entitle
