#include "daemon/rpc_convert.h"

#include <algorithm>
#include <limits>

namespace entitle {
namespace {

std::int64_t instant(const std::optional<Instant>& t) {
    return t ? t->time_since_epoch().count() : 0;
}

// Enumerants of the wire carry the numbers of ours: checked here once, so that neither moves alone.
static_assert(static_cast<int>(wire::Standing::WRONG_DEVICE) == static_cast<int>(Standing::wrongDevice));
static_assert(static_cast<int>(wire::Standing::WINDING_DOWN) == static_cast<int>(Standing::windingDown));
static_assert(static_cast<int>(wire::Reason::DEMO_DISABLED) == static_cast<int>(Reason::demoDisabled));
static_assert(static_cast<int>(wire::Reason::WINDING_DOWN) == static_cast<int>(Reason::windingDown));
static_assert(static_cast<int>(wire::Reason::BAD_NAME) == static_cast<int>(Reason::badName));
static_assert(static_cast<int>(wire::Match::DIFFERENT) == static_cast<int>(Match::different));
static_assert(static_cast<int>(wire::ClockFlag::SNAPSHOT) == static_cast<int>(ClockFlag::snapshot));
static_assert(static_cast<int>(wire::Trust::COMPILED_IN) == static_cast<int>(Trust::compiledIn));
static_assert(static_cast<int>(wire::Finding::Level::PROBLEM) == static_cast<int>(Finding::Level::problem));

template <class Wire, class Ours>
Wire same(Ours value) {
    return static_cast<Wire>(value);
}

std::uint32_t narrow(std::uint64_t value) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

wire::ComponentMatch::Result result(ComponentMatch::Result value, bool enrolled) {
    switch (value) {
        case ComponentMatch::Result::matched:
            return enrolled ? wire::ComponentMatch::Result::MATCHED : wire::ComponentMatch::Result::PRESENT;
        case ComponentMatch::Result::changed:
            return wire::ComponentMatch::Result::CHANGED;
        case ComponentMatch::Result::unreadable:
            break;
    }
    return wire::ComponentMatch::Result::UNREADABLE;
}

}  // namespace

void fill(wire::Verdict::Builder out, const Verdict& verdict) {
    out.setAllowed(verdict.allowed);
    out.setReason(same<wire::Reason>(verdict.reason));
    if (!verdict.message.empty()) out.setMessage(text(verdict.message));
    out.setUntil(instant(verdict.until));
}

void fill(wire::Status::Builder out, const StatusAnswer& status) {
    out.setStanding(same<wire::Standing>(status.standing));
    out.setMessage(text(status.message));
    if (const auto& license = status.license) {
        out.setLicenseId(text(license->id.value));
        out.setLicenseType(text(license->type));
        out.setPlan(text(license->plan));
        out.setIssuedAt(instant(license->issuedAt));
        out.setFreshUntil(instant(license->freshUntil));
        out.setEndsAt(instant(license->endsAt));
        out.setSequence(license->sequence);
    }
    out.setMaxBots(status.maxBots);
    out.setBotsInUse(narrow(status.botsInUse));
    out.setDeviceId(text(status.deviceId));
    out.setGraceUntil(instant(status.graceUntil));
    out.setWindDownUntil(instant(status.windDownUntil));
    out.setTrust(same<wire::Trust>(status.trust));
    out.setAuthority(text(status.authority));
    out.setBinding(same<wire::Match>(status.binding));
    out.setKeyLevel(text(status.keyLevel));
    out.setVersion(text(status.version));
    out.setServerTime(instant(status.now.wall));
    out.setClockSynced(status.now.synced);
    out.setStartedAt(instant(status.startedAt));
    out.setRequestPending(status.requestPending);
    out.setGeneration(status.generation);
    out.setContainer(status.container);
    out.setAuthorityUrl(text(status.authorityUrl));
    out.setNextContact(instant(status.nextContact));
    out.setLastContact(instant(status.lastContact));
    out.setLastFailureAt(instant(status.lastFailureAt));
    out.setLastFailure(text(status.lastFailure));
    out.setActivating(status.activating);
    out.setReturningSeat(status.returning);
    out.setConflictAt(instant(status.conflictAt));
    out.setClockFlag(same<wire::ClockFlag>(status.clockFlag));
    out.setBelievedTime(instant(status.believed));
    out.setClockBudget(status.clockBudgetLeft.count());
    out.setAuthorityCode(text(status.authorityCode));
    out.setAuthorityMessage(text(status.authorityMessage));
}

void fill(wire::FeatureVerdict::Builder out, const FeatureAnswer& answer) {
    out.setName(text(answer.name));
    fill(out.initVerdict(), answer.verdict);
}

void fill(wire::Quota::Builder out, const QuotaAnswer& answer) {
    out.setName(text(answer.name));
    out.setLimit(answer.use.limit);
    out.setInUse(narrow(answer.use.inUse));
    out.setAwaiting(narrow(answer.use.awaiting));
    out.setYours(narrow(answer.yours));
    fill(out.initVerdict(), answer.verdict);
}

void fill(wire::Fingerprint::Builder out, const FingerprintAnswer& answer) {
    out.setEnrolled(answer.enrolled);
    out.setMatch(same<wire::Match>(answer.report.match));
    out.setScore(answer.report.score);
    auto components = out.initComponents(static_cast<unsigned>(answer.report.components.size()));
    unsigned i = 0;
    for (const auto& component : answer.report.components) {
        auto to = components[i++];
        to.setName(text(component.name));
        to.setWeight(static_cast<std::uint16_t>(component.weight));
        to.setStrong(component.strong);
        to.setResult(result(component.result, answer.enrolled));
    }
    out.setChangesLeft(static_cast<std::uint16_t>(std::clamp(answer.report.changesLeft, 0, 65'535)));
    out.setVirtualMachine(answer.virtualMachine);
    out.setContainer(answer.container);
    out.setAdvice(text(answer.advice));
    out.setDriftUntil(instant(answer.driftUntil));
}

void fill(wire::Finding::Builder out, const Finding& finding) {
    out.setCheck(text(finding.check));
    out.setLevel(same<wire::Finding::Level>(finding.level));
    out.setMessage(text(finding.message));
    out.setAdvice(text(finding.advice));
}

void fill(wire::SlotInfo::Builder out, const Slot& slot) {
    out.setId(slot.id);
    out.setQuota(text(slot.quota));
    out.setCount(slot.count);
    out.setLabel(text(slot.label));
    out.setUid(slot.holder.uid);
    out.setPid(slot.holder.pid);
    out.setSince(instant(slot.since));
    out.setAwaiting(slot.reclaimUntil.has_value());
}

void fill(wire::Refusal::Builder out, const AdminRefusal& refusal) {
    out.setCode(text(refusal.code));
    out.setMessage(text(refusal.message));
}

void fill(wire::ContactAttempt::Builder out, const ContactNews& news) {
    out.setSent(news.sent);
    out.setMessage(text(news.message));
    out.setNextAttempt(instant(news.nextAttempt));
    out.setAnswered(news.answered);
}

void fill(wire::AuditEntry::Builder out, const AuditEntry& entry) {
    out.setIndex(entry.index);
    out.setTime(instant(entry.time));
    out.setKind(text(entry.kind));
    out.setDetail(text(entry.detail));
    out.setHash(capnp::Data::Reader(entry.hash.data(), entry.hash.size()));
}

void fill(wire::AuditCheck::Builder out, const AuditCheck& check) {
    out.setIntact(check.intact);
    out.setEntries(check.entries);
    out.setCheckpoints(check.checkpoints);
    out.setMessage(text(check.message));
}

void fill(wire::Metric::Builder out, const Metric& metric) {
    out.setName(metric.name);
    out.setHelp(metric.help);
    out.setKind(metric.kind == Metric::Kind::counter ? wire::Metric::Kind::COUNTER : wire::Metric::Kind::GAUGE);
    out.setValue(metric.value);
    if (!metric.label) return;
    auto label = out.initLabels(1)[0];
    label.setName(metric.label->name);
    label.setValue(text(metric.label->value));
}

}  // namespace entitle
