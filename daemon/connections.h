// Every connection of the daemon: admitted, served, limited, closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "daemon/access.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/listener.h"
#include "daemon/metrics.h"
#include "proto/connection.h"

namespace entitle {

class Connections {
  public:
    Connections(KjLoop&, Daemon&, const Config::Limits&, AccessPolicy);
    ~Connections();
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    // Inside the loop's thread. A connection that is not allowed, or over a limit, is closed and counted.
    void serve(Door, Accepted);
    void reconfigure(const Config::Limits&, AccessPolicy);  // for connections to come; memory for the present ones too

    std::size_t count() const { return open_.size(); }
    std::vector<Metric> metrics() const;

  private:
    struct Open;
    using Number = std::uint64_t;

    void refuse(const Peer&, const char* why);
    void closed(Number, CloseReason);
    std::shared_ptr<Budget> budgetOf(std::uint32_t uid);

    KjLoop& loop_;
    Daemon& daemon_;
    Config::Limits limits_;
    AccessPolicy policy_;
    Admission queries_;
    Admission admins_;  // of their own: whoever fills the query socket does not lock the administrator out
    std::shared_ptr<Budget> budget_;
    std::unordered_map<std::uint32_t, std::weak_ptr<Budget>> budgets_;  // by user
    std::unordered_map<Number, std::unique_ptr<Open>> open_;
    Number last_ = 0;
};

}  // namespace entitle
