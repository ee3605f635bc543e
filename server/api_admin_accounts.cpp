#include <boost/json/array.hpp>

#include "server/accounts.h"
#include "server/api.h"

namespace entitle {
namespace {

// All, or the one with ?email=.
HttpResponse listAccounts(Worker& worker, const Call& call) {
    boost::json::array out;
    if (const auto email = call.query("email")) {
        const auto normal = normalEmail(*email);
        if (const auto row = normal ? worker.store.accountByEmail(*normal) : std::nullopt)
            out.push_back(describeAccount(*row));
        return jsonResponse({{"accounts", std::move(out)}, {"next", nullptr}});
    }
    const auto page = pageOf(call);
    boost::json::value next;
    for (const auto& row : worker.store.accounts(AccountId{page.after}, page.limit)) {
        out.push_back(describeAccount(row));
        next = row.id.value;
    }
    if (out.size() < static_cast<std::size_t>(page.limit)) next = nullptr;
    return jsonResponse({{"accounts", std::move(out)}, {"next", std::move(next)}});
}

HttpResponse showAccount(Worker& worker, const Call& call) {
    const AccountId id{call.parameter("account")};
    const auto row = worker.store.account(id);
    if (!row) return problem(404, "unknown-account", "There is no such account.");
    auto body = describeAccount(*row);
    body["password_changed_at"] = toRfc3339(row->passwordChangedAt);
    boost::json::array licenses;
    for (const auto& license : worker.store.licensesOf(id)) licenses.push_back(describeLicense(license));
    body["licenses"] = std::move(licenses);
    return jsonResponse(body);
}

HttpResponse setRole(Worker& worker, const Call& call, bool admin) {
    const auto changed = worker.store.setAdmin(AccountId{call.parameter("account")}, admin);
    if (!changed) return problemOf(changed.error());
    return jsonResponse(describeAccount(*changed));
}

// Whoever is logged in with it has to log in again. Tokens of declared devices are their licenses' own, and stay.
HttpResponse endSessions(Worker& worker, const Call& call) {
    const AccountId id{call.parameter("account")};
    const auto ended = worker.store.revokeTokens(id);
    if (!ended) return problemOf(ended.error());
    return jsonResponse({{"user_id", id.value}, {"ended", *ended}});
}

}  // namespace

std::vector<Route> adminAccountRoutes(const Api&) {
    const auto role = [](bool admin) {
        return [admin](Worker& worker, const Call& call) -> Reply { return setRole(worker, call, admin); };
    };
    return {
        withQueries(route("GET", "/v1/admin/accounts", Access::admin, listAccounts), {"email", "limit", "after"}),
        route("GET", "/v1/admin/accounts/{account}", Access::admin, showAccount),
        route("POST", "/v1/admin/accounts/{account}/promote", Access::admin, audited("account-promote", role(true))),
        route("POST", "/v1/admin/accounts/{account}/demote", Access::admin, audited("account-demote", role(false))),
        route("DELETE", "/v1/admin/accounts/{account}/tokens", Access::admin,
              audited("account-end-sessions", endSessions))};
}

}  // namespace entitle
