#include "server/store_session.h"

namespace entitle {

void insertAction(Sql& sql, const AdminAction& row) {
    // Two at once take the same number: the later one is run again.
    sql.run(
        "INSERT INTO admin_actions (number, at, actor, action, subject, detail, request_id) VALUES "
        "((SELECT COALESCE(MAX(number), 0) + 1 FROM admin_actions), :at, :actor, :action, :subject, :detail, :request)",
        row.at, row.actor, row.action, row.subject, row.detail, row.requestId);
}

void Store::recordAs(std::optional<AdminAction> action) {
    session_->action = std::move(action);
}

void Store::recordNow() {
    session_->write([](Sql&) { return true; });
}

std::vector<AdminAction> Store::actions(std::int64_t before, int limit) {
    return session_->read([&](Sql& sql) {
        return sql.rows<ActionColumns>("FROM admin_actions WHERE number < :before ORDER BY number DESC LIMIT :limit",
                                       before > 0 ? before : INT64_MAX, limit);
    });
}

}  // namespace entitle
