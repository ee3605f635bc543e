#include "server/http/dispatch.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <utility>

#include "server/http/problem.h"

namespace entitle {

namespace {

constexpr std::size_t maxTokenBytes = 512;

bool sameWord(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b,
                              [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// "application/json; charset=utf-8" → "application/json"
std::string_view mediaType(std::string_view header) {
    header = header.substr(0, header.find(';'));
    while (header.ends_with(' ') || header.ends_with('\t')) header.remove_suffix(1);
    return header;
}

// The token of "Bearer …"; empty: there is none. RFC 6750, 2.1.
std::string_view bearerToken(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() <= scheme.size() || !sameWord(authorization.substr(0, scheme.size()), scheme)) return {};
    const auto token = authorization.substr(scheme.size());
    const bool plain =
        token.size() <= maxTokenBytes && std::ranges::all_of(token, [](unsigned char c) {
            return std::isalnum(c) || std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
        });
    return plain ? token : std::string_view();
}

HttpResponse unauthorized(ProblemCode code, std::string_view detail) {
    auto response = problem(401, code, detail);
    response.headers.emplace_back("WWW-Authenticate",
                                  code.word() == "token-missing" ? "Bearer" : "Bearer error=\"invalid_token\"");
    return response;
}

}  // namespace

Dispatch::Dispatch(const HttpOptions& options, std::vector<Route> routes, const HttpHooks& hooks,
                   const HttpClock& clock)
    : hooks_(hooks),
      clock_(clock),
      router_(std::move(routes)),
      exempt_(options.rates.exempt),
      general_(options.rates.general),
      account_(options.rates.account),
      wrongSecrets_(options.rates.wrongSecrets),
      database_(std::make_unique<Workers>(options.databaseWorkers, options.databaseQueue, hooks.makeWorker)) {
    if (std::ranges::any_of(router_.routes(), [](const Route& route) { return route.work == Work::password; }))
        password_ = std::make_unique<Workers>(options.passwordWorkers, options.passwordQueue, hooks.makeWorker);
}

std::variant<Admitted, HttpResponse> Dispatch::admit(const HttpRequest& head, const BodyPlan& body,
                                                     const IpAddress& client) {
    const bool limited = !exempt_.contains(client);
    const auto now = clock_.steady();
    const auto tooMany = [](std::chrono::seconds wait) {
        return problem(429, "too-many-requests", "Too many requests from this address: come again later.", wait);
    };
    if (limited)
        if (const auto wait = general_.take(client, now)) return tooMany(*wait);

    auto found = router_.find(head.method, head.path);
    if (std::holds_alternative<Router::BadPath>(found)) return problem(400, "bad-path", "The path cannot be decoded.");
    if (std::holds_alternative<Router::NotFound>(found))
        return problem(404, "no-such-route", "There is nothing here: see /openapi.json for what there is.");
    if (const auto* wrong = std::get_if<Router::WrongMethod>(&found)) {
        auto response = problem(405, "method-not-allowed", "This is asked by " + wrong->allow + ".");
        response.headers.emplace_back("Allow", wrong->allow);
        return response;
    }
    auto& match = std::get<Router::Match>(found);
    const Route& route = *match.route;

    if (body.any) {
        if (body.length.value_or(0) > route.bodyLimit)
            return problem(413, "body-too-large",
                           "The body may have " + std::to_string(route.bodyLimit) + " bytes here.");
        if (!route.accepts.empty() && body.length.value_or(1) > 0 &&
            !sameWord(mediaType(head.header("content-type")), route.accepts))
            return problem(415, "wrong-content-type", "The body must be " + route.accepts + ".");
    }
    if (limited && route.rate != Rate::general) {
        if (const auto wait = wrongSecrets_.look(client, now)) {
            return problem(429, "too-many-wrong-secrets",
                           "Too many wrong keys or passwords from this address: come again later.", *wait);
        }
        if (route.rate == Rate::account)
            if (const auto wait = account_.take(client, now)) return tooMany(*wait);
    }
    return Admitted{&route, std::move(match.parameters), client};
}

std::variant<Caller, HttpResponse> Dispatch::caller(Worker& worker, Access access, const HttpRequest& request) const {
    if (request.header("authorization").empty())
        return unauthorized("token-missing", "This needs the header `Authorization: Bearer <token>`.");
    const auto token = bearerToken(request.header("authorization"));
    std::optional<Caller> found;
    if (!token.empty() && hooks_.authenticate) found = hooks_.authenticate(worker, token, access, request.now);
    if (!found) return unauthorized("token-invalid", "The token is unknown, revoked or expired: log in again.");
    if (access != Access::bearer && found->account.empty())
        return problem(403, "account-needed", "This is for the token of an account, not of a device.");
    if (access == Access::admin && !found->admin) return problem(403, "admin-only", "This is for administrators.");
    return std::move(*found);
}

template <class Run>
auto Dispatch::guarded(Run&& run) -> decltype(std::declval<Run>()()) {
    try {
        return run();
    } catch (const std::exception& fault) {
        if (hooks_.complain) hooks_.complain(fault.what());
        if (hooks_.fault)
            if (auto response = hooks_.fault(fault)) return std::move(*response);
    } catch (...) {
        if (hooks_.complain) hooks_.complain("a handler threw what is no std::exception");
    }
    return problem(500, "internal", "Something went wrong here. The administrator finds it by the request id.");
}

Reply Dispatch::handle(Worker& worker, const Admitted& admitted, const HttpRequest& request, std::string& account) {
    const Route& route = *admitted.route;
    Call call{request, admitted.parameters, std::nullopt, route};
    if (route.access != Access::open && route.access != Access::device) {
        auto found = caller(worker, route.access, request);
        if (auto* refusal = std::get_if<HttpResponse>(&found)) return std::move(*refusal);
        call.caller = std::move(std::get<Caller>(found));
        account = call.caller->account;
    }
    return route.handler(worker, call);
}

void Dispatch::countSecret(const Admitted& admitted, const HttpResponse& response) {
    if (response.wrongSecret && !exempt_.contains(admitted.client))
        wrongSecrets_.take(admitted.client, clock_.steady());
}

void Dispatch::answer(Admitted admitted, std::shared_ptr<const HttpRequest> request,
                      std::function<void(Answered)> done) {
    const Route& route = *admitted.route;
    if (route.work == Work::none) {
        const Call call{*request, admitted.parameters, std::nullopt, route};
        auto response = guarded([&] { return route.quick(call); });
        return done({std::move(response), {}});
    }
    auto job = [this, admitted = std::move(admitted), request = std::move(request), done](Worker& worker) {
        Answered out;
        out.reply = guarded([&]() -> Reply { return handle(worker, admitted, *request, out.account); });
        if (const auto* response = std::get_if<HttpResponse>(&out.reply)) countSecret(admitted, *response);
        done(std::move(out));
    };
    if (!pool(route.work).post(std::move(job))) {
        done({problem(503, "overloaded", "There is too much to do at the moment: come again.", std::chrono::seconds(2)),
              {}});
    }
}

void Dispatch::resume(const Admitted& admitted, Waiting waiting, bool woken, std::function<void(HttpResponse)> done) {
    auto job = [this, admitted, waiting = std::move(waiting), woken, done = std::move(done)](Worker& worker) mutable {
        auto response = guarded([&] { return waiting.answer(worker, woken, clock_.now()); });
        countSecret(admitted, response);
        // What the handler captured and the registration end before the response is sent.
        waiting = {};
        done(std::move(response));
    };
    pool(admitted.route->work).postAdmitted(std::move(job));
}

void Dispatch::stop() {
    database_->stop();
    if (password_) password_->stop();
}

}  // namespace entitle
