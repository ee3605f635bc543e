#include "server/issue.h"

#include <algorithm>

#include "license/catalogue.h"
#include "server/bot_lease.h"

namespace entitle {
namespace {

std::string deviceWords(const DeviceRow& seat) {
    std::string words = "device " + seat.device.value;
    if (!seat.hostLabel.empty()) words += " (\"" + seat.hostLabel + "\")";
    return words + " since " + toRfc3339(seat.takenAt);
}

std::string since(const LicenseRow& license) {
    return license.statusChangedAt ? " since " + toRfc3339(*license.statusChangedAt) : "";
}

// A repeated request is answered with the very same document, as long as that document still counts.
Granted<IssueDecision> repeatAnswer(const IssueFacts& facts, const KeySet& current, Instant now) {
    constexpr auto makeAnother = "make a new request on that machine: entitlectl request --out FILE";
    const auto& answer = *facts.answer;
    if (facts.answerSeat && facts.answerSeat->releasedAt)
        return Denial{DenialReason::seatReleased, "this request was answered on " + toRfc3339(answer.issuedAt) +
                                                      ", and its seat was released on " +
                                                      toRfc3339(*facts.answerSeat->releasedAt) + ": " + makeAnother};
    const SigningKeyEntry* key = current.find(answer.signingKeyId);
    if (key == nullptr || key->revoked)
        return Denial{DenialReason::answerStale,
                      std::string("the key that signed the answer to this request has been revoked: ") + makeAnother};
    if (now > answer.freshUntil)
        return Denial{DenialReason::answerStale, "this request was answered on " + toRfc3339(answer.issuedAt) +
                                                     ", and that document was fresh until " +
                                                     toRfc3339(answer.freshUntil) + ": " + makeAnother};
    return IssueDecision{true, {}, {}};
}

std::optional<Denial> refuseRequest(const IssueFacts& facts, const KeySet& current, const OfflineRequest& request) {
    if (request.authority != current.authority)
        return Denial{DenialReason::wrongAuthority, "this request asks the authority '" + request.authority +
                                                        "', and this one is '" + current.authority +
                                                        "': the machine's daemon pins other roots"};
    if (request.fingerprint.components.empty())
        return Denial{DenialReason::noHardware,
                      "the request names no hardware to bind to (a container, or a machine that shows none): run the "
                      "daemon on the host and mount its socket into the container"};
    if (request.keySetVersion > current.version)
        return Denial{
            DenialReason::keySetBehind,
            "the machine has seen key set version " + std::to_string(request.keySetVersion) +
                ", and this authority is at " + std::to_string(current.version) +
                ", as after a restored backup: type `entitle-server keys rotate` until its version is higher"};
    if (request.highestSequence > maxClaimedSequence)
        return Denial{DenialReason::sequenceSpent,
                      "the request claims to have seen document number " + std::to_string(request.highestSequence) +
                          ", which no authority has issued: reset the machine's daemon and make a new request"};
    const auto held = static_cast<int>(facts.others.size());
    if (!facts.seat && held >= facts.license.deviceLimit) {
        const std::string& id = facts.license.id.value;
        const std::string limit =
            facts.license.deviceLimit == 1 ? "one device" : std::to_string(facts.license.deviceLimit) + " devices";
        const auto& holder = facts.others.front();
        return Denial{DenialReason::seatTaken, "license " + id + " is for " + limit + " and is held by " +
                                                   deviceWords(holder) + (held > 1 ? " and others" : "") +
                                                   ". To move it: entitle-server license release " + id + " --device " +
                                                   holder.device.value};
    }
    return std::nullopt;
}

}  // namespace

Granted<IssueDecision> decideIssue(const IssueFacts& facts, const KeySet& current, const OfflineRequest& request,
                                   const IssueTerms& terms, Instant now) {
    const LicenseRow& license = facts.license;
    if (license.endsAt && now >= *license.endsAt)
        return Denial{DenialReason::licenseEnded, "license " + license.id.value + " ended on " +
                                                      toRfc3339(*license.endsAt) + ": sell another with license new"};
    if (license.status == LicenseStatus::revoked)
        return Denial{DenialReason::licenseRevoked, "license " + license.id.value + " is revoked" + since(license)};
    if (license.status == LicenseStatus::suspended)
        return Denial{DenialReason::licenseSuspended, "license " + license.id.value + " is suspended" + since(license) +
                                                          ": nothing is signed until it is reinstated"};
    if (auto denial = refuseRequest(facts, current, request)) return *denial;
    if (facts.answer) return repeatAnswer(facts, current, now);

    License claims;
    claims.authority = current.authority;
    claims.id = license.id;
    claims.device = request.device();
    claims.fingerprint = request.fingerprint;
    claims.issuedAt = now;
    claims.notBefore = now - clockTolerance;
    claims.freshUntil = now + terms.fresh;
    claims.endsAt = license.endsAt;
    // A trial, like every license sold by its length, runs from its first document: a key may lie on a shelf.
    if (!claims.endsAt && license.duration) claims.endsAt = now + *license.duration;
    claims.type = license.type;
    claims.plan = license.plan;
    claims.maxBots = license.totalBots.value_or(license.maxBots);
    claims.features = expandFeatures(builtinCatalogue(), license.features, claims.maxBots);
    claims.offline = terms.offline;
    claims.grace = terms.grace;
    claims.windDown = terms.windDown;
    claims.check = terms.check;
    claims.sequence = std::max(license.lastSequence, request.highestSequence) + 1;
    claims.nonce = request.nonce;
    DeviceRow seat = facts.seat.value_or(DeviceRow{});
    leaseBots(seat, claims, license, facts.leasedToOthers, now);
    return IssueDecision{false, std::move(claims), seat.leasedUntil};
}

const SigningKeyEntry* signingKeyFor(const KeySet& set, const std::vector<std::string>& atHand, Instant now) {
    const SigningKeyEntry* best = nullptr;
    for (const auto& entry : set.keys) {
        if (entry.revoked || now < entry.notBefore || now >= entry.expires) continue;
        if (std::find(atHand.begin(), atHand.end(), entry.key.keyId()) == atHand.end()) continue;
        if (best == nullptr || entry.expires > best->expires) best = &entry;
    }
    return best;
}

}  // namespace entitle
