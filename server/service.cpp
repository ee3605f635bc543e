#include "server/service.h"

#include <array>
#include <iterator>

#include <sodium.h>

#include "server/database_fault.h"
#include "server/http/problem.h"

namespace entitle {

std::string hashOfToken(std::string_view token) {
    std::array<unsigned char, 32> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(token.data()), token.size(),
                       nullptr, 0);
    std::array<char, 65> text{};
    sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
    return {text.data(), 64};
}

std::vector<Route> Service::routes() {
    auto all = healthRoutes(metrics_, config_.metricsFrom, draining_);
    for (auto& part : {accountRoutes(api_), licensingRoutes(api_), ownerRoutes(api_), deviceRoutes(api_),
                       offlineRoutes(api_), adminRoutes(api_), adminAccountRoutes(api_), auditRoutes(api_)})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

std::shared_ptr<Worker> Service::makeWorker() const {
    auto store = Store::open(authority_.database(), clock_.now());
    if (!store) throw std::runtime_error(store.error().message);
    store->onEvent([push = api_.push](const EventRow& event) { push->tell(event); });
    return std::make_shared<Worker>(Worker{std::move(*store)});
}

std::optional<Caller> Service::authenticate(Worker& worker, std::string_view token, Access access, Instant now) {
    // The question that is asked a thousand times a second is a device's.
    const auto likely = access == Access::bearer ? Store::Holder::device : Store::Holder::account;
    worker.bearer = worker.store.bearer(hashOfToken(token), now, likely);
    const auto& bearer = worker.bearer;
    if (!bearer) return std::nullopt;
    Caller caller;
    caller.tokenHash = bearer->token.hash;
    if (bearer->account) {
        caller.account = bearer->account->id.value;
        caller.admin = bearer->account->admin;
    }
    caller.license = bearer->token.license.value;
    caller.device = bearer->token.device;
    return caller;
}

std::optional<HttpResponse> Service::fault(const std::exception& fault) {
    if (dynamic_cast<const DatabaseFault*>(&fault) == nullptr) return std::nullopt;
    return problem(503, "database-unavailable", "The database does not answer: come again.", std::chrono::seconds(5));
}

}  // namespace entitle
