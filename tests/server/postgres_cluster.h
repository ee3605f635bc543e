// A PostgreSQL server of the tests' own: in a temporary directory, on a Unix socket, gone with the test program.
#pragma once

#include <memory>
#include <string>

#include "server/database_address.h"

namespace entitle::testing {

class PostgresCluster {
  public:
    // One per test program, started when it is first asked for. nullptr with `whyNot` where PostgreSQL is not
    // installed or nobody may run it.
    static PostgresCluster* shared(std::string& whyNot);
    // One of the test's own, to be lost. Else as `shared`.
    static std::unique_ptr<PostgresCluster> own(std::string& whyNot);
    ~PostgresCluster();

    // A second server that follows this one, which from now on waits for it with every commit. As `shared`.
    std::unique_ptr<PostgresCluster> standby(std::string& whyNot);
    void promote();                          // of a standby: it takes writes when this returns
    void run(const std::string& statement);  // as its superuser
    // The database of that name of this server; or of the other, when this one takes no writes.
    DatabaseAddress database(const std::string& name, const PostgresCluster* other = nullptr) const;

    DatabaseAddress newDatabase();                             // empty
    DatabaseAddress newDatabase(const DatabaseAddress& from);  // a copy of one that nobody is connected to

    // As pg_ctl's: connections ended, or as after a crash; or its first process killed, as by a want of memory.
    enum class Stop { fast, immediate, kill };
    void stop(Stop);
    void start();
    void restart(Stop how) {
        stop(how);
        start();
    }

  private:
    struct Server;
    DatabaseAddress newDatabase(const std::string& like);
    explicit PostgresCluster(std::unique_ptr<Server>);
    std::unique_ptr<Server> server_;
    int databases_ = 0;
};

}  // namespace entitle::testing
