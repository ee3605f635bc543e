// What other processes on the same database told: PostgreSQL by LISTEN, SQLite by looking.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "server/database_address.h"
#include "server/rows.h"

namespace entitle {

// A connection of its own, for one thread.
class EventFeed {
  public:
    // Events from now on. Throws DatabaseFault.
    explicit EventFeed(DatabaseAddress, std::chrono::milliseconds wait = std::chrono::seconds(10));
    ~EventFeed();

    // The next events in order, this process's own included, after at most `atMost`; empty when there were none. Throws
    // DatabaseFault while the database cannot be reached; the call after that connects anew and misses nothing.
    std::vector<EventRow> next(std::chrono::milliseconds atMost);

  private:
    struct Connection;
    std::unique_ptr<Connection> connection_;
};

}  // namespace entitle
