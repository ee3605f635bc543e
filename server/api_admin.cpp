#include <algorithm>

#include <boost/json/array.hpp>

#include "license/catalogue.h"
#include "license/printable.h"
#include "server/api.h"
#include "server/mint.h"

namespace entitle {
namespace {

// `after` is the serial number of the last license seen: the `next` of the page before.
HttpResponse listLicenses(const Api&, Worker& worker, const Call& call) {
    const auto page = pageOf(call);
    boost::json::array out;
    std::uint64_t next = 0;
    const auto after = static_cast<std::uint64_t>(wholeNumber(page.after).value_or(0));
    for (const auto& row : worker.store.licenses(after, page.limit)) {
        out.push_back(describeLicense(row));
        next = row.payload.serial;
    }
    const bool more = out.size() == static_cast<std::size_t>(page.limit);
    return jsonResponse({{"licenses", std::move(out)}, {"next", more ? boost::json::value(next) : nullptr}});
}

HttpResponse showLicense(const Api&, Worker& worker, const Call& call) {
    const LicenseId id{call.parameter("license")};
    const auto row = worker.store.license(id);
    if (!row) return problem(404, "unknown-license", "There is no such license.");
    auto body = describeLicense(*row);
    boost::json::array devices, attempts;
    for (const auto& device : worker.store.devices(id)) devices.push_back(describeDevice(device, call.request.now));
    for (const auto& attempt : worker.store.attempts(id, 50))
        attempts.push_back(
            {{"at", toRfc3339(attempt.at)}, {"device", attempt.device.value}, {"outcome", attempt.outcome}});
    body["devices"] = std::move(devices);
    body["attempts"] = std::move(attempts);
    return jsonResponse(body);
}

HttpResponse showLicenseKey(const Api& api, Worker& worker, const Call& call) {
    const auto row = worker.store.license(LicenseId{call.parameter("license")});
    if (!row) return problem(404, "unknown-license", "There is no such license.");
    const auto key = showKey(api.secrets, *row);
    // Whoever has seen a key can use it.
    if (key) worker.store.recordNow();
    if (!key) return problem(409, "secret-retired", "The secret this key was made with is not configured any more.");
    return jsonResponse({{"license_id", row->id.value}, {"license_key", key->text()}});
}

// suspend, reinstate, revoke: idempotent; a revoked license stays revoked.
HttpResponse setStatus(Worker& worker, const Call& call, LicenseStatus wanted) {
    const Instant now = call.request.now;
    const auto changed = worker.store.changeLicense(
        LicenseId{call.parameter("license")}, now, [&](const LicenseRow& before) -> Granted<LicenseRow> {
            if (before.status == LicenseStatus::revoked && wanted != LicenseStatus::revoked)
                return Denial{DenialReason::licenseRevoked, "a revoked license stays revoked: generate another"};
            LicenseRow after = before;
            if (after.status != wanted) {
                after.status = wanted;
                after.statusChangedAt = now;
            }
            return after;
        });
    if (!changed) return problemOf(changed.error());
    return jsonResponse(describeLicense(*changed));
}

HttpResponse changeLicense(const Api&, Worker& worker, const Call& call) {
    auto body = readBody(call);
    if (auto* bad = std::get_if<HttpResponse>(&body)) return std::move(*bad);
    const auto& object = std::get<boost::json::object>(body);
    const Instant now = call.request.now;
    const LicenseType* type = nullptr;
    if (object.contains("license_type")) {
        type = builtinCatalogue().type(textOf(object, "license_type").value_or(""));
        if (type == nullptr) return invalidField("license_type", "one of trial, basic, pro, enterprise");
    }
    const auto* ends = object.if_contains("expires_at");
    std::optional<Instant> endsAt;
    if (ends != nullptr && !ends->is_null()) {
        endsAt = parseEnd(textOf(object, "expires_at").value_or(""));
        if (!endsAt || *endsAt <= now || *endsAt - now > std::chrono::days{36'500})
            return invalidField("expires_at", "null, or a date as 2027-12-31 that lies ahead, within a hundred years");
    }
    const auto limit = wholeNumberOf(object, "device_limit");
    if (object.contains("device_limit") && (!limit || *limit < 1 || *limit > maxDeviceLimit))
        return invalidField("device_limit", "1 to 10000");
    const auto* total = object.if_contains("total_bots");
    const auto totalBots = wholeNumberOf(object, "total_bots");
    if (total != nullptr && !total->is_null() && (!totalBots || *totalBots < 0 || *totalBots > maxBotsLimit))
        return invalidField("total_bots", "null, or 0 to 1000000");
    const auto note = textOf(object, "note");
    if (object.contains("note") && (!note || note->size() > 200 || printableFrom(*note, 200) != *note))
        return invalidField("note", "at most 200 bytes of printable text");

    const auto changed = worker.store.changeLicense(
        LicenseId{call.parameter("license")}, now, [&](const LicenseRow& before) -> Granted<LicenseRow> {
            LicenseRow after = before;
            if (type != nullptr)
                if (auto fine = changeType(after, *type); !fine) return fine.error();
            if (ends != nullptr) {
                after.endsAt = endsAt;
                after.duration.reset();
            }
            if (limit) {
                if (*limit < before.devicesHeld)
                    return Denial{DenialReason::deviceLimit, "more devices hold the license: release some first"};
                after.deviceLimit = static_cast<int>(*limit);
            }
            if (total != nullptr) after.totalBots = totalBots;
            if (note) after.note = *note;
            return after;
        });
    if (!changed) return problemOf(changed.error());
    return jsonResponse(describeLicense(*changed));
}

HttpResponse releaseDevice(const Api&, Worker& worker, const Call& call) {
    const LicenseId id{call.parameter("license")};
    const auto number = wholeNumber(call.parameter("number"));
    for (const auto& row : worker.store.devices(id)) {
        if (!number || row.number != *number || row.releasedAt) continue;
        const auto released = worker.store.release(id, row.device, call.request.now);
        if (!released) return problemOf(released.error());
        return jsonResponse(describeDevice(*released, call.request.now));
    }
    return problem(404, "unknown-device", "No such device holds the license.");
}

HttpResponse listApprovals(const Api&, Worker& worker, const Call& call) {
    const auto page = pageOf(call);
    const auto word = call.query("state").value_or("waiting");
    const auto state = approvalState(word);
    if (!state && word != "all") return invalidField("state", "waiting, approved, denied, used or all");
    boost::json::array out;
    for (const auto& row : worker.store.approvals(state, wholeNumber(page.after).value_or(0), page.limit))
        out.push_back(describeApproval(row));
    const bool more = out.size() == static_cast<std::size_t>(page.limit);
    const auto next = more ? out.back().at("number") : boost::json::value();
    return jsonResponse({{"approvals", std::move(out)}, {"next", next}});
}

HttpResponse decide(Worker& worker, const Call& call, bool approve) {
    const auto number = wholeNumber(call.parameter("number"));
    if (!number) return problem(404, "unknown-approval", "There is no such request.");
    const auto decided =
        worker.store.decideApproval(*number, approve, AccountId{call.caller->account}, call.request.now);
    if (!decided) return problemOf(decided.error());
    return jsonResponse(describeApproval(*decided));
}

HttpResponse listAttempts(const Api&, Worker& worker, const Call& call) {
    boost::json::array out;
    for (const auto& row : worker.store.attempts(pageOf(call).limit))
        out.push_back({{"at", toRfc3339(row.at)},
                       {"license_id", row.license.value},
                       {"device", row.device.value},
                       {"outcome", row.outcome}});
    return jsonResponse({{"attempts", std::move(out)}});
}

HttpResponse showKeys(const Api& api, Worker& worker, const Call&) {
    const KeySet set = api.authority.verified(worker.store.keySet());
    boost::json::array keys;
    for (const auto& entry : set.keys)
        keys.push_back({{"key_id", entry.key.keyId()},
                        {"public", entry.key.paserk()},
                        {"not_before", toRfc3339(entry.notBefore)},
                        {"expires", toRfc3339(entry.expires)},
                        {"revoked", entry.revoked}});
    return jsonResponse({{"authority", set.authority},
                         {"version", set.version},
                         {"issued_at", toRfc3339(set.issuedAt)},
                         {"keys", std::move(keys)}});
}

}  // namespace

std::vector<Route> adminRoutes(const Api& api) {
    const auto read = [&api](std::string pattern, auto handler) {
        return route("GET", "/v1/admin" + pattern, Access::admin,
                     [&api, handler](Worker& worker, const Call& call) -> Reply { return handler(api, worker, call); });
    };
    const auto act = [&api](std::string method, std::string pattern, std::string action, auto handler) {
        return route(std::move(method), "/v1/admin" + pattern, Access::admin,
                     audited(std::move(action), [&api, handler](Worker& worker, const Call& call) -> Reply {
                         return handler(api, worker, call);
                     }));
    };
    const auto status = [](LicenseStatus wanted) {
        return [wanted](const Api&, Worker& worker, const Call& call) { return setStatus(worker, call, wanted); };
    };
    const auto deciding = [](bool approve) {
        return [approve](const Api&, Worker& worker, const Call& call) { return decide(worker, call, approve); };
    };
    return {withQueries(read("/licenses", listLicenses), {"limit", "after"}),
            read("/licenses/{license}", showLicense),
            withMembers(act("PATCH", "/licenses/{license}", "license-change", changeLicense),
                        {"license_type", "expires_at", "device_limit", "total_bots", "note"}),
            act("GET", "/licenses/{license}/key", "license-key-shown", showLicenseKey),
            act("POST", "/licenses/{license}/suspend", "license-suspend", status(LicenseStatus::suspended)),
            act("POST", "/licenses/{license}/reinstate", "license-reinstate", status(LicenseStatus::active)),
            act("POST", "/licenses/{license}/revoke", "license-revoke", status(LicenseStatus::revoked)),
            act("DELETE", "/licenses/{license}/devices/{number}", "device-release", releaseDevice),
            withQueries(read("/approvals", listApprovals), {"state", "limit", "after"}),
            act("POST", "/approvals/{number}/approve", "approval-approve", deciding(true)),
            act("POST", "/approvals/{number}/deny", "approval-deny", deciding(false)),
            withQueries(read("/attempts", listAttempts), {"limit"}),
            read("/keys", showKeys)};
}

}  // namespace entitle
