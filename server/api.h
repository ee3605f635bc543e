// What every file of the API is given, and the forms they share: JSON in, JSON out, one list of problem codes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/json/object.hpp>

#include "server/authority.h"
#include "server/device_exchange.h"
#include "server/http/problem.h"
#include "server/http/router.h"
#include "server/push.h"
#include "server/serve_config.h"
#include "server/signer.h"
#include "server/worker.h"

namespace entitle {

// One per server; its parts are for any thread.
struct Api {
    const Authority& authority;
    const LicenseSecrets& secrets;
    ServeConfig::Demo demo;
    ExchangePolicy policy;
    std::shared_ptr<Push> push;
    std::shared_ptr<Signer> signer;
};

// One file per resource. `api` must outlive the routes.
std::vector<Route> accountRoutes(const Api& api);    // api_accounts.cpp: register, log in, log out, password
std::vector<Route> licensingRoutes(const Api& api);  // api_licensing.cpp: /api/licensing/…, as plain curl asks
std::vector<Route> ownerRoutes(const Api& api);      // api_devices.cpp: a user's own licenses and devices
std::vector<Route> deviceRoutes(const Api& api);     // api_device.cpp: /v1/device/…, signed envelopes
std::vector<Route> offlineRoutes(const Api& api);  // api_offline.cpp: /v1/device/offline, a request that came as a file
std::vector<Route> adminRoutes(const Api& api);    // api_admin.cpp
std::vector<Route> adminAccountRoutes(const Api& api);  // api_admin_accounts.cpp: whose account is what
std::vector<Route> auditRoutes(const Api& api);         // api_audit.cpp: what administrators did

Route route(std::string method, std::string pattern, Access access, Handler handler);
// What a route takes, said once: readBody and Call::query hold to it.
Route withMembers(Route, std::vector<std::string> ofItsBody);
Route withQueries(Route, std::vector<std::string>);
Route succeedsWith(Route, int status);
// The same, and what `handler` writes is recorded as the caller's action (api_audit.cpp). For routes of administrators.
Handler audited(std::string action, Handler handler);

HttpResponse jsonResponse(const boost::json::object& body, int status = 200);

// The problem a denial is told as: its status, and its word as the stable code.
HttpResponse problemOf(const Denial&);
HttpResponse invalidField(std::string_view name, std::string_view what);  // 422 invalid-field

// The request's JSON object with no other members than its route takes: else the problem to answer (400 bad-json, 422
// unknown-field).
std::variant<boost::json::object, HttpResponse> readBody(const Call&);
std::optional<std::string> textOf(const boost::json::object&, std::string_view name);  // none: absent or no string
std::optional<std::int64_t> wholeNumberOf(const boost::json::object&, std::string_view name);
std::optional<std::int64_t> wholeNumber(std::string_view text);  // digits only

struct Page {
    int limit = 100;
    std::string after;
};
Page pageOf(const Call&);  // ?limit= (1 … 500) and, where the route takes it, ?after=

std::optional<ApprovalState> approvalState(std::string_view word);  // "waiting", …

boost::json::object describeAccount(const AccountRow&);
boost::json::object describeLicense(const LicenseRow&);
boost::json::object describeDevice(const DeviceRow&, Instant now);
boost::json::object describeApproval(const ApprovalRow&);

}  // namespace entitle
