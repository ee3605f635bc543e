#include <algorithm>
#include <stdexcept>

#include "server/store_session.h"

namespace entitle {
namespace {

constexpr int tokensOfADevice = 8;

int atMost(long long count) {
    return static_cast<int>(std::min<long long>(count, 1'000'000));
}

std::vector<LicenseId> otherTrials(Sql& sql, const ExchangeQuery& query) {
    std::vector<LicenseId> out;
    for (const auto& mark : query.trialMarks)
        for (auto& license :
             sql.fetch<TextColumn>("SELECT license_id FROM trial_marks WHERE mark = :mark AND license_id <> :id", mark,
                                   query.license.value))
            out.push_back(LicenseId{license});
    return out;
}

// Plain, so that of two licenses which take one mark at once the second one is told, reads again and sees the first.
void addTrialMark(Sql& sql, const LicenseId& id, const std::string& mark) {
    if (sql.number("SELECT COUNT(*) FROM trial_marks WHERE mark = :mark AND license_id = :id", mark, id.value) == 0)
        sql.run("INSERT INTO trial_marks (mark, license_id) VALUES (:mark, :license)", mark, id.value);
}

// Fails the transaction rather than write what a sound decision never asks for.
void check(const ExchangeFacts& facts, const Exchange& made) {
    if (made.sequence != 0 && made.sequence <= facts.license.lastSequence)
        throw std::logic_error("a document's number must be above every earlier one's");
    if (!made.device) return;
    const auto& device = *made.device;
    if (device.number != 0 && (!facts.holds() || device.number != facts.device->number))
        throw std::logic_error("a decision may only change the seat its device holds");
    if (device.botsLeased > 0 && !device.leasedUntil) throw std::logic_error("a lease has an end");
    // A lease that stays as it was takes nothing, though the license may have come to have fewer bots since.
    if (facts.device && facts.device->botsLeased == device.botsLeased &&
        facts.device->leasedUntil == device.leasedUntil)
        return;
    auto leasedToOthers = facts.leasedToOthers;
    for (const auto& release : made.releases)
        for (const auto& other : facts.others)
            if (release.endsLease && other.number == release.number) leasedToOthers -= other.botsLeased;
    if (device.botsLeased > 0 && facts.license.totalBots &&
        leasedToOthers + device.botsLeased > *facts.license.totalBots)
        throw std::logic_error("more bots leased than the license has");
}

// A machine that lost its token activates again: it may do so for ever, and keeps its latest few.
void forgetOldTokens(Sql& sql, const TokenRow& newest) {
    sql.run(
        "DELETE FROM tokens WHERE license_id = :license AND device_number = :device AND hash <> :newest AND hash NOT "
        "IN "
        "(SELECT hash FROM tokens WHERE license_id = :again AND device_number = :same ORDER BY created_at DESC "
        "LIMIT :most)",
        newest.license.value, newest.device, newest.hash, newest.license.value, newest.device, tokensOfADevice);
}

void askApproval(Sql& sql, const ExchangeQuery& query, const Exchange& made) {
    sql.run(
        "INSERT INTO approvals (number, license_id, device_id, host_label, reason, asked_at, state) "
        "VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM approvals), :license, :device, :label, :reason, :at, "
        "'waiting') ON CONFLICT (license_id, device_id) WHERE state = 'waiting' DO NOTHING",
        query.license.value, query.device.value, made.approvalLabel, made.askApproval, query.now);
}

}  // namespace

SigningUse inWholeDays(SigningUse use) {
    use.until = Instant(std::chrono::ceil<std::chrono::days>(use.until));
    return use;
}

void noteSigningUse(Sql& sql, const SigningUse& use) {
    sql.run(
        "INSERT INTO signing_uses (signing_key_id, until) VALUES (:key, :until) ON CONFLICT (signing_key_id) "
        "DO UPDATE SET until = excluded.until WHERE signing_uses.until < excluded.until",
        use.keyId, use.until);
}

std::optional<ExchangeFacts> Store::Session::readFacts(Sql& sql, const ExchangeQuery& query) {
    const std::string& id = query.license.value;
    auto license = lockLicense(sql, query.license, 1);
    if (!license) return std::nullopt;

    ExchangeFacts facts;
    facts.license = std::move(*license);
    facts.device = latestSeat(sql, query.license, query.device);
    const auto [version, epoch, leased, owner, enrol] = sql.numbers<5>(
        "SELECT (SELECT MAX(version) FROM key_sets), (SELECT revocation_epoch FROM authority), "
        "(SELECT SUM(bots_leased) FROM devices WHERE license_id = :id1 AND device_id <> :device AND "
        "leased_until > :now), "
        "(SELECT COUNT(*) FROM transfers WHERE license_id = :id2 AND kind = 'owner' AND at >= :from1), "
        "(SELECT COUNT(*) FROM transfers WHERE license_id = :id3 AND kind = 'enrol' AND at >= :from2)",
        id, query.device.value, query.now, id, query.countFrom, id, query.countFrom);
    facts.keySet = newestKeySet(sql, version);
    facts.revocationEpoch = static_cast<std::uint64_t>(epoch);
    facts.leasedToOthers = leased;
    facts.ownerTransfers = atMost(owner);
    facts.enrolments = atMost(enrol);
    if (!facts.holds() || query.withOthers) {
        facts.others = heldDevices(sql, query.license);
        facts.others.erase(std::remove_if(facts.others.begin(), facts.others.end(),
                                          [&](const DeviceRow& row) { return row.device == query.device; }),
                           facts.others.end());
        facts.approval = sql.row<ApprovalColumns>(
            "FROM approvals WHERE license_id = :id AND device_id = :device ORDER BY number DESC LIMIT 1", id,
            query.device.value);
    }
    if (!query.enrols.empty())
        facts.enrolledBefore = sql.number(
                                   "SELECT COUNT(*) FROM devices WHERE license_id = :id AND device_id = :device AND "
                                   "enrolled_by = :rid",
                                   id, query.device.value, query.enrols) != 0;
    facts.otherTrials = otherTrials(sql, query);
    return facts;
}

Denial Store::Session::refuse(Sql& sql, const ExchangeQuery& query, const ExchangeFacts& facts, const Denial& denial) {
    setLastSequence(sql, query.license, facts.license.lastSequence);
    recordAttempt(sql, query.license, query.device, query.now, toString(denial.reason));
    return denial;
}

Exchanged Store::Session::apply(Sql& sql, const ExchangeQuery& query, ExchangeFacts facts, Exchange made) {
    check(facts, made);
    for (const auto& release : made.releases) freeSeat(sql, query.license, release, query.now);
    const bool taken = made.device && made.device->number == 0;
    if (taken) {
        made.device->device = query.device;
        takeSeat(sql, query.license, *made.device);
    } else if (made.device) {
        updateDevice(sql, query.license, *made.device);
    }
    if (made.token) {
        made.token->license = query.license;
        made.token->device = made.device ? made.device->number : facts.device.value().number;
        insertToken(sql, *made.token);
        forgetOldTokens(sql, *made.token);
    }
    if (made.sequence != facts.license.lastSequence + 1)
        setLastSequence(sql, query.license, std::max(made.sequence, facts.license.lastSequence));
    if (made.endsAt && made.endsAt != facts.license.endsAt)
        sql.run("UPDATE licenses SET ends_at = :ends WHERE id = :id", *made.endsAt, query.license.value);
    for (const auto& mark : made.trialMarks) addTrialMark(sql, query.license, mark);
    if (!made.askApproval.empty()) askApproval(sql, query, made);
    if (made.usedApproval) sql.run("UPDATE approvals SET state = 'used' WHERE number = :number", *made.usedApproval);
    if (!made.attempt.empty()) recordAttempt(sql, query.license, query.device, query.now, made.attempt);
    if (!made.event.empty()) addEvent(sql, query.license, made.event, query.now);

    Exchanged done;
    done.license = std::move(facts.license);
    done.license.lastSequence = std::max(made.sequence, done.license.lastSequence);
    if (made.endsAt) done.license.endsAt = made.endsAt;
    done.license.devicesHeld += (taken ? 1 : 0) - static_cast<int>(made.releases.size());
    done.keySet = std::move(facts.keySet);
    done.device = made.device ? std::move(made.device) : std::move(facts.device);
    return done;
}

Granted<Exchanged> Store::exchange(const ExchangeQuery& query, const DecideExchange& decide) {
    std::optional<SigningUse> noted;
    auto out = session_->write([&](Sql& sql) -> Granted<Exchanged> {
        noted.reset();
        auto facts = session_->readFacts(sql, query);
        if (!facts) return noSuchLicense(query.license);
        auto decided = decide(*facts);
        if (!decided) return session_->refuse(sql, query, *facts, decided.error());
        if (decided->signedWith) {
            const auto use = inWholeDays(*decided->signedWith);
            const auto known = session_->signingUses.find(use.keyId);
            if (known == session_->signingUses.end() || known->second < use.until) {
                noteSigningUse(sql, use);
                noted = use;
            }
        }
        return session_->apply(sql, query, std::move(*facts), std::move(*decided));
    });
    if (noted) session_->signingUses[noted->keyId] = noted->until;
    return out;
}

}  // namespace entitle
