#include "server/api.h"

#include <algorithm>
#include <charconv>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "server/log.h"

namespace entitle {
namespace {

boost::json::value instantOrNull(const std::optional<Instant>& at) {
    if (!at) return nullptr;
    return boost::json::value(toRfc3339(*at));
}

int statusOf(DenialReason reason) {
    switch (reason) {
        case DenialReason::unknownLicense:
        case DenialReason::unknownDevice:
        case DenialReason::unknownAccount:
        case DenialReason::unknownApproval:
            return 404;
        case DenialReason::emailTaken:
        case DenialReason::seatTaken:
        case DenialReason::seatReleased:
        case DenialReason::deviceLimit:
        case DenialReason::alreadyDecided:
        case DenialReason::lastAdmin:
        case DenialReason::answerStale:
        case DenialReason::keySetBehind:
        case DenialReason::otherHardware:
        case DenialReason::approvalWaits:
            return 409;
        case DenialReason::licenseEnded:
        case DenialReason::licenseRevoked:
        case DenialReason::licenseSuspended:
        case DenialReason::transfersSpent:
        case DenialReason::trialUsed:
        case DenialReason::approvalDenied:
            return 403;
        case DenialReason::noSigningKey:
        case DenialReason::rootsInReach:
        case DenialReason::badSecret:
        case DenialReason::unreadable:  // of our own files, as the next
        case DenialReason::unsafeFile:
            return 503;
        default:
            return 422;
    }
}

}  // namespace

Route route(std::string method, std::string pattern, Access access, Handler handler) {
    Route out;
    out.method = std::move(method);
    out.pattern = std::move(pattern);
    out.access = access;
    out.handler = std::move(handler);
    return out;
}

Route withMembers(Route route, std::vector<std::string> members) {
    route.members = std::move(members);
    return route;
}

Route withQueries(Route route, std::vector<std::string> queries) {
    route.queries = std::move(queries);
    return route;
}

Route succeedsWith(Route route, int status) {
    route.success = status;
    return route;
}

HttpResponse jsonResponse(const boost::json::object& body, int status) {
    HttpResponse response;
    response.status = status;
    response.body = boost::json::serialize(body);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

HttpResponse problemOf(const Denial& denial) {
    const int status = statusOf(denial.reason);
    const auto code = ProblemCode::find(toString(denial.reason)).value_or(ProblemCode("refused"));
    if (status == 503) {
        logMessage(LogLevel::error, "nothing can be signed: " + denial.message);  // our own affair
        return problem(status, code, "Nothing can be signed now: come again.", std::chrono::seconds(60));
    }
    return problem(status, code, denial.message);
}

HttpResponse invalidField(std::string_view name, std::string_view what) {
    return problem(422, "invalid-field", std::string(name) + ": " + std::string(what));
}

std::variant<boost::json::object, HttpResponse> readBody(const Call& call) {
    const auto& members = call.route.members;
    boost::json::parse_options options;
    options.max_depth = 4;
    boost::system::error_code failed;
    auto value = boost::json::parse(call.request.body, failed, {}, options);
    if (failed || !value.is_object()) return problem(400, "bad-json", "The body must be a JSON object.");
    auto& object = value.get_object();
    for (const auto& member : object) {
        const std::string_view name(member.key().data(), member.key().size());
        if (std::find(members.begin(), members.end(), name) == members.end())
            return problem(422, "unknown-field", "The body has a member that is not known here.");
    }
    return std::move(object);
}

std::optional<std::string> textOf(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    const auto& text = value->get_string();
    if (std::find(text.begin(), text.end(), '\0') != text.end()) return std::nullopt;
    return std::string(text.data(), text.size());
}

std::optional<std::int64_t> wholeNumberOf(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_int64()) return std::nullopt;
    return value->get_int64();
}

std::optional<std::int64_t> wholeNumber(std::string_view text) {
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size() || out < 0) return std::nullopt;
    return out;
}

Page pageOf(const Call& call) {
    Page page;
    if (const auto limit = call.query("limit"))
        if (const auto number = wholeNumber(*limit))
            page.limit = static_cast<int>(std::clamp<std::int64_t>(*number, 1, 500));
    const auto& queries = call.route.queries;
    if (std::find(queries.begin(), queries.end(), "after") != queries.end())
        page.after = call.query("after").value_or("");
    return page;
}

std::optional<ApprovalState> approvalState(std::string_view word) {
    for (const auto each :
         {ApprovalState::waiting, ApprovalState::approved, ApprovalState::denied, ApprovalState::used})
        if (toString(each) == word) return each;
    return std::nullopt;
}

boost::json::object describeLicense(const LicenseRow& row) {
    return {{"license_id", row.id.value},
            {"license_type", row.type},
            {"plan", row.plan},
            {"status", toString(row.status)},
            {"features", boost::json::array(row.features.begin(), row.features.end())},
            {"max_bots", row.maxBots},
            {"total_bots", row.totalBots ? boost::json::value(*row.totalBots) : boost::json::value()},
            {"device_limit", row.deviceLimit},
            {"devices_held", row.devicesHeld},
            {"duration_s", row.duration ? boost::json::value(row.duration->count()) : boost::json::value()},
            {"expires_at", instantOrNull(row.endsAt)},
            {"created_at", toRfc3339(row.createdAt)},
            {"user_id", row.account ? boost::json::value(row.account->value) : boost::json::value()},
            {"note", row.note}};
}

boost::json::object describeAccount(const AccountRow& row) {
    return {{"user_id", row.id.value},
            {"email", row.email},
            {"role", row.admin ? "admin" : "user"},
            {"created_at", toRfc3339(row.createdAt)}};
}

boost::json::object describeDevice(const DeviceRow& row, Instant now) {
    const bool leased = row.leasedUntil && *row.leasedUntil > now;
    return {{"number", row.number},
            {"device", row.device.value},
            {"kind", row.deviceKey.empty() ? "declared" : "keyed"},
            {"name", row.name.empty() ? row.hostLabel : row.name},
            {"host", row.hostLabel},
            {"version", row.version},
            {"key_level", row.keyLevel},
            {"taken_at", toRfc3339(row.takenAt)},
            {"released_at", instantOrNull(row.releasedAt)},
            {"last_seen_at", instantOrNull(row.lastSeenAt)},
            {"conflict_at", instantOrNull(row.conflictAt)},
            {"bots_in_use", row.botsInUse},
            {"bots_leased", leased ? boost::json::value(row.botsLeased) : boost::json::value()}};
}

boost::json::object describeApproval(const ApprovalRow& row) {
    return {{"number", row.number},
            {"license_id", row.license.value},
            {"device", row.device.value},
            {"host", row.hostLabel},
            {"reason", row.reason},
            {"asked_at", toRfc3339(row.askedAt)},
            {"state", toString(row.state)},
            {"decided_at", instantOrNull(row.decidedAt)},
            {"decided_by", row.decidedBy ? boost::json::value(row.decidedBy->value) : boost::json::value()}};
}

}  // namespace entitle
