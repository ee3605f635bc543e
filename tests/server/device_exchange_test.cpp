#include "server/device_exchange.h"

#include <algorithm>
#include <utility>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "license/fingerprint.h"
#include "license/fingerprint_claim.h"
#include "license/request.h"
#include "server/declared_device.h"
#include "server/device_news.h"

namespace entitle {
namespace {

constexpr Instant noon{Seconds{1795348800}};
constexpr Seconds hour = std::chrono::hours{1};
constexpr Seconds day = std::chrono::days{1};

std::string opaque(char letter) {
    return std::string(21, letter) + "A";
}

FingerprintTemplate machine(const std::string& uuid, const std::string& id = "4c4c4544004b3510804ab9c04f4d3032",
                            const std::string& disk = "wwn-1") {
    return enroll(
        {false,
         false,
         {{"product_uuid", {uuid}}, {"machine_id", {id}}, {"disk", {disk}}, {"cpu", {"genuineintel/6/158"}}}});
}
const std::string uuidA = "4c4c4544-004b-3510-804a-b9c04f4d3032";
const std::string uuidB = "03000200-0400-0500-0006-000700080009";

// The rows a store would keep, and devices that ask; every answer is applied as the store applies it.
class DeviceExchange : public ::testing::Test {
  protected:
    DeviceExchange() {
        license.id = LicenseId{"lic_0123456789abcdef"};
        license.type = license.plan = "pro";
        license.features = {"live_trading"};
        license.maxBots = 100;
    }

    struct Device {
        SecretKey key = SecretKey::generate();
        FingerprintTemplate fingerprint = machine(uuidA);
        RollingToken token;
        std::uint64_t seen = 0;
        std::int64_t bots = 0;
        DeviceId id() const { return deviceIdOf(key.verifyKey()); }
    };

    ExchangeFacts facts(const DeviceId& id) const {
        ExchangeFacts out;
        out.license = license;
        for (const auto& row : rows)
            if (row.device == id) out.device = row;
        for (const auto& row : rows)
            if (row.device != id && !row.releasedAt) out.others.push_back(row);
        for (const auto& row : rows)
            if (row.device != id && row.leasedUntil && *row.leasedUntil > now) out.leasedToOthers += row.botsLeased;
        out.license.devicesHeld = static_cast<int>(
            std::count_if(rows.begin(), rows.end(), [](const DeviceRow& row) { return !row.releasedAt; }));
        out.enrolments = enrolments;
        out.ownerTransfers = ownerTransfers;
        if (approval && approval->device == id) out.approval = approval;
        out.otherTrials = otherTrials;
        return out;
    }
    bool enrolled(const DeviceId& id, const std::string& rid) const {
        return std::any_of(rows.begin(), rows.end(),
                           [&](const DeviceRow& row) { return row.device == id && row.enrolledBy == rid; });
    }

    ExchangeDecision ask(Device& device, Operation operation, const std::string& rid, bool delivered = true) {
        ExchangeRequest request;
        request.authority = "desk";
        request.operation = operation;
        request.deviceKey = device.key.verifyKey();
        if (operation != Operation::activate) request.license = license.id;
        request.rid = rid;
        request.fingerprint = device.fingerprint;
        request.hostLabel = "host";
        request.productVersion = "1";
        request.keyLevel = "file";
        request.highestSequence = device.seen;
        request.bots = device.bots;
        ExchangeMeans means;
        means.fresh = freshNonce();
        means.signingKeyId = "k4.pid.x";
        const bool presents = operation != Operation::activate && operation != Operation::reenrol;
        if (presents) means.presented = {device.token, authentic};
        auto read = facts(device.id());
        read.enrolledBefore = !presents && enrolled(device.id(), rid);
        auto made = decideExchange(read, request, means, policy, now);
        apply(made, device.id());
        if (delivered && made.token) device.token = *made.token;
        if (delivered && made.document) device.seen = made.document->sequence;
        return made;
    }

    void apply(const ExchangeDecision& made, const DeviceId& id) {
        for (const auto& release : made.write.releases) {
            auto& row = at(release.number);
            ASSERT_FALSE(row.releasedAt);
            row.releasedAt = now;
            if (release.endsLease) row.leasedUntil.reset();
            if (release.kind == TransferKind::enrol) ++enrolments;
        }
        if (made.write.device) {
            if (made.write.device->number == 0) {
                rows.push_back(*made.write.device);
                rows.back().number = static_cast<int>(rows.size());
            } else {
                at(made.write.device->number) = *made.write.device;
            }
        }
        if (made.write.sequence != 0) {
            ASSERT_GT(made.write.sequence, license.lastSequence);
            license.lastSequence = made.write.sequence;
        }
        if (made.write.endsAt) license.endsAt = made.write.endsAt;
        if (!made.write.askApproval.empty() && (!approval || approval->state != ApprovalState::waiting)) {
            approval.emplace();
            approval->number = ++approvals;
            approval->device = id;
            approval->reason = made.write.askApproval;
        }
        if (made.write.usedApproval) approval->state = ApprovalState::used;
        const auto held = std::count_if(rows.begin(), rows.end(), [](const DeviceRow& row) { return !row.releasedAt; });
        ASSERT_LE(held, license.deviceLimit) << "more seats than the license has";
    }
    DeviceRow& at(int number) { return rows.at(static_cast<std::size_t>(number) - 1); }

    Instant now = noon;
    LicenseRow license;
    std::vector<DeviceRow> rows;
    ExchangePolicy policy;
    std::optional<ApprovalRow> approval;
    std::int64_t approvals = 0;
    int enrolments = 0, ownerTransfers = 0;
    std::vector<LicenseId> otherTrials;
    bool authentic = true;
};

TEST_F(DeviceExchange, ActivationTakesASeatAndSignsForThisHardware) {
    Device device;
    const auto made = ask(device, Operation::activate, opaque('a'));
    ASSERT_EQ(made.outcome, Outcome::granted);
    ASSERT_TRUE(made.document);
    EXPECT_EQ(made.document->device, device.id());
    EXPECT_EQ(made.document->fingerprint, device.fingerprint);
    EXPECT_EQ(made.document->freshUntil, now + 14 * day);
    EXPECT_EQ(made.document->sequence, 1u);
    EXPECT_EQ(made.document->botsLeased, std::nullopt);
    EXPECT_EQ(made.token->number, 1u);
    EXPECT_EQ(made.write.attempt, "granted");
    EXPECT_EQ(made.write.signedWith->until, now + 21 * day);
}

TEST_F(DeviceExchange, ALostAnswerIsGivenAnewWithTheSameTokenAndALaterDocument) {
    Device device;
    const auto lost = ask(device, Operation::activate, opaque('a'), false);
    now += hour;
    const auto again = ask(device, Operation::activate, opaque('a'));
    EXPECT_EQ(again.token, lost.token);
    EXPECT_GT(again.document->sequence, lost.document->sequence);
    EXPECT_EQ(again.document->issuedAt, now);
    EXPECT_EQ(rows.size(), 1u);
    const auto lostRenewal = ask(device, Operation::renew, opaque('b'), false);
    const auto renewed = ask(device, Operation::renew, opaque('b'));
    EXPECT_EQ(renewed.token, lostRenewal.token);
    EXPECT_EQ(enrolments, 0);
}

TEST_F(DeviceExchange, SequenceGoesAboveWhatTheDeviceHasSeen) {
    Device device;
    device.seen = 500;
    EXPECT_EQ(ask(device, Operation::activate, opaque('a')).document->sequence, 501u);
    device.seen = (std::uint64_t{1} << 48) + 1;
    EXPECT_EQ(ask(device, Operation::renew, opaque('b')).code, exchange_code::sequenceSpent);
}

TEST_F(DeviceExchange, TwoCopiesAreNoticedByTheSecondRoundAndNobodyIsRevoked) {
    Device original;
    ask(original, Operation::activate, opaque('a'));
    const RollingToken shared = original.token;
    EXPECT_EQ(ask(original, Operation::renew, opaque('b')).outcome, Outcome::granted);
    // The copy is the same key with the token of before.
    const RollingToken onwards = original.token;
    original.token = shared;
    const auto noticed = ask(original, Operation::renew, opaque('c'));
    EXPECT_EQ(noticed.outcome, Outcome::conflict);
    EXPECT_EQ(noticed.ended, SignedEnd::none);
    EXPECT_EQ(at(1).conflictAt, now);
    original.token = onwards;
    EXPECT_EQ(ask(original, Operation::renew, opaque('d')).outcome, Outcome::granted);
}

TEST_F(DeviceExchange, AfterAConflictALoneDeviceEnrolsAnewWhenNobodyElseCameForTwoDays) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    const RollingToken old = device.token;
    now += day;
    ask(device, Operation::renew, opaque('b'));
    device.token = old;  // restored from a backup
    now += day;
    EXPECT_EQ(ask(device, Operation::renew, opaque('c')).outcome, Outcome::conflict);
    const auto waits = ask(device, Operation::reenrol, opaque('d'));
    EXPECT_EQ(waits.outcome, Outcome::retry);
    EXPECT_EQ(waits.code, exchange_code::conflictWaits);
    EXPECT_EQ(waits.after, 48 * hour);
    now += 48 * hour;
    const auto anew = ask(device, Operation::reenrol, opaque('d'));
    EXPECT_EQ(anew.outcome, Outcome::granted);
    EXPECT_EQ(enrolments, 1);
    EXPECT_EQ(anew.write.device->conflictAt, std::nullopt);
    EXPECT_EQ(ask(device, Operation::reenrol, opaque('d')).token, anew.token) << "a retry is no further enrolment";
    EXPECT_EQ(enrolments, 1);
    EXPECT_EQ(ask(device, Operation::renew, opaque('e')).outcome, Outcome::granted);
}

// A proxy that repeats what it once carried.
TEST_F(DeviceExchange, ARequestThatEnrolledItsDeviceOnceEnrolsItNeverAgain) {
    Device device;
    const auto twice = [&](Operation operation, const std::string& rid) {
        EXPECT_EQ(ask(device, operation, rid, false).code, exchange_code::requestUsed);
        EXPECT_EQ(ask(device, Operation::renew, freshNonce()).outcome, Outcome::granted)
            << "nobody is taken for a copy";
    };
    ask(device, Operation::activate, opaque('a'), false);
    EXPECT_EQ(ask(device, Operation::activate, opaque('a')).outcome, Outcome::granted) << "the answer was lost";
    ask(device, Operation::renew, opaque('b'));
    twice(Operation::activate, opaque('a'));
    EXPECT_EQ(ask(device, Operation::reenrol, opaque('c')).outcome, Outcome::granted);
    ask(device, Operation::renew, opaque('d'));
    twice(Operation::activate, opaque('a'));
    twice(Operation::reenrol, opaque('c'));
    EXPECT_EQ(enrolments, 1);
    at(2).releasedAt = now;  // by its owner
    EXPECT_EQ(ask(device, Operation::activate, opaque('a'), false).code, exchange_code::requestUsed);
    EXPECT_EQ(ask(device, Operation::activate, opaque('e')).outcome, Outcome::granted);
    Device other;
    other.fingerprint = machine(uuidB);
    license.deviceLimit = 2;
    EXPECT_EQ(ask(other, Operation::activate, opaque('a')).outcome, Outcome::granted) << "rids are each device's own";
}

// The answer to its re-enrolment was lost, and it was told to ask anew for ever instead of what had become of its seat.
TEST_F(DeviceExchange, AUsedReenrolmentWithoutItsSeatHearsThatTheSeatWasReleased) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    ask(device, Operation::reenrol, opaque('b'), false);
    at(2).releasedAt = now;
    const auto made = ask(device, Operation::reenrol, opaque('b'));
    EXPECT_EQ(made.code, exchange_code::seatReleased);
    EXPECT_EQ(made.ended, SignedEnd::released);
}

// Its seat was released, it was licensed by file, and went online again: what was copied before is still behind.
TEST_F(DeviceExchange, AChainThatBeginsAfterALicenseByFileGoesOnAboveTheOneBefore) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    const RollingToken copied = device.token;
    const auto copyAsks = [&](Operation operation, const std::string& rid) {
        const RollingToken own = std::exchange(device.token, copied);
        const auto made = ask(device, operation, rid, false);
        device.token = own;
        return made.outcome;
    };
    at(1).releasedAt = now;
    DeviceRow byFile;
    byFile.device = device.id();
    byFile.number = 2;
    byFile.takenAt = now;
    byFile.fingerprint = at(1).fingerprint;
    byFile.rolling.number = at(1).rolling.number + 1;
    rows.push_back(byFile);
    EXPECT_EQ(copyAsks(Operation::deactivate, opaque('b')), Outcome::conflict);
    const auto anew = ask(device, Operation::activate, opaque('c'));
    EXPECT_EQ(anew.outcome, Outcome::granted);
    EXPECT_EQ(enrolments, 0) << "the first token of a file's seat";
    EXPECT_EQ(copyAsks(Operation::renew, opaque('d')), Outcome::conflict);
    EXPECT_EQ(ask(device, Operation::renew, opaque('e')).outcome, Outcome::granted);
}

TEST_F(DeviceExchange, AConflictInWhichTheOtherPartyComesIsAnAdminsToDecide) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    const RollingToken old = device.token;
    ask(device, Operation::renew, opaque('b'));
    const RollingToken current = device.token;
    device.token = old;
    EXPECT_EQ(ask(device, Operation::renew, opaque('c')).outcome, Outcome::conflict);
    now += hour;
    device.token = current;
    EXPECT_EQ(ask(device, Operation::renew, opaque('d')).outcome, Outcome::granted);
    now += 49 * hour;
    const auto asked = ask(device, Operation::reenrol, opaque('e'));
    EXPECT_EQ(asked.code, exchange_code::approvalWaits);
    EXPECT_EQ(asked.write.askApproval, "conflict");
    approval->state = ApprovalState::approved;
    EXPECT_EQ(ask(device, Operation::reenrol, opaque('e')).outcome, Outcome::granted);
    EXPECT_EQ(approval->state, ApprovalState::used);
}

TEST_F(DeviceExchange, TheFourthEnrolmentInNinetyDaysWaitsForAnAdmin) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    for (const char rid : {'b', 'c', 'd'})
        EXPECT_EQ(ask(device, Operation::reenrol, opaque(rid)).outcome, Outcome::granted);
    const auto fourth = ask(device, Operation::reenrol, opaque('e'));
    EXPECT_EQ(fourth.outcome, Outcome::retry);
    EXPECT_EQ(fourth.write.askApproval, "enrolments");
}

TEST_F(DeviceExchange, ARestoredAuthorityGoesOnAboveTheDevicesToken) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    const auto backup = rows;
    const auto sequence = license.lastSequence;
    ask(device, Operation::renew, opaque('b'));
    ask(device, Operation::renew, opaque('c'));
    rows = backup;
    license.lastSequence = sequence;
    const auto made = ask(device, Operation::renew, opaque('d'));
    EXPECT_EQ(made.outcome, Outcome::granted);
    EXPECT_EQ(made.token->number, 4u);
    EXPECT_EQ(made.document->sequence, 4u);
    EXPECT_EQ(made.write.attempt, "recovered");
}

TEST_F(DeviceExchange, AnAuthorityOlderThanTheSeatGivesItBackUnlessItIsTaken) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    rows.clear();
    EXPECT_EQ(ask(device, Operation::renew, opaque('b')).outcome, Outcome::granted);
    ASSERT_EQ(rows.size(), 1u);

    rows.clear();
    Device other;
    other.fingerprint = machine(uuidB, "0badc0de0badc0de0badc0de0badc0de", "wwn-2");
    ask(other, Operation::activate, opaque('c'));
    const auto late = ask(device, Operation::renew, opaque('d'));
    EXPECT_EQ(late.code, exchange_code::unknownDevice);
    EXPECT_EQ(late.ended, SignedEnd::none) << "a restored backup must never end rights";

    rows.clear();
    authentic = false;
    EXPECT_EQ(ask(device, Operation::renew, opaque('e')).code, exchange_code::unknownDevice);
}

TEST_F(DeviceExchange, SignedNosEndRightsAndARefusedActivationEndsNothing) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    license.status = LicenseStatus::suspended;
    const auto suspended = ask(device, Operation::renew, opaque('b'));
    EXPECT_EQ(suspended.outcome, Outcome::denied);
    EXPECT_EQ(suspended.ended, SignedEnd::suspended);
    license.status = LicenseStatus::revoked;
    EXPECT_EQ(ask(device, Operation::renew, opaque('b')).ended, SignedEnd::revoked);
    EXPECT_EQ(ask(device, Operation::activate, opaque('c')).ended, SignedEnd::none);
    license.status = LicenseStatus::active;
    EXPECT_EQ(ask(device, Operation::renew, opaque('b')).outcome, Outcome::granted) << "reinstated";
    at(1).releasedAt = now;
    const auto released = ask(device, Operation::renew, opaque('d'));
    EXPECT_EQ(released.ended, SignedEnd::released);
    EXPECT_EQ(released.code, exchange_code::seatReleased);
}

TEST_F(DeviceExchange, DeactivationGivesTheSeatBackAndMayBeRepeated) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    license.status = LicenseStatus::revoked;
    const auto made = ask(device, Operation::deactivate, opaque('b'), false);
    EXPECT_EQ(made.outcome, Outcome::granted);
    EXPECT_EQ(made.ended, SignedEnd::released);
    EXPECT_TRUE(made.write.releases.at(0).endsLease);
    const auto again = ask(device, Operation::deactivate, opaque('b'));
    EXPECT_EQ(again.outcome, Outcome::granted);
    EXPECT_TRUE(again.write.releases.empty());
}

TEST_F(DeviceExchange, ACopyWithAnOldTokenCannotGiveTheSeatAway) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    const RollingToken old = device.token;
    ask(device, Operation::renew, opaque('b'));
    ask(device, Operation::renew, opaque('c'));
    device.token = old;
    EXPECT_EQ(ask(device, Operation::deactivate, opaque('d')).outcome, Outcome::conflict);
    EXPECT_FALSE(at(1).releasedAt);
}

TEST_F(DeviceExchange, DriftBackedByTheMachineIsBoundAnewAndOtherHardwareWaitsForAnAdmin) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    // Reinstalled with another disk: the board is still there.
    device.fingerprint = machine(uuidA, "11111111222222223333333344444444", "wwn-9");
    const auto report = match(machine(uuidA), device.fingerprint);
    ASSERT_EQ(report.match, Match::drift);
    ASSERT_TRUE(report.strongMatched);
    const auto rebound = ask(device, Operation::renew, opaque('b'));
    EXPECT_EQ(rebound.outcome, Outcome::granted);
    EXPECT_EQ(rebound.document->fingerprint, device.fingerprint);

    device.fingerprint = machine(uuidB, "0badc0de0badc0de0badc0de0badc0de", "wwn-2");
    const auto asked = ask(device, Operation::renew, opaque('c'));
    EXPECT_EQ(asked.outcome, Outcome::retry);
    EXPECT_EQ(asked.code, exchange_code::approvalWaits);
    EXPECT_EQ(asked.write.askApproval, "different");
    EXPECT_EQ(ask(device, Operation::renew, opaque('c')).code, exchange_code::approvalWaits);
    approval->state = ApprovalState::denied;
    approval->decidedAt = now;
    EXPECT_EQ(ask(device, Operation::renew, opaque('c')).code, exchange_code::approvalDenied);
    approval->state = ApprovalState::approved;
    EXPECT_EQ(ask(device, Operation::renew, opaque('c')).document->fingerprint, device.fingerprint);
    EXPECT_EQ(approval->state, ApprovalState::used);
}

TEST_F(DeviceExchange, AnOrdinaryRenewalLooksAtOthersOnlyWhenItMust) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    ExchangeRequest request;
    request.operation = Operation::renew;
    request.deviceKey = device.key.verifyKey();
    request.rid = opaque('b');
    request.fingerprint = machine(uuidB, "0badc0de0badc0de0badc0de0badc0de", "wwn-2");
    ExchangeMeans means{freshNonce(), "k4.pid.x", {device.token, true}, false};
    const auto made = decideExchange(facts(device.id()), request, means, policy, now);
    EXPECT_TRUE(made.needsOthers);
    EXPECT_TRUE(made.write.askApproval.empty());
    EXPECT_FALSE(made.write.device);
}

TEST_F(DeviceExchange, AnotherMachineIsRefusedUntilASeatIsFreeAndPastTheCapAnAdminMovesIt) {
    Device first, second;
    second.fingerprint = machine(uuidB, "0badc0de0badc0de0badc0de0badc0de", "wwn-2");
    ask(first, Operation::activate, opaque('a'));
    EXPECT_EQ(ask(second, Operation::activate, opaque('b')).code, exchange_code::deviceLimit);
    EXPECT_FALSE(approval);
    ownerTransfers = policy.ownerTransfers;
    EXPECT_EQ(ask(second, Operation::activate, opaque('b')).code, exchange_code::approvalWaits);
    approval->state = ApprovalState::approved;
    EXPECT_EQ(ask(second, Operation::activate, opaque('b')).outcome, Outcome::granted);
    EXPECT_TRUE(at(1).releasedAt);
    EXPECT_EQ(ask(first, Operation::renew, opaque('c')).ended, SignedEnd::released);
}

TEST_F(DeviceExchange, TheSameMachineWithANewKeyTakesItsOwnSeat) {
    Device before, after;
    ask(before, Operation::activate, opaque('a'));
    EXPECT_EQ(ask(after, Operation::activate, opaque('b')).outcome, Outcome::granted);
    EXPECT_EQ(enrolments, 1);
    EXPECT_TRUE(at(1).releasedAt);
}

TEST_F(DeviceExchange, ATrialIsGivenOncePerMachineAndRunsFromItsFirstDocument) {
    license.type = "trial";
    license.duration = 14 * day;
    Device device;
    const auto made = ask(device, Operation::activate, opaque('a'));
    EXPECT_EQ(made.document->endsAt, now + 14 * day);
    EXPECT_EQ(made.write.endsAt, now + 14 * day);
    EXPECT_FALSE(made.write.trialMarks.empty());
    otherTrials = {LicenseId{"lic_aaaaaaaaaaaaaaaa"}};
    EXPECT_EQ(ask(device, Operation::renew, opaque('b')).outcome, Outcome::granted);
    rows.clear();
    Device again;
    EXPECT_EQ(ask(again, Operation::activate, opaque('c')).code, exchange_code::trialUsed);
    now += 14 * day;
    EXPECT_EQ(ask(device, Operation::renew, opaque('d')).code, exchange_code::licenseEnded);
}

TEST_F(DeviceExchange, LeasesNeverExceedTheTotalAndNeverShrinkWhileHeld) {
    license.deviceLimit = 3;
    license.totalBots = 10;
    license.maxBots = 10;
    Device a, b, c;
    b.fingerprint = machine(uuidB, "0badc0de0badc0de0badc0de0badc0de", "wwn-2");
    c.fingerprint = machine("12345678-1234-1234-1234-123456789abc", "feedfacefeedfacefeedfacefeedface", "wwn-3");
    a.bots = 6;
    EXPECT_EQ(ask(a, Operation::activate, opaque('a')).document->botsLeased, 6);
    EXPECT_EQ(ask(b, Operation::activate, opaque('b')).document->botsLeased, 3);
    EXPECT_EQ(ask(c, Operation::activate, opaque('c')).document->botsLeased, 1);
    a.bots = 0;
    EXPECT_EQ(ask(a, Operation::renew, opaque('d')).document->botsLeased, 6);
    ask(a, Operation::deactivate, opaque('e'));
    c.bots = 100;
    EXPECT_EQ(ask(c, Operation::renew, opaque('f')).document->botsLeased, 7);
    EXPECT_EQ(at(3).leasedUntil, now + 21 * day);
}

TEST_F(DeviceExchange, AMachineWithoutHardwareToBindToIsRefused) {
    Device device;
    device.fingerprint = {};
    EXPECT_EQ(ask(device, Operation::activate, opaque('a')).code, exchange_code::noHardware);
}

TEST_F(DeviceExchange, WaitingTellsWhatChangedAndDecidesNothing) {
    Device device;
    ask(device, Operation::activate, opaque('a'));
    const std::optional<DeviceRow> row = at(1);
    EXPECT_EQ(decideWait(license, row, std::nullopt, false).outcome, Outcome::retry);
    EXPECT_EQ(decideWait(license, row, now + Seconds{1}, false).outcome, Outcome::granted);
    EXPECT_EQ(decideWait(license, row, now - Seconds{1}, true).outcome, Outcome::retry);
    EXPECT_EQ(decideWait(license, std::nullopt, std::nullopt, false).ended, SignedEnd::none);
    EXPECT_EQ(decideWait(license, std::nullopt, std::nullopt, false).outcome, Outcome::granted);
    license.status = LicenseStatus::revoked;
    EXPECT_EQ(decideWait(license, row, std::nullopt, false).ended, SignedEnd::revoked);
    EXPECT_EQ(decideWait(license, row, std::nullopt, true).outcome, Outcome::retry) << "it was told";
    license.status = LicenseStatus::suspended;
    EXPECT_EQ(decideWait(license, row, std::nullopt, false).ended, SignedEnd::suspended);
    EXPECT_EQ(decideWait(license, row, now + Seconds{1}, true).outcome, Outcome::retry) << "it was told";
}

TEST_F(DeviceExchange, DeclaredNamesAreDevicesOfTheirOwn) {
    EXPECT_EQ(declaredDevice("box-1"), declaredDevice("box-1"));
    EXPECT_NE(declaredDevice("box-1"), declaredDevice("box-2"));
    EXPECT_EQ(declaredDevice("").value.size(), 22u);
}

}  // namespace
}  // namespace entitle
