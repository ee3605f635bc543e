// From a request to its response, without a socket: limits, route, token, pool, faults.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "server/http/limits.h"
#include "server/http/router.h"
#include "server/http/server.h"
#include "server/http/workers.h"

namespace entitle {

// What the head of a request says of its body.
struct BodyPlan {
    bool any = false;
    std::optional<std::uint64_t> length;  // none: chunked
};

// A request that may be answered, once its body is there.
struct Admitted {
    const Route* route = nullptr;
    std::map<std::string, std::string> parameters;
    IpAddress client;
};

struct Answered {
    Reply reply;
    std::string account;  // the caller's, for the log
};

class Dispatch {
  public:
    Dispatch(const HttpOptions&, std::vector<Route>, const HttpHooks&, const HttpClock&);

    // Before the body is read: is it worth reading?
    std::variant<Admitted, HttpResponse> admit(const HttpRequest& head, const BodyPlan&, const IpAddress& client);

    // `done` is called once, on a worker or at once; never, when the workers are stopped first. `request` is shared
    // with the worker until then.
    void answer(Admitted, std::shared_ptr<const HttpRequest> request, std::function<void(Answered)> done);

    // The end of a wait: `woken`, or out of time.
    void resume(const Admitted&, Waiting, bool woken, std::function<void(HttpResponse)> done);

    const Router& router() const { return router_; }
    std::size_t queued() const { return database_->queued() + (password_ ? password_->queued() : 0); }
    void stop();  // of the workers

  private:
    Workers& pool(Work work) { return work == Work::password && password_ ? *password_ : *database_; }
    Reply handle(Worker&, const Admitted&, const HttpRequest&, std::string& account);
    std::variant<Caller, HttpResponse> caller(Worker&, Access, const HttpRequest&) const;
    template <class Run>
    auto guarded(Run&&) -> decltype(std::declval<Run>()());
    void countSecret(const Admitted&, const HttpResponse&);

    const HttpHooks& hooks_;
    const HttpClock& clock_;
    const Router router_;
    const Networks exempt_;
    RateLimiter general_;
    RateLimiter account_;
    RateLimiter wrongSecrets_;
    std::unique_ptr<Workers> database_;
    std::unique_ptr<Workers> password_;  // none when no route hashes passwords
};

}  // namespace entitle
