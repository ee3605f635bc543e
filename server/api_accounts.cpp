#include "server/accounts.h"
#include "server/api.h"
#include "server/service.h"

namespace entitle {
namespace {

constexpr Seconds tokenLife = std::chrono::days{30};

HttpResponse registerAccount(Worker& worker, const Call& call) {
    auto body = readBody(call);
    if (auto* bad = std::get_if<HttpResponse>(&body)) return std::move(*bad);
    const auto& object = std::get<boost::json::object>(body);
    const auto made = makeAccount(textOf(object, "email").value_or(""), textOf(object, "password").value_or(""), false,
                                  call.request.now);
    if (!made) return invalidField(toString(made.error().field), made.error().message);
    if (const auto added = worker.store.addAccount(*made); !added) return problemOf(added.error());
    return jsonResponse(describeAccount(*made), 201);
}

HttpResponse logIn(Worker& worker, const Call& call) {
    auto body = readBody(call);
    if (auto* bad = std::get_if<HttpResponse>(&body)) return std::move(*bad);
    const auto& object = std::get<boost::json::object>(body);
    const auto email = normalEmail(textOf(object, "email").value_or(""));
    const auto account = email ? worker.store.accountByEmail(*email) : std::nullopt;
    // The same work for an account that does not exist: the time says nothing.
    const bool right = passwordIs(account ? std::optional(account->passwordHash) : std::nullopt,
                                  textOf(object, "password").value_or(""));
    if (!account || !right) {
        auto response = problem(401, "wrong-credentials", "There is no account with this e-mail address and password.");
        response.wrongSecret = true;
        return response;
    }
    const std::string token = freshToken();
    TokenRow row;
    row.hash = hashOfToken(token);
    row.account = account->id;
    row.createdAt = call.request.now;
    row.expiresAt = call.request.now + tokenLife;
    worker.store.addToken(row);
    return jsonResponse({{"token", token},
                         {"token_type", "Bearer"},
                         {"expires_at", toRfc3339(*row.expiresAt)},
                         {"account", describeAccount(*account)}},
                        201);
}

HttpResponse logOut(Worker& worker, const Call& call) {
    worker.store.revokeToken(call.caller->tokenHash);
    HttpResponse response;
    response.status = 204;
    return response;
}

HttpResponse showMe(Worker& worker, const Call& call) {
    const auto account = worker.store.account(AccountId{call.caller->account});
    if (!account) return problem(404, "unknown-account", "This account is gone.");
    return jsonResponse(describeAccount(*account));
}

HttpResponse changePassword(Worker& worker, const Call& call) {
    auto body = readBody(call);
    if (auto* bad = std::get_if<HttpResponse>(&body)) return std::move(*bad);
    const auto& object = std::get<boost::json::object>(body);
    const auto account = worker.store.account(AccountId{call.caller->account});
    if (!account) return problem(404, "unknown-account", "This account is gone.");
    if (!passwordIs(account->passwordHash, textOf(object, "current_password").value_or(""))) {
        auto response = problem(403, "wrong-credentials", "The current password is another.");
        response.wrongSecret = true;
        return response;
    }
    const auto hash = hashPassword(textOf(object, "new_password").value_or(""));
    if (!hash) return invalidField("new_password", hash.error().message);
    // Whoever else was logged in is not any more.
    worker.store.setPassword(account->id, *hash, call.caller->tokenHash, call.request.now);
    HttpResponse response;
    response.status = 204;
    return response;
}

Route hashing(Route route) {
    route.work = Work::password;
    route.rate = Rate::account;
    return route;
}

}  // namespace

std::vector<Route> accountRoutes(const Api&) {
    const std::vector<std::string> credentials{"email", "password"};
    auto registering = hashing(route("POST", "/v1/accounts", Access::open, registerAccount));
    auto loggingIn = hashing(route("POST", "/v1/tokens", Access::open, logIn));
    auto changing = hashing(route("PUT", "/v1/accounts/me/password", Access::user, changePassword));
    return {succeedsWith(withMembers(std::move(registering), credentials), 201),
            succeedsWith(withMembers(std::move(loggingIn), credentials), 201),
            succeedsWith(route("DELETE", "/v1/tokens/current", Access::user, logOut), 204),
            route("GET", "/v1/accounts/me", Access::user, showMe),
            succeedsWith(withMembers(std::move(changing), {"current_password", "new_password"}), 204)};
}

}  // namespace entitle
