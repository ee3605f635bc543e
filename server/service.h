// What `serve` serves: the whole API, over one authority. The seam between the HTTP server and the domain.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "server/api.h"
#include "server/authority.h"
#include "server/http/server.h"
#include "server/serve_config.h"
#include "server/worker.h"

namespace entitle {

class Service {
  public:
    // `draining`: is the server being stopped? All outlive the service's routes.
    Service(const Authority& authority, LicenseSecrets secrets, const ServeConfig& config, HttpClock clock,
            HttpMetrics& metrics, std::function<bool()> draining)
        : authority_(authority),
          secrets_(std::move(secrets)),
          config_(config),
          clock_(std::move(clock)),
          metrics_(metrics),
          draining_(std::move(draining)),
          api_{authority_,
               secrets_,
               config_.demo,
               config_.policy,
               std::make_shared<Push>(),
               std::make_shared<Signer>(authority_)} {}

    std::vector<Route> routes();  // the whole table: /openapi.json describes exactly these

    // For HttpHooks.
    std::shared_ptr<Worker> makeWorker() const;
    static std::optional<Caller> authenticate(Worker&, std::string_view token, Access, Instant now);
    std::shared_ptr<Push> push() const { return api_.push; }
    static std::optional<HttpResponse> fault(const std::exception&);

  private:
    const Authority& authority_;
    const LicenseSecrets secrets_;
    const ServeConfig& config_;
    const HttpClock clock_;
    HttpMetrics& metrics_;
    const std::function<bool()> draining_;
    const Api api_;
};

// What a database holds instead of a bearer token: 64 hex digits of its BLAKE2b-256.
std::string hashOfToken(std::string_view token);

// api_health.cpp: /healthz, /readyz, /metrics, /openapi.json
std::vector<Route> healthRoutes(const HttpMetrics&, const Networks& metricsFrom, std::function<bool()> draining);

}  // namespace entitle
