#include "daemon/envelope.h"

#include <algorithm>
#include <optional>

#include "daemon/enrolment.h"

namespace entitle {
namespace {

// Of the license asked about; an activation does not know yet which one it will be.
std::uint64_t highestSeen(const State& state, const LicenseId& license) {
    if (license.value.empty()) return highestSequence(state);
    const bool current = state.current && state.current->id == license;
    return std::max(minimumSequenceOf(state, license), current ? state.current->sequence : 0);
}

}  // namespace

Question writeQuestion(const Attempt& attempt, const Record& record, const Asker& asker, Instant now) {
    ExchangeRequest request;
    request.authority = asker.roots.authority;
    request.operation = attempt.operation;
    request.deviceKey = asker.deviceKey.verifyKey();
    request.license = attempt.license;
    request.key = attempt.key;
    request.token = attempt.token;
    request.rid = attempt.rid;
    request.sentAt = std::clamp(now, earliestInstant, latestInstant);  // a dead clock must not keep us from asking
    request.fingerprint = asker.present;
    request.hostLabel = hostLabelFrom(asker.hostLabel);
    request.productVersion = asker.version;
    request.highestSequence = highestSeen(record.state, attempt.license);
    request.keySetVersion = minimumKeySet(record, asker.roots);
    request.revocationEpoch = record.state.revocationEpoch;
    request.keyLevel = asker.keyLevel;
    request.bots = static_cast<std::int64_t>(std::min<std::uint64_t>(asker.bots, maxBotsLimit));
    Question question{std::string(routeOf(attempt.operation)), signRequest(asker.deviceKey, request)};
    if (attempt.operation == Operation::wait) question.limit = waitLimit;
    return question;
}

DocumentResult<OpenedReply> readReply(std::string_view body, const Attempt& attempt, const Record& record,
                                      const Roots& roots, const DeviceId& device) {
    const auto minimum = minimumKeySet(record, roots);
    std::optional<KeySet> held;
    if (auto keySet = verifyKeySet(record.keySetToken, roots, minimum)) held = std::move(*keySet);
    const ReplyContext context{
        roots,       held ? &*held : nullptr, minimum, record.state.revocationEpoch, attempt.operation, device,
        attempt.rid, attempt.license};
    return openReply(body, context);
}

}  // namespace entitle
