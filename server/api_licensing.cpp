#include <algorithm>
#include <array>
#include <stdexcept>

#include <boost/json/array.hpp>

#include "license/catalogue.h"
#include "license/printable.h"
#include "server/accounts.h"
#include "server/api.h"
#include "server/declared_device.h"
#include "server/in_force.h"
#include "server/mint.h"
#include "server/service.h"

namespace entitle {
namespace {

constexpr std::size_t longestMachineId = 256;
constexpr Seconds furthestEnd = std::chrono::days{36'500};

HttpResponse generate(const Api& api, Worker& worker, const Call& call) {
    auto body = readBody(call);
    if (auto* bad = std::get_if<HttpResponse>(&body)) return std::move(*bad);
    const auto& object = std::get<boost::json::object>(body);
    const Instant now = call.request.now;
    NewLicense wish;
    const auto user = textOf(object, "user_id");
    if (!user || user->empty()) return invalidField("user_id", "the account that gets the license");
    wish.account = AccountId{*user};
    wish.type = textOf(object, "license_type").value_or("");
    if (builtinCatalogue().type(wish.type) == nullptr)
        return invalidField("license_type", "one of trial, basic, pro, enterprise");
    if (const auto* ends = object.if_contains("expires_at"); ends != nullptr && !ends->is_null()) {
        wish.endsAt = parseEnd(textOf(object, "expires_at").value_or(""));
        if (!wish.endsAt) return invalidField("expires_at", "null, 2027-12-31 or 2027-12-31T12:00:00Z");
        if (*wish.endsAt <= now) return invalidField("expires_at", "lies in the past");
        if (*wish.endsAt - now > furthestEnd) return invalidField("expires_at", "lies more than a hundred years ahead");
    }
    if (object.contains("device_limit")) {
        const auto limit = wholeNumberOf(object, "device_limit");
        if (!limit || *limit < 1 || *limit > maxDeviceLimit) return invalidField("device_limit", "1 to 10000");
        wish.deviceLimit = static_cast<int>(*limit);
    }
    if (const auto* total = object.if_contains("total_bots"); total != nullptr && !total->is_null()) {
        wish.totalBots = wholeNumberOf(object, "total_bots");
        if (!wish.totalBots || *wish.totalBots < 0 || *wish.totalBots > maxBotsLimit)
            return invalidField("total_bots", "null, or 0 to 1000000");
    }
    const auto note = textOf(object, "note");
    if (object.contains("note") && (!note || note->size() > 200 || printableFrom(*note, 200) != *note))
        return invalidField("note", "at most 200 bytes of printable text");
    wish.note = note.value_or("");
    const auto made = mintLicense(worker.store, api.secrets, wish, now);
    if (!made) return problemOf(made.error());
    auto answer = describeLicense(made->row);
    answer["license_key"] = made->key.text();
    return jsonResponse(answer, 201);
}

HttpResponse activate(const Api& api, Worker& worker, const Call& call) {
    auto body = readBody(call);
    if (auto* bad = std::get_if<HttpResponse>(&body)) return std::move(*bad);
    const auto& object = std::get<boost::json::object>(body);
    const auto machine = textOf(object, "machine_id").value_or("");
    if (machine.empty() || machine.size() > longestMachineId || printableFrom(machine, longestMachineId) != machine)
        return invalidField("machine_id", "1 to 256 bytes of printable text");
    ExchangeQuery query;
    query.device = declaredDevice(machine);
    query.now = call.request.now;
    query.countFrom = query.now - api.policy.window;
    const auto row = licenseOfKey(worker.store, api.secrets, textOf(object, "license_key").value_or(""));
    if (!row) {
        worker.store.recordRefusal(query.device, std::string(toString(row.error().reason)), query.now);
        auto response = problem(404, "bad-key", "This is no license key of this authority.");
        response.wrongSecret = true;
        return response;
    }
    query.license = row->id;
    query.trialMarks = {"declared:" + query.device.value};
    const std::string token = freshToken();
    const auto done = worker.store.exchange(query, [&](const ExchangeFacts& facts) {
        return decideDeclared(facts, hostLabelFrom(machine), hashOfToken(token), query);
    });
    if (!done) return problemOf(done.error());
    return jsonResponse({{"token", token},
                         {"token_type", "Bearer"},
                         {"license_id", done->license.id.value},
                         {"license_type", done->license.type},
                         {"machine_id", machine},
                         {"expires_at", done->license.endsAt ? boost::json::value(toRfc3339(*done->license.endsAt))
                                                             : boost::json::value()}});
}

// What the caller may do now.
struct Rights {
    bool valid = false;
    std::string reason;  // why not: "" when valid
    std::string plan, type;
    std::vector<std::string> features;
    std::int64_t maxBots = 0;
    std::optional<LicenseRow> license;
};

// A machine without a license in force.
void grantDemo(Rights& rights, const ServeConfig::Demo& demo) {
    rights.features = demo.enabled ? builtinCatalogue().demo.features : std::vector<std::string>{};
    rights.maxBots = demo.enabled ? demo.maxBots : 0;
}

// An account without a license in force.
void grantFree(Rights& rights) {
    const auto* free = builtinCatalogue().plan("free");
    if (free == nullptr) throw std::logic_error("the catalogue has no plan called free");
    rights.plan = free->name;
    rights.features = free->features;
    rights.maxBots = free->maxBots;
}

// The best of the licenses in force: the one with the most bots.
std::optional<LicenseRow> licenseOf(Worker& worker, const Caller& caller, Instant now) {
    if (worker.bearer && worker.bearer->token.hash == caller.tokenHash && worker.bearer->license)
        return std::move(worker.bearer->license);  // read with its token: a question of one query
    if (!caller.license.empty()) return worker.store.license(LicenseId{caller.license});
    const auto bots = [](const LicenseRow& row) { return row.bots() < 0 ? INT64_MAX : row.bots(); };
    std::optional<LicenseRow> best;
    for (auto& row : worker.store.licensesOf(AccountId{caller.account}))
        if (!best || std::pair(inForce(row, now), bots(row)) > std::pair(inForce(*best, now), bots(*best)))
            best = std::move(row);
    return best;
}

Rights rightsOf(const Api& api, Worker& worker, const Call& call) {
    Rights rights;
    rights.license = licenseOf(worker, *call.caller, call.request.now);
    if (!rights.license) {
        grantFree(rights);
        rights.reason = "no-license";
        return rights;
    }
    const auto& row = *rights.license;
    rights.plan = row.plan;
    rights.type = row.type;
    rights.valid = inForce(row, call.request.now);
    if (rights.valid) {
        grantDemo(rights, api.demo);  // as a daemon does: a license takes nothing away
        rights.features.insert(rights.features.end(), row.features.begin(), row.features.end());
        rights.maxBots = row.bots();
        rights.features = expandFeatures(builtinCatalogue(), std::move(rights.features), rights.maxBots);
        return rights;
    }
    rights.reason =
        row.status == LicenseStatus::active ? "license-ended" : "license-" + std::string(toString(row.status));
    if (call.caller->account.empty()) {
        grantDemo(rights, api.demo);
    } else {
        grantFree(rights);
    }
    return rights;
}

HttpResponse validate(const Api& api, Worker& worker, const Call& call) {
    const auto rights = rightsOf(api, worker, call);
    boost::json::object body{
        {"valid", rights.valid},      {"reason", rights.reason},
        {"plan", rights.plan},        {"license_type", rights.type},
        {"max_bots", rights.maxBots}, {"features", boost::json::array(rights.features.begin(), rights.features.end())}};
    body["license_id"] = rights.license ? boost::json::value(rights.license->id.value) : boost::json::value();
    body["expires_at"] = rights.license && rights.license->endsAt
                             ? boost::json::value(toRfc3339(*rights.license->endsAt))
                             : boost::json::value();
    return jsonResponse(body);
}

HttpResponse features(const Api& api, Worker& worker, const Call& call) {
    const auto rights = rightsOf(api, worker, call);
    const auto& catalogue = builtinCatalogue();
    boost::json::object each;
    for (const auto& name : catalogue.features) {
        const bool enabled = holds(rights.features, rights.maxBots, name);
        boost::json::object item{{"enabled", enabled}};
        if (!enabled) {
            const auto* plan = catalogue.cheapestPlanWith(name, rights.valid ? rights.plan : "");
            item["message"] = plan ? "Upgrade to " + plan->name : std::string("Not in any plan above yours");
        }
        each[name] = std::move(item);
    }
    return jsonResponse({{"plan", rights.plan},
                         {"license_type", rights.type},
                         {"valid", rights.valid},
                         {"max_bots", rights.maxBots},
                         {"features", std::move(each)}});
}

}  // namespace

std::vector<Route> licensingRoutes(const Api& api) {
    const auto bound = [&api](auto handler) {
        return [&api, handler](Worker& worker, const Call& call) -> Reply { return handler(api, worker, call); };
    };
    auto activation = route("POST", "/api/licensing/activate", Access::open, bound(activate));
    activation.rate = Rate::secret;
    auto generation =
        route("POST", "/api/licensing/generate", Access::admin, audited("license-generate", bound(generate)));
    generation.members = {"user_id", "license_type", "expires_at", "device_limit", "total_bots", "note"};
    return {succeedsWith(std::move(generation), 201), withMembers(std::move(activation), {"license_key", "machine_id"}),
            route("GET", "/api/licensing/validate", Access::bearer, bound(validate)),
            route("GET", "/api/licensing/features", Access::bearer, bound(features))};
}

}  // namespace entitle
