#include "server/event_feed.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <poll.h>

#include <soci/postgresql/soci-postgresql.h>

#include "server/database.h"
#include "server/store_rows.h"

namespace entitle {
namespace {

constexpr std::size_t mostAtOnce = 1000;
constexpr std::chrono::milliseconds lookEvery{250};  // SQLite: how soon another process's event is seen

// True when something came before the time was over.
bool waitReadable(int fd, std::chrono::milliseconds atMost) {
    pollfd one{fd, POLLIN, 0};
    const int count = ::poll(&one, fd < 0 ? 0 : 1, static_cast<int>(std::max<long long>(0, atMost.count())));
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    return count > 0;
}

PGconn* connectionOf(Sql& sql) {
    return static_cast<soci::postgresql_session_backend*>(sql.session().get_backend())->conn_;
}

}  // namespace

struct EventFeed::Connection {
    Connection(DatabaseAddress address, std::chrono::milliseconds wait) : database(std::move(address), wait) {
        last = database.read([&](Sql& sql) {
            listen(sql);
            return sql.number("SELECT last_event FROM authority");
        });
    }

    // Before looking: what is committed later will be notified.
    void listen(Sql& sql) {
        if (database.dialect() != Dialect::postgresql || listening == database.connections()) return;
        sql.session() << "LISTEN entitle_events";
        listening = database.connections();
    }

    std::vector<EventRow> look() {
        auto found = database.read([&](Sql& sql) {
            listen(sql);
            return sql.rows<EventColumns>("FROM events WHERE number > :last ORDER BY number LIMIT :most", last,
                                          mostAtOnce);
        });
        if (!found.empty()) {
            last = found.back().number;
        } else {
            // A primary whose place another has taken notifies nobody any more.
            database.requireWritable();
        }
        // It may have connected anew for that, and hears nothing there yet.
        behind = found.size() == mostAtOnce || listening != database.connections();
        return found;
    }

    void waitForNotification(std::chrono::milliseconds atMost) {
        database.read([&](Sql& sql) {
            auto* connection = connectionOf(sql);
            // What arrived with the answer to an earlier question does not make the socket readable again.
            if (!drain(connection) && waitReadable(PQsocket(connection), atMost)) {
                PQconsumeInput(connection);
                drain(connection);
            }
            return true;
        });
    }

    static bool drain(PGconn* connection) {
        bool any = false;
        while (auto* notification = PQnotifies(connection)) {
            PQfreemem(notification);
            any = true;
        }
        return any;
    }

    Database database;
    std::int64_t last = 0;
    std::uint64_t listening = 0;  // the number of the connection that listens
    bool behind = false;          // PostgreSQL: there may be events that no notification is going to tell of
};

EventFeed::EventFeed(DatabaseAddress address, std::chrono::milliseconds wait)
    : connection_(std::make_unique<Connection>(std::move(address), wait)) {}
EventFeed::~EventFeed() = default;

std::vector<EventRow> EventFeed::next(std::chrono::milliseconds atMost) {
    if (connection_->database.dialect() == Dialect::postgresql) {
        if (!std::exchange(connection_->behind, true)) connection_->waitForNotification(atMost);
        return connection_->look();
    }
    auto found = connection_->look();
    while (found.empty() && atMost.count() > 0) {
        const auto pause = std::min(atMost, lookEvery);
        waitReadable(-1, pause);
        atMost -= pause;
        found = connection_->look();
    }
    return found;
}

}  // namespace entitle
