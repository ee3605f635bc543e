#include "client/convert.h"

#include <string>

namespace entitle {

namespace {

// Public enums list the wire's numbers in order and end with `other`.
template <class To, class From>
To known(From value) {
    const auto number = static_cast<int>(value);
    return number < static_cast<int>(To::other) ? static_cast<To>(number) : To::other;
}
static_assert(static_cast<int>(wire::Reason::DEMO_DISABLED) + 1 == static_cast<int>(Answer::Reason::other));
static_assert(static_cast<int>(wire::Standing::WRONG_DEVICE) + 1 == static_cast<int>(Status::Standing::other));
static_assert(static_cast<int>(wire::Match::DIFFERENT) + 1 == static_cast<int>(Status::Binding::other));
static_assert(static_cast<int>(wire::ClockFlag::SNAPSHOT) + 1 == static_cast<int>(Status::Clock::other));
static_assert(static_cast<int>(wire::ComponentMatch::Result::PRESENT) + 1 ==
              static_cast<int>(Fingerprint::Component::Result::other));

std::string text(capnp::Text::Reader reader) {
    return {reader.begin(), reader.size()};
}

}  // namespace

std::optional<TimePoint> fromWire(std::int64_t instant) {
    if (instant == 0) return {};
    return TimePoint{std::chrono::seconds{instant}};
}

Answer fromWire(wire::Verdict::Reader reader) {
    Answer out;
    out.allowed = reader.getAllowed();
    out.reason = known<Answer::Reason>(reader.getReason());
    out.message = text(reader.getMessage());
    out.until = fromWire(reader.getUntil());
    out.origin.source = Source::daemon;
    return out;
}

Feature fromWire(wire::FeatureVerdict::Reader reader) {
    return {text(reader.getName()), fromWire(reader.getVerdict())};
}

Features fromWire(capnp::List<wire::FeatureVerdict>::Reader reader) {
    Features out;
    out.origin.source = Source::daemon;
    out.list.reserve(reader.size());
    for (const auto feature : reader) out.list.push_back(fromWire(feature));
    return out;
}

Quota fromWire(wire::Quota::Reader reader) {
    Quota out;
    out.name = text(reader.getName());
    out.limit = reader.getLimit();
    out.inUse = reader.getInUse();
    out.awaiting = reader.getAwaiting();
    out.yours = reader.getYours();
    out.oneMore = fromWire(reader.getVerdict());
    out.origin.source = Source::daemon;
    return out;
}

Status fromWire(wire::Status::Reader reader) {
    Status out;
    out.standing = known<Status::Standing>(reader.getStanding());
    out.message = text(reader.getMessage());
    out.licenseId = text(reader.getLicenseId());
    out.licenseType = text(reader.getLicenseType());
    out.plan = text(reader.getPlan());
    out.maxBots = reader.getMaxBots();
    out.botsInUse = reader.getBotsInUse();
    out.deviceId = text(reader.getDeviceId());
    out.issuedAt = fromWire(reader.getIssuedAt());
    out.freshUntil = fromWire(reader.getFreshUntil());
    out.graceUntil = fromWire(reader.getGraceUntil());
    out.endsAt = fromWire(reader.getEndsAt());
    out.windDownUntil = fromWire(reader.getWindDownUntil());
    out.sequence = reader.getSequence();
    // Anything but the one trust we know to be good counts as development.
    out.development = reader.getTrust() != wire::Trust::COMPILED_IN;
    out.authority = text(reader.getAuthority());
    out.binding = known<Status::Binding>(reader.getBinding());
    out.keyLevel = text(reader.getKeyLevel());
    out.daemonVersion = text(reader.getVersion());
    out.daemonTime = fromWire(reader.getServerTime());
    out.startedAt = fromWire(reader.getStartedAt());
    out.clockSynced = reader.getClockSynced();
    out.requestPending = reader.getRequestPending();
    out.generation = reader.getGeneration();
    out.container = reader.getContainer();
    out.authorityUrl = text(reader.getAuthorityUrl());
    out.nextContact = fromWire(reader.getNextContact());
    out.lastContact = fromWire(reader.getLastContact());
    out.lastFailureAt = fromWire(reader.getLastFailureAt());
    out.lastFailure = text(reader.getLastFailure());
    out.activating = reader.getActivating();
    out.returningSeat = reader.getReturningSeat();
    out.conflictAt = fromWire(reader.getConflictAt());
    out.authorityCode = text(reader.getAuthorityCode());
    out.authorityMessage = text(reader.getAuthorityMessage());
    out.clock = known<Status::Clock>(reader.getClockFlag());
    out.believedTime = fromWire(reader.getBelievedTime());
    out.clockBudget = std::chrono::seconds{reader.getClockBudget()};
    out.origin.source = Source::daemon;
    return out;
}

Fingerprint fromWire(wire::Fingerprint::Reader reader) {
    Fingerprint out;
    out.enrolled = reader.getEnrolled();
    out.match = known<Status::Binding>(reader.getMatch());
    out.score = reader.getScore();
    for (const auto component : reader.getComponents()) {
        out.components.push_back({text(component.getName()), component.getWeight(), component.getStrong(),
                                  known<Fingerprint::Component::Result>(component.getResult())});
    }
    out.changesLeft = reader.getChangesLeft();
    out.virtualMachine = reader.getVirtualMachine();
    out.container = reader.getContainer();
    out.advice = text(reader.getAdvice());
    out.driftUntil = fromWire(reader.getDriftUntil());
    out.origin.source = Source::daemon;
    return out;
}

}  // namespace entitle
