#include "server/issue.h"

#include <algorithm>

#include "license/catalogue.h"
#include "server/approval.h"
#include "server/bot_lease.h"
#include "server/hardware.h"

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
    IssueDecision out;
    out.repeat = true;
    out.write.attempt = "repeated";
    return out;
}

std::optional<Denial> refuseRequest(const KeySet& current, const OfflineRequest& request) {
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
    return std::nullopt;
}

Denial seatTaken(const IssueFacts& facts) {
    const std::string& id = facts.license.id.value;
    const std::string limit =
        facts.license.deviceLimit == 1 ? "one device" : std::to_string(facts.license.deviceLimit) + " devices";
    if (facts.others.empty()) return {DenialReason::seatTaken, "license " + id + " is for " + limit};
    const auto& holder = facts.others.front();
    return {DenialReason::seatTaken, "license " + id + " is for " + limit + " and is held by " + deviceWords(holder) +
                                         (facts.others.size() > 1 ? " and others" : "") +
                                         ". To move it: entitle-server license release " + id + " --device " +
                                         holder.device.value};
}

// Nothing: go on. Else the answer; one that waits asks by `write`.
std::optional<Granted<IssueDecision>> askAdmin(const IssueFacts& facts, const OfflineRequest& request,
                                               const IssueRights& rights, std::string_view reason, std::string words,
                                               Instant now, Exchange& write) {
    const auto word = adminsWord(facts, rights.owner.value_or(OwnerLimits{}), now);
    if (word == AdminsWord::yes) {
        write.usedApproval = facts.approval->number;
        return std::nullopt;
    }
    if (!rights.owner)
        return Denial{
            DenialReason::otherHardware,
            std::move(words) +
                ": a copy of that machine's state directory, or other hardware in it. If the other machine is "
                "gone, bind this one with --other-hardware"};
    if (word == AdminsWord::no)
        return Denial{DenialReason::approvalDenied, "an administrator refused this machine: " + words};
    IssueDecision out;
    out.waits = Denial{DenialReason::approvalWaits,
                       std::move(words) + ". An administrator must approve it; then bring the same request again"};
    out.write = questionToAdmin(word, reason, request.hostLabel, toString(DenialReason::approvalWaits));
    return out;
}

// The seat this device shall hold, filled into `write.device`; or the answer instead.
std::optional<Granted<IssueDecision>> seat(const IssueFacts& facts, const OfflineRequest& request,
                                           const IssueRights& rights, Instant now, Exchange& write) {
    write.attempt = "granted";
    const bool trial = facts.license.type == "trial";
    if (trial && !facts.holds() && !facts.otherTrials.empty())
        return Denial{DenialReason::trialUsed, "this machine had its trial already: a trial is given once"};
    if (trial && facts.otherTrials.empty()) write.trialMarks = trialMarksOf(request.fingerprint);
    if (facts.holds()) {
        DeviceRow row = *facts.device;
        const Binding binding = bindHardware(row, request.fingerprint);
        if (binding.bound == Bound::otherHardware && !rights.otherHardware)
            if (auto no = askAdmin(facts, request, rights, toString(binding.match),
                                   "this machine's hardware is not what license " + facts.license.id.value +
                                       " was bound to for " + deviceWords(row),
                                   now, write))
                return no;
        if (binding.bound == Bound::otherHardware) enrol(row, request.fingerprint);
        if (binding.bound != Bound::asEnrolled) write.attempt = "rebound";
        write.device = std::move(row);
    } else {
        DeviceRow row;
        if (const DeviceRow* earlier = seatOfSameHardware(facts.others, request.fingerprint)) {
            if (rights.owner && !mayEnrolAnew(facts, *rights.owner))
                if (auto no = askAdmin(facts, request, rights, "enrolments",
                                       "this machine enrolled anew too often of late", now, write))
                    return no;
            write.releases.push_back({earlier->number, TransferKind::enrol, true});
        } else if (facts.full()) {
            return seatTaken(facts);
        }
        row.device = request.device();
        row.takenAt = now;
        if (facts.device) row.name = facts.device->name;
        // Nobody has a token of this seat, and those that were handed out before stay behind whatever it will.
        const std::uint64_t last = facts.device ? facts.device->rolling.number : 0;
        if (last != 0) row.rolling.number = last == UINT64_MAX ? last : last + 1;
        enrol(row, request.fingerprint);
        write.device = std::move(row);
        write.event = "activated";
    }
    write.device->deviceKey = request.deviceKey.paserk();
    write.device->hostLabel = request.hostLabel;
    return std::nullopt;
}

}  // namespace

Granted<IssueDecision> decideIssue(const IssueFacts& facts, const KeySet& current, const OfflineRequest& request,
                                   const IssueTerms& terms, const IssueRights& rights, Instant now) {
    const LicenseRow& license = facts.license;
    if (license.endsAt && now >= *license.endsAt)
        return Denial{DenialReason::licenseEnded, "license " + license.id.value + " ended on " +
                                                      toRfc3339(*license.endsAt) + ": sell another with license new"};
    if (license.status == LicenseStatus::revoked)
        return Denial{DenialReason::licenseRevoked, "license " + license.id.value + " is revoked" + since(license)};
    if (license.status == LicenseStatus::suspended)
        return Denial{DenialReason::licenseSuspended, "license " + license.id.value + " is suspended" + since(license) +
                                                          ": nothing is signed until it is reinstated"};
    if (auto denial = refuseRequest(current, request)) return *denial;
    if (facts.answer) return repeatAnswer(facts, current, now);

    IssueDecision out;
    if (auto instead = seat(facts, request, rights, now, out.write)) return std::move(*instead);
    DeviceRow& row = *out.write.device;

    License& claims = out.claims;
    claims.authority = current.authority;
    claims.id = license.id;
    claims.device = request.device();
    claims.fingerprint = enrolledOf(row);
    claims.issuedAt = now;
    claims.notBefore = now - clockTolerance;
    claims.freshUntil = now + terms.fresh;
    claims.endsAt = license.endsAt;
    // A trial, like every license sold by its length, runs from its first document: a key may lie on a shelf.
    if (!claims.endsAt && license.duration) claims.endsAt = now + *license.duration;
    claims.type = license.type;
    claims.plan = license.plan;
    claims.maxBots = license.bots();
    claims.features = expandFeatures(builtinCatalogue(), license.features, claims.maxBots);
    claims.offline = terms.offline;
    claims.grace = terms.grace;
    claims.windDown = terms.windDown;
    claims.check = terms.check;
    claims.sequence = std::max(license.lastSequence, request.highestSequence) + 1;
    claims.nonce = request.nonce;
    leaseBots(row, claims, license, leasedToOthers(facts, out.write.releases, now), now);
    out.write.sequence = claims.sequence;
    if (claims.endsAt && !license.endsAt) out.write.endsAt = claims.endsAt;
    return out;
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
