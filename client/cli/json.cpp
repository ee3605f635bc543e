#include "client/cli/json.h"

#include <boost/json/parse.hpp>

#include "client/convert.h"
#include "license/time.h"

namespace entitle::cli {

namespace {

void addOrigin(boost::json::object& out, const Origin& origin) {
    out["source"] = toString(origin.source);
    out["unavailable"] = toString(origin.why);
    out["detail"] = origin.detail;
}

std::string hex(capnp::Data::Reader bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

}  // namespace

std::string_view view(capnp::Text::Reader text) {
    return {text.begin(), text.size()};
}

boost::json::value toJson(const std::optional<TimePoint>& at) {
    if (!at) return nullptr;
    return boost::json::value(toRfc3339(*at));
}

boost::json::object toJson(const Status& status) {
    boost::json::object out;
    out["standing"] = toString(status.standing);
    out["message"] = status.message;
    out["license_id"] = status.licenseId;
    out["license_type"] = status.licenseType;
    out["plan"] = status.plan;
    out["max_bots"] = status.maxBots;
    out["bots_in_use"] = status.botsInUse;
    out["device_id"] = status.deviceId;
    out["issued_at"] = toJson(status.issuedAt);
    out["fresh_until"] = toJson(status.freshUntil);
    out["grace_until"] = toJson(status.graceUntil);
    out["ends_at"] = toJson(status.endsAt);
    out["wind_down_until"] = toJson(status.windDownUntil);
    out["sequence"] = status.sequence;
    out["trust"] = status.origin.source == Source::demo ? "none" : status.development ? "development" : "compiled-in";
    out["authority"] = status.authority;
    out["binding"] = toString(status.binding);
    out["key_level"] = status.keyLevel;
    out["daemon_version"] = status.daemonVersion;
    out["daemon_time"] = toJson(status.daemonTime);
    out["started_at"] = toJson(status.startedAt);
    out["clock_synced"] = status.clockSynced;
    out["request_pending"] = status.requestPending;
    out["generation"] = status.generation;
    out["container"] = status.container;
    out["authority_url"] = status.authorityUrl;
    out["next_contact"] = toJson(status.nextContact);
    out["last_contact"] = toJson(status.lastContact);
    out["last_failure_at"] = toJson(status.lastFailureAt);
    out["last_failure"] = status.lastFailure;
    out["activating"] = status.activating;
    out["returning_seat"] = status.returningSeat;
    out["conflict_at"] = toJson(status.conflictAt);
    out["authority_code"] = status.authorityCode;
    out["authority_message"] = status.authorityMessage;
    out["clock"] = toString(status.clock);
    out["believed_time"] = toJson(status.believedTime);
    out["clock_budget_s"] = status.clock == Status::Clock::good ? boost::json::value(nullptr)
                                                                : boost::json::value(status.clockBudget.count());
    addOrigin(out, status.origin);
    return out;
}

boost::json::object toJson(std::string_view feature, const Answer& answer) {
    boost::json::object out;
    out["feature"] = feature;
    out["allowed"] = answer.allowed;
    out["reason"] = toString(answer.reason);
    out["message"] = answer.message;
    out["until"] = toJson(answer.until);
    addOrigin(out, answer.origin);
    return out;
}

boost::json::object toJson(const Features& features) {
    boost::json::array list;
    for (const auto& feature : features.list) {
        auto one = toJson(feature.name, feature.answer);
        for (const auto* member : {"source", "unavailable", "detail"}) one.erase(member);
        list.push_back(std::move(one));
    }
    boost::json::object out;
    out["features"] = std::move(list);
    addOrigin(out, features.origin);
    return out;
}

boost::json::object toJson(const Quota& quota) {
    boost::json::object out;
    out["quota"] = quota.name;
    out["limit"] = quota.limit;
    out["in_use"] = quota.inUse;
    out["awaiting"] = quota.awaiting;
    out["yours"] = quota.yours;
    out["one_more"] = {{"allowed", quota.oneMore.allowed},
                       {"reason", toString(quota.oneMore.reason)},
                       {"message", quota.oneMore.message},
                       {"until", toJson(quota.oneMore.until)}};
    addOrigin(out, quota.origin);
    return out;
}

boost::json::object toJson(const Fingerprint& fingerprint) {
    boost::json::array components;
    for (const auto& component : fingerprint.components) {
        components.push_back({{"name", component.name},
                              {"weight", component.weight},
                              {"strong", component.strong},
                              {"result", toString(component.result)}});
    }
    boost::json::object out;
    out["enrolled"] = fingerprint.enrolled;
    out["match"] = toString(fingerprint.match);
    out["score"] = fingerprint.score;
    out["components"] = std::move(components);
    out["changes_left"] = fingerprint.changesLeft;
    out["virtual_machine"] = fingerprint.virtualMachine;
    out["container"] = fingerprint.container;
    out["advice"] = fingerprint.advice;
    out["drift_until"] = toJson(fingerprint.driftUntil);
    addOrigin(out, fingerprint.origin);
    return out;
}

boost::json::object toJson(const Change& change) {
    boost::json::object out;
    out["status"] = toJson(change.status);
    out["connected"] = change.status.origin.source == Source::daemon;
    return out;
}

boost::json::object toJson(wire::SlotInfo::Reader slot) {
    boost::json::object out;
    out["id"] = slot.getId();
    out["quota"] = view(slot.getQuota());
    out["count"] = slot.getCount();
    out["label"] = view(slot.getLabel());
    out["uid"] = slot.getUid();
    out["pid"] = slot.getPid();
    out["since"] = toJson(fromWire(slot.getSince()));
    out["awaiting"] = slot.getAwaiting();
    return out;
}

boost::json::object toJson(wire::AuditEntry::Reader entry) {
    boost::json::object out;
    out["index"] = entry.getIndex();
    out["time"] = toJson(fromWire(entry.getTime()));
    out["kind"] = view(entry.getKind());
    boost::system::error_code error;
    auto detail = boost::json::parse(view(entry.getDetail()), error);
    out["detail"] = error ? boost::json::value(view(entry.getDetail())) : std::move(detail);
    out["hash"] = hex(entry.getHash());
    return out;
}

boost::json::object toJson(wire::Metric::Reader metric) {
    boost::json::object labels;
    for (auto label : metric.getLabels()) labels[view(label.getName())] = view(label.getValue());
    boost::json::object out;
    out["name"] = view(metric.getName());
    out["kind"] = metric.getKind() == wire::Metric::Kind::COUNTER ? "counter" : "gauge";
    out["value"] = metric.getValue();
    out["labels"] = std::move(labels);
    out["help"] = view(metric.getHelp());
    return out;
}

boost::json::object toJson(const Failure& failure) {
    return {{"error", {{"code", failure.code()}, {"message", failure.what()}, {"advice", failure.advice()}}}};
}

}  // namespace entitle::cli
