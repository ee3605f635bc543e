// One connection to the authority's database: its transactions, what they do about faults, and its migrations.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <soci/soci.h>

#include "license/time.h"
#include "server/database_address.h"
#include "server/database_fault.h"
#include "server/denial.h"
#include "server/sql.h"
#include "server/write_queue.h"

namespace entitle {

class Database {
  public:
    // SQLite: an existing file (creating one is its owner's: it must be 0600 from the start), with WAL,
    // synchronous=FULL and foreign keys. PostgreSQL: commits are synchronous. `wait`: how long a statement waits for
    // another process before it is a DatabaseFault.
    Database(DatabaseAddress, std::chrono::milliseconds wait);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    // Applies what is missing, all or nothing, under a lock: of several processes one does it, the others find it done.
    // Refuses a schema newer than this program knows.
    Granted<void> migrate(Instant now);
    int schema();

    const DatabaseAddress& address() const { return address_; }
    Dialect dialect() const { return address_.dialect(); }
    std::uint64_t connections() const { return connections_; }  // how many there were; rises with each new one

    // Runs `work(Sql&)`; the driver's exceptions become a DatabaseFault that says what to do. When the connection was
    // lost, once more on a new one.
    template <class Work>
    auto read(Work&& work) -> decltype(work(std::declval<Sql&>())) {
        for (int failures = 0;;) {
            try {
                connect();
                return work(*sql_);
            } catch (const soci::soci_error& error) {
                recover(error, ++failures);
            }
        }
    }

    // One write transaction. SQLite takes its write lock at once; on PostgreSQL (READ COMMITTED) work locks the rows it
    // decides about, by changing them, before it reads what the decision needs. Committed when `work(Sql&)` returns,
    // unless it called rollBack(); rolled back when it throws. Work runs again after a deadlock, a lost race for a
    // unique value, or a connection lost before the commit.
    // On SQLite those of this process who wait to write are written in one transaction, by one of their threads on its
    // connection, and all return when it is committed; if anything goes wrong, each is written again in one of its own.
    template <class Work>
    auto write(Work&& work) -> decltype(work(std::declval<Sql&>())) {
        if (writers_) {
            std::optional<decltype(work(std::declval<Sql&>()))> out;
            writeTogether([&](Sql& sql) {
                out.reset();
                out.emplace(work(sql));
            });
            return std::move(*out);
        }
        for (int failures = 0;;) {
            try {
                Transaction transaction(*this);
                wanted_ = true;
                auto out = work(*sql_);
                if (wanted_) transaction.commit();
                return out;
            } catch (const soci::soci_error& error) {
                recover(error, ++failures);
            }
        }
    }
    void rollBack() { wanted_ = false; }

    // DatabaseFault where PostgreSQL takes no writes: a standby, or a primary that another has taken the place of. A
    // connection to such a server is not kept: of several hosts in the URL another may take writes by now.
    void requireWritable();

  private:
    // Rolled back unless it was committed.
    class Transaction {
      public:
        explicit Transaction(Database&);
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;
        ~Transaction();
        void commit();

      private:
        Database& database_;
        bool open_ = true;
    };

    void writeTogether(const std::function<void(Sql&)>& run);
    bool wroteAll(const WriteQueue::Batch&);
    void writeAlone(WriteQueue::Entry&);
    void connect();  // unless connected
    void disconnect();
    // To be called in the handler: returns when the work may be tried again, else throws a DatabaseFault.
    void recover(const soci::soci_error&, int failures);
    int schemaOf(Sql&);

    const DatabaseAddress address_;
    const std::chrono::milliseconds wait_;
    // SQLite: this process's writers to one file; its own waiting is by polling.
    std::shared_ptr<WriteQueue> writers_;
    std::unique_ptr<Sql> sql_;
    std::uint64_t connections_ = 0;
    bool wanted_ = true;       // the transaction is to be committed
    bool committing_ = false;  // COMMIT was sent: whether it was done is not known until it is answered
};

}  // namespace entitle
