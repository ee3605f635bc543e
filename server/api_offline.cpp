#include "license/license_file.h"
#include "server/api.h"
#include "server/signing.h"

namespace entitle {
namespace {

// Files carried by people: text/plain both ways, so that curl and a browser do.
constexpr std::string_view fileType = "text/plain";

// The request names a machine and no license, and proves nothing about who pays: the license's owner does, or an admin.
HttpResponse answer(const Api& api, Worker& worker, const Call& call) {
    const auto id = call.query("license").value_or("");
    if (id.empty()) return invalidField("license", "?license=lic_…: which license the machine shall have");
    const auto license = worker.store.license(LicenseId{id});
    const bool own = license && license->account && license->account->value == call.caller->account;
    if (!license || (!own && !call.caller->admin)) return problem(404, "unknown-license", "You have no such license.");

    IssueTerms terms;  // how long it is fresh is the air-gapped machine's own; the rest is as online
    terms.grace = api.policy.grace;
    terms.windDown = api.policy.windDown;
    terms.offline = api.policy.offline;
    IssueRights rights;
    rights.owner = api.policy;  // an admin too: what is approved stands in the audit log
    const auto made =
        answerRequest(api.authority, worker.store, license->id, call.request.body, terms, rights, call.request.now);
    if (!made) return problemOf(made.error());
    HttpResponse response;
    response.contentType = std::string(fileType) + "; charset=utf-8";
    response.body = made->text;
    response.headers.emplace_back("Cache-Control", "no-store");
    response.headers.emplace_back("Content-Disposition", "attachment; filename=\"machine.license\"");
    return response;
}

}  // namespace

std::vector<Route> offlineRoutes(const Api& api) {
    auto made = route("POST", "/v1/device/offline", Access::user,
                      [&api](Worker& worker, const Call& call) -> Reply { return answer(api, worker, call); });
    made.accepts = fileType;
    made.bodyLimit = maxFileBytes;
    made.queries = {"license"};
    return {std::move(made)};
}

}  // namespace entitle
