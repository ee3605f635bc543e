#include <map>

#include <boost/json/array.hpp>

#include "license/printable.h"
#include "server/api.h"

namespace entitle {
namespace {

constexpr std::size_t longestDetail = 500;

// "lic_…", "lic_…/2", "acc_…", "request 3"; empty where the path names nothing yet.
std::string subjectOf(const Call& call) {
    const auto part = [&](const char* name) {
        const auto found = call.parameters.find(name);
        return found == call.parameters.end() ? std::string() : printableFrom(found->second, 100);
    };
    const auto license = part("license"), number = part("number");
    if (!license.empty()) return number.empty() ? license : license + "/" + number;
    return number.empty() ? part("account") : "request " + number;
}

// What the next write of this worker is recorded as; never that of another request.
class Recording {
  public:
    Recording(Store& store, AdminAction action) : store_(store) { store_.recordAs(std::move(action)); }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording() { store_.recordAs(std::nullopt); }

  private:
    Store& store_;
};

// Newest first; `after` is the `next` of the page before.
HttpResponse listActions(Worker& worker, const Call& call) {
    const auto page = pageOf(call);
    std::map<std::string, boost::json::value> emails;
    boost::json::array out;
    boost::json::value next;
    for (const auto& row : worker.store.actions(wholeNumber(page.after).value_or(0), page.limit)) {
        auto email = emails.find(row.actor);
        if (email == emails.end()) {
            const auto account = worker.store.account(AccountId{row.actor});
            email =
                emails.emplace(row.actor, account ? boost::json::value(account->email) : boost::json::value()).first;
        }
        out.push_back({{"number", row.number},
                       {"at", toRfc3339(row.at)},
                       {"actor", row.actor},
                       {"actor_email", email->second},
                       {"action", row.action},
                       {"subject", row.subject},
                       {"detail", row.detail},
                       {"request_id", row.requestId}});
        next = row.number;
    }
    if (out.size() < static_cast<std::size_t>(page.limit)) next = nullptr;
    return jsonResponse({{"actions", std::move(out)}, {"next", std::move(next)}});
}

}  // namespace

Handler audited(std::string action, Handler handler) {
    return [action = std::move(action), handler = std::move(handler)](Worker& worker, const Call& call) -> Reply {
        const Recording recording(
            worker.store, {0, call.request.now, call.caller ? call.caller->account : std::string(), action,
                           subjectOf(call), printableFrom(call.request.body, longestDetail), call.request.requestId});
        return handler(worker, call);
    };
}

std::vector<Route> auditRoutes(const Api&) {
    return {withQueries(route("GET", "/v1/admin/audit", Access::admin, listActions), {"limit", "after"})};
}

}  // namespace entitle
