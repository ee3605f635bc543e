#include <algorithm>

#include <boost/json/array.hpp>

#include "license/printable.h"
#include "server/api.h"

namespace entitle {
namespace {

// The caller's own license of the path; another's is as unknown as none.
std::variant<LicenseRow, HttpResponse> ownLicense(Worker& worker, const Call& call) {
    auto row = worker.store.license(LicenseId{call.parameter("license")});
    if (!row || !row->account || row->account->value != call.caller->account)
        return problem(404, "unknown-license", "You have no such license.");
    return std::move(*row);
}

HttpResponse listLicenses(Worker& worker, const Call& call) {
    boost::json::array out;
    for (const auto& row : worker.store.licensesOf(AccountId{call.caller->account}))
        out.push_back(describeLicense(row));
    return jsonResponse({{"licenses", std::move(out)}});
}

HttpResponse listDevices(Worker& worker, const Call& call) {
    auto found = ownLicense(worker, call);
    if (auto* bad = std::get_if<HttpResponse>(&found)) return std::move(*bad);
    boost::json::array out;
    for (const auto& row : worker.store.devices(std::get<LicenseRow>(found).id))
        out.push_back(describeDevice(row, call.request.now));
    return jsonResponse({{"devices", std::move(out)}});
}

std::optional<DeviceRow> deviceOf(Worker& worker, const LicenseId& license, const std::string& number) {
    const auto wanted = wholeNumber(number);
    for (auto& row : worker.store.devices(license))
        if (wanted && row.number == *wanted) return std::move(row);
    return std::nullopt;
}

HttpResponse rename(Worker& worker, const Call& call) {
    auto found = ownLicense(worker, call);
    if (auto* bad = std::get_if<HttpResponse>(&found)) return std::move(*bad);
    auto body = readBody(call);
    if (auto* bad = std::get_if<HttpResponse>(&body)) return std::move(*bad);
    const auto name = textOf(std::get<boost::json::object>(body), "name");
    if (!name || name->size() > 64 || printableFrom(*name, 64) != *name)
        return invalidField("name", "at most 64 bytes of printable text");
    const auto& license = std::get<LicenseRow>(found).id;
    auto row = deviceOf(worker, license, call.parameter("number"));
    if (!row || !worker.store.renameDevice(license, row->number, *name))
        return problem(404, "unknown-device", "The license has no such device.");
    row->name = *name;
    return jsonResponse(describeDevice(*row, call.request.now));
}

HttpResponse release(const Api& api, Worker& worker, const Call& call) {
    auto found = ownLicense(worker, call);
    if (auto* bad = std::get_if<HttpResponse>(&found)) return std::move(*bad);
    const auto& license = std::get<LicenseRow>(found).id;
    const auto row = deviceOf(worker, license, call.parameter("number"));
    if (!row || row->releasedAt) return problem(404, "unknown-device", "No such device holds the license.");
    const Instant now = call.request.now;
    const auto released = worker.store.release(
        license, row->device, now, {TransferKind::owner, api.policy.ownerTransfers, now - api.policy.window});
    if (!released) return problemOf(released.error());
    return jsonResponse(describeDevice(*released, now));
}

// What the caller's machines wait for, or what became of it: an administrator decides.
HttpResponse listApprovals(Worker& worker, const Call& call) {
    const auto word = call.query("state").value_or("waiting");
    const auto state = approvalState(word);
    if (!state && word != "all") return invalidField("state", "waiting, approved, denied, used or all");
    boost::json::array out;
    for (const auto& row : worker.store.approvalsOf(AccountId{call.caller->account}, state)) {
        auto item = describeApproval(row);
        item.erase("decided_by");
        out.push_back(std::move(item));
    }
    return jsonResponse({{"approvals", std::move(out)}});
}

}  // namespace

std::vector<Route> ownerRoutes(const Api& api) {
    return {route("GET", "/v1/licenses", Access::user, listLicenses),
            withQueries(route("GET", "/v1/approvals", Access::user, listApprovals), {"state"}),
            route("GET", "/v1/licenses/{license}/devices", Access::user, listDevices),
            withMembers(route("PATCH", "/v1/licenses/{license}/devices/{number}", Access::user, rename), {"name"}),
            route("DELETE", "/v1/licenses/{license}/devices/{number}", Access::user,
                  [&api](Worker& worker, const Call& call) -> Reply { return release(api, worker, call); })};
}

}  // namespace entitle
