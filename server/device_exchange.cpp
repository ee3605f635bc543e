#include "server/device_exchange.h"

#include <algorithm>

#include "license/catalogue.h"
#include "server/approval.h"
#include "server/bot_lease.h"
#include "server/hardware.h"
#include "server/in_force.h"
#include "server/issue.h"

namespace entitle {
namespace {

namespace code = exchange_code;

TokenChain chainOf(const RollingState& state) {
    return {{state.number, state.random}, {state.previousNumber, state.previousRandom}, state.previousRid};
}

RollingState stateOf(const TokenChain& chain) {
    return {chain.current.number, chain.current.random, chain.previous.number, chain.previous.random,
            chain.previousRid};
}

class Decision {
  public:
    Decision(const ExchangeFacts& facts, const ExchangeRequest& request, const ExchangeMeans& means,
             const ExchangePolicy& policy, Instant now)
        : facts_(facts), request_(request), means_(means), policy_(policy), now_(now) {}

    ExchangeDecision make() {
        if (request_.operation == Operation::deactivate) return deactivate();
        if (auto no = refuseLicense()) return std::move(*no);
        if (auto no = refuseRequest()) return std::move(*no);
        switch (request_.operation) {
            case Operation::renew:
                return renew();
            case Operation::reenrol:
                return reenrol();
            default:
                return activate();
        }
    }

  private:
    // --- answers ----------------------------------------------------------------------------------------------------

    ExchangeDecision answer(Outcome outcome, std::string_view word, std::string message,
                            SignedEnd ended = SignedEnd::none, Seconds after = {}) const {
        ExchangeDecision out;
        out.outcome = outcome;
        out.code = word;
        out.message = std::move(message);
        out.ended = ended;
        out.after = after;
        out.write.attempt = word;
        return out;
    }
    ExchangeDecision denied(std::string_view word, std::string message, SignedEnd ended = SignedEnd::none) const {
        // An activation names no license yet: its refusal ends nothing that the device holds.
        return answer(Outcome::denied, word, std::move(message),
                      request_.operation == Operation::activate ? SignedEnd::none : ended);
    }

    std::optional<ExchangeDecision> refuseLicense() const {
        const auto no = whyNotInForce(facts_.license, now_);
        if (!no) return std::nullopt;
        switch (no->reason) {
            case DenialReason::licenseRevoked:
                return denied(code::licenseRevoked, no->message, SignedEnd::revoked);
            case DenialReason::licenseSuspended:
                return denied(code::licenseSuspended, no->message, SignedEnd::suspended);
            default:
                return denied(code::licenseEnded, no->message);
        }
    }

    std::optional<ExchangeDecision> refuseRequest() const {
        if (request_.fingerprint.components.empty() && request_.operation != Operation::renew)
            return denied(
                code::noHardware,
                "This machine shows no hardware to bind to, as in a container: run the daemon on the host and "
                "mount its socket into the container.");
        if (request_.highestSequence > maxClaimedSequence)
            return denied(code::sequenceSpent, "This machine claims a document that no authority has issued.");
        if (request_.operation == Operation::activate && facts_.license.type == "trial" && !facts_.holds() &&
            !facts_.otherTrials.empty())
            return denied(code::trialUsed, "This machine had its trial already: a trial is given once.");
        return std::nullopt;
    }

    // An admin's word, where a machine may not go on by itself: `go`, or the answer to give until then.
    std::optional<ExchangeDecision> askAdmin(std::string_view reason, std::string words, ExchangeDecision& go) const {
        if (!means_.sawOthers) {
            ExchangeDecision look;
            look.needsOthers = true;
            return look;
        }
        const auto word = adminsWord(facts_, policy_, now_);
        if (word == AdminsWord::yes) {
            go.write.usedApproval = facts_.approval->number;
            return std::nullopt;
        }
        if (word == AdminsWord::no)
            return denied(code::approvalDenied, "An administrator refused this machine. " + words);
        auto out = answer(Outcome::retry, code::approvalWaits,
                          words + " An administrator must approve it; this machine goes on asking.", SignedEnd::none,
                          policy_.approvalPoll);
        out.write = questionToAdmin(word, reason, request_.hostLabel, code::approvalWaits);
        return out;
    }

    // --- operations -------------------------------------------------------------------------------------------------

    ExchangeDecision deactivate() const {
        ExchangeDecision out;
        out.outcome = Outcome::granted;
        out.ended = SignedEnd::released;
        // Also when nothing is held: the answer to an earlier sending may have been lost.
        if (!facts_.holds()) return out;
        const Roll roll = rollToken(chainOf(facts_.device->rolling), means_.presented, request_.rid, means_.fresh);
        if (roll.verdict == RollVerdict::conflict) return conflict();
        out.write.releases.push_back({facts_.device->number, TransferKind::device, true});
        out.write.attempt = "deactivated";
        out.write.event = "released";
        return out;
    }

    ExchangeDecision conflict() const {
        auto out = answer(Outcome::conflict, code::conflict,
                          "Two copies of this machine ask for one license, or it was restored from a backup.");
        out.write.device = facts_.device;
        if (!out.write.device->conflictAt) out.write.device->conflictAt = now_;
        return out;
    }

    ExchangeDecision renew() {
        if (!facts_.holds()) return renewWithoutSeat();
        DeviceRow row = *facts_.device;
        const Roll roll = rollToken(chainOf(row.rolling), means_.presented, request_.rid, means_.fresh);
        if (roll.verdict == RollVerdict::conflict) return conflict();
        ExchangeDecision go;
        if (auto no = bind(row, go)) return std::move(*no);
        if (row.conflictAt && now_ >= *row.conflictAt + policy_.conflictForgotten) row.conflictAt.reset();
        if (roll.verdict == RollVerdict::ahead) go.write.attempt = "recovered";
        return grant(std::move(row), roll.chain, std::move(go));
    }

    // The seat was given back, or this database is older than the seat.
    ExchangeDecision renewWithoutSeat() {
        const RollingState last = facts_.device ? facts_.device->rolling : RollingState{};
        const bool oursButForgotten = means_.presented.authentic && means_.presented.token.number > last.number;
        if (oursButForgotten && !facts_.full()) {
            ExchangeDecision go;
            go.write.attempt = "recovered";
            go.write.event = "activated";
            const Roll roll = rollToken(chainOf(last), means_.presented, request_.rid, means_.fresh);
            return grant(newSeat(), roll.chain, std::move(go));
        }
        if (facts_.device)
            return denied(code::seatReleased,
                          "This machine's seat of license " + facts_.license.id.value + " was released.",
                          SignedEnd::released);
        return denied(code::unknownDevice, "This authority knows no such device: activate it with its license key.");
    }

    // An enrolment ends the chain before it. A request that some proxy kept, and sends once more when its device has
    // long renewed, must not: the device would be taken for a copy of itself.
    std::optional<ExchangeDecision> refuseUsed() const {
        const bool retried = facts_.holds() && facts_.device->rolling.previousRid == request_.rid;
        if (!facts_.enrolledBefore || retried) return std::nullopt;
        return denied(code::requestUsed,
                      "This request was granted before, and its machine has gone on since: ask anew.");
    }

    ExchangeDecision reenrol() {
        if (!facts_.holds()) {
            if (facts_.device)
                return denied(code::seatReleased,
                              "This machine's seat of license " + facts_.license.id.value + " was released.",
                              SignedEnd::released);
            return denied(code::unknownDevice,
                          "This authority knows no such device: activate it with its license key.");
        }
        if (auto no = refuseUsed()) return std::move(*no);
        return enrolAnew();
    }

    ExchangeDecision activate() {
        if (auto no = refuseUsed()) return std::move(*no);
        if (facts_.holds()) {
            // A seat taken by an offline document has no chain yet: its first token is no new enrolment.
            if (!facts_.device->rolling.random.empty()) return enrolAnew();
            DeviceRow row = *facts_.device;
            ExchangeDecision go;
            if (auto no = bind(row, go)) return std::move(*no);
            row.enrolledBy = request_.rid;
            go.write.attempt = "granted";
            // One seated before the marks were kept may find them taken.
            if (facts_.license.type == "trial" && facts_.otherTrials.empty())
                go.write.trialMarks = trialMarksOf(request_.fingerprint);
            const Roll roll = restartChain(chainOf(row.rolling), request_.rid, means_.fresh);
            if (roll.verdict == RollVerdict::conflict) return conflict();
            return grant(std::move(row), roll.chain, std::move(go));
        }
        ExchangeDecision go;
        go.write.attempt = "granted";
        go.write.event = "activated";
        if (const DeviceRow* earlier = seatOfSameHardware(facts_.others, request_.fingerprint)) {
            if (!mayEnrolAnew(facts_, policy_))
                if (auto no = askAdmin("enrolments", tooOften(), go)) return std::move(*no);
            go.write.releases.push_back({earlier->number, TransferKind::enrol, true});
        } else if (facts_.full()) {
            if (auto no = makeRoom(go)) return std::move(*no);
        }
        if (facts_.license.type == "trial") go.write.trialMarks = trialMarksOf(request_.fingerprint);
        const TokenChain last = facts_.device ? chainOf(facts_.device->rolling) : TokenChain{};
        return grant(newSeat(), restartChain(last, request_.rid, means_.fresh).chain, std::move(go));
    }

    // The same machine with the same key begins a new chain: whoever holds the old one is in conflict from now on.
    ExchangeDecision enrolAnew() {
        DeviceRow row = *facts_.device;
        ExchangeDecision go;
        if (auto no = bind(row, go)) return std::move(*no);
        const TokenChain chain = chainOf(row.rolling);
        const Roll roll = restartChain(chain, request_.rid, means_.fresh);
        if (roll.verdict == RollVerdict::conflict) return conflict();
        if (roll.verdict == RollVerdict::repeat) return grant(std::move(row), chain, std::move(go));
        if (!go.write.usedApproval) {
            if (row.conflictAt && row.lastSeenAt && *row.lastSeenAt > *row.conflictAt) {
                if (auto no = askAdmin("conflict", "Another copy of this machine goes on renewing.", go))
                    return std::move(*no);
            } else if (row.conflictAt && now_ < *row.conflictAt + policy_.conflictQuiet) {
                return answer(Outcome::retry, code::conflictWaits,
                              "Another copy of this machine may exist. Without one, this machine enrols anew on " +
                                  toRfc3339(*row.conflictAt + policy_.conflictQuiet) + ".",
                              SignedEnd::none, *row.conflictAt + policy_.conflictQuiet - now_);
            } else if (!mayEnrolAnew(facts_, policy_)) {
                if (auto no = askAdmin("enrolments", tooOften(), go)) return std::move(*no);
            }
        }
        // A row of its own, so that it is counted.
        go.write.releases.push_back({row.number, TransferKind::enrol, true});
        go.write.attempt = "enrolled";
        row.number = 0;
        row.enrolledBy = request_.rid;
        row.takenAt = now_;
        row.conflictAt.reset();
        row.document.reset();
        return grant(std::move(row), roll.chain, std::move(go));
    }

    // --- rules ------------------------------------------------------------------------------------------------------

    // Hardware that an admin approved is enrolled too.
    std::optional<ExchangeDecision> bind(DeviceRow& row, ExchangeDecision& go) const {
        const Binding binding = bindHardware(row, request_.fingerprint);
        if (binding.bound == Bound::asEnrolled) return std::nullopt;
        if (binding.bound == Bound::otherHardware) {
            if (auto no = askAdmin(toString(binding.match),
                                   "This machine's hardware is not what the license was bound to.", go))
                return no;
            enrol(row, request_.fingerprint);
        }
        go.write.attempt = "rebound";
        return std::nullopt;
    }

    // Another machine holds the seat. Its owner releases it; past the cap, an admin's yes moves it here.
    std::optional<ExchangeDecision> makeRoom(ExchangeDecision& go) const {
        const std::string words =
            nameOf(facts_.license) + " is for " +
            (facts_.license.deviceLimit == 1 ? std::string("one device")
                                             : std::to_string(facts_.license.deviceLimit) + " devices") +
            ", and as many hold it.";
        const bool approved = adminsWord(facts_, policy_, now_) == AdminsWord::yes;
        if (!approved && facts_.ownerTransfers < policy_.ownerTransfers)
            return denied(code::deviceLimit, words + " Release one of them first.");
        if (auto no = askAdmin("transfers", words + " It was moved too often of late.", go)) return no;
        const auto seenAt = [](const DeviceRow& row) { return row.lastSeenAt.value_or(row.takenAt); };
        const auto oldest =
            std::min_element(facts_.others.begin(), facts_.others.end(),
                             [&](const DeviceRow& a, const DeviceRow& b) { return seenAt(a) < seenAt(b); });
        if (oldest == facts_.others.end()) return denied(code::deviceLimit, words);
        go.write.releases.push_back({oldest->number, TransferKind::admin, false});
        return std::nullopt;
    }

    static std::string tooOften() { return "This machine enrolled anew too often of late."; }

    DeviceRow newSeat() const {
        DeviceRow row;
        row.device = request_.device();
        row.deviceKey = request_.deviceKey.paserk();
        row.takenAt = now_;
        if (request_.operation == Operation::activate) row.enrolledBy = request_.rid;
        if (facts_.device) row.name = facts_.device->name;
        enrol(row, request_.fingerprint);
        return row;
    }

    ExchangeDecision grant(DeviceRow row, const TokenChain& chain, ExchangeDecision go) {
        const LicenseRow& license = facts_.license;
        License document;
        document.id = license.id;
        document.authority = request_.authority;
        document.device = request_.device();
        row.deviceKey = request_.deviceKey.paserk();
        document.fingerprint = enrolledOf(row);
        document.issuedAt = now_;
        document.notBefore = now_ - clockTolerance;
        document.freshUntil = now_ + policy_.fresh;
        document.endsAt = license.endsAt;
        if (!document.endsAt && license.duration) document.endsAt = now_ + *license.duration;
        document.type = license.type;
        document.plan = license.plan;
        document.maxBots = license.bots();
        document.features = expandFeatures(builtinCatalogue(), license.features, document.maxBots);
        document.offline = policy_.offline;
        document.grace = policy_.grace;
        document.windDown = policy_.windDown;
        document.check = policy_.check;
        document.sequence = std::max(license.lastSequence, request_.highestSequence) + 1;

        row.hostLabel = request_.hostLabel;
        row.keyLevel = request_.keyLevel;
        row.version = request_.productVersion;
        row.rolling = stateOf(chain);
        row.lastSeenAt = now_;
        row.botsInUse = request_.bots;
        leaseBots(row, document, license, leasedToOthers(facts_, go.write.releases, now_), now_);
        row.document = DeviceDocument{document.sequence, now_, document.freshUntil, document.grace};

        go.outcome = Outcome::granted;
        go.token = chain.current;
        go.write.device = std::move(row);
        go.write.sequence = document.sequence;
        go.write.signedWith = SigningUse{means_.signingKeyId, document.freshUntil + document.grace};
        if (document.endsAt && !license.endsAt) go.write.endsAt = document.endsAt;
        go.document = std::move(document);
        return go;
    }

    const ExchangeFacts& facts_;
    const ExchangeRequest& request_;
    const ExchangeMeans& means_;
    const ExchangePolicy& policy_;
    const Instant now_;
};

}  // namespace

ExchangeDecision decideExchange(const ExchangeFacts& facts, const ExchangeRequest& request, const ExchangeMeans& means,
                                const ExchangePolicy& policy, Instant now) {
    return Decision(facts, request, means, policy, now).make();
}

}  // namespace entitle
