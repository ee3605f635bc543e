#include "server/store_rows.h"

#include <algorithm>

#include "server/database_fault.h"

namespace entitle {
namespace {

using soci::into;

// One of a few stored words. Anything else was not written by this program.
template <class Enum, std::size_t n>
Enum wordIn(const std::array<Enum, n>& all, const std::string& word) {
    for (const Enum each : all)
        if (toString(each) == word) return each;
    throw DatabaseFault("the database holds '" + word + "' where no such word belongs: restore it from a backup");
}

std::uint64_t toUnsigned(long long number) {
    return static_cast<std::uint64_t>(number);
}

}  // namespace

std::string_view toString(LicenseStatus status) {
    switch (status) {
        case LicenseStatus::active:
            return "active";
        case LicenseStatus::suspended:
            return "suspended";
        case LicenseStatus::revoked:
            return "revoked";
    }
    return "unknown";
}

std::string_view toString(TransferKind kind) {
    switch (kind) {
        case TransferKind::owner:
            return "owner";
        case TransferKind::admin:
            return "admin";
        case TransferKind::device:
            return "device";
        case TransferKind::enrol:
            return "enrol";
    }
    return "unknown";
}

std::string_view toString(ApprovalState state) {
    switch (state) {
        case ApprovalState::waiting:
            return "waiting";
        case ApprovalState::approved:
            return "approved";
        case ApprovalState::denied:
            return "denied";
        case ApprovalState::used:
            return "used";
    }
    return "unknown";
}

std::string joinWords(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) {
        if (!out.empty()) out += ' ';
        out += word;
    }
    return out;
}

std::vector<std::string> splitWords(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(' ', at), text.size());
        if (end > at) out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

void LicenseColumns::bind(soci::statement& to) {
    to.exchange(into(id_));
    to.exchange(into(keyIndex_));
    to.exchange(into(keySecretId_));
    to.exchange(into(serial_));
    to.exchange(into(keyType_));
    to.exchange(into(keyFlags_));
    to.exchange(into(keyExpiryDay_));
    to.exchange(into(keySalt_));
    to.exchange(into(type_));
    to.exchange(into(plan_));
    to.exchange(into(features_));
    to.exchange(into(maxBots_));
    duration_.bind(to);
    endsAt_.bind(to);
    to.exchange(into(note_));
    to.exchange(into(createdAt_));
    to.exchange(into(lastSequence_));
    to.exchange(into(status_));
    statusChangedAt_.bind(to);
    account_.bind(to);
    to.exchange(into(deviceLimit_));
    totalBots_.bind(to);
    to.exchange(into(held_));
}

LicenseRow LicenseColumns::row() const {
    LicenseRow row;
    row.id = LicenseId{id_};
    row.keyIndex = keyIndex_;
    row.keySecretId = keySecretId_;
    row.payload.serial = toUnsigned(serial_);
    row.payload.type = static_cast<std::uint8_t>(keyType_);
    row.payload.flags = static_cast<std::uint8_t>(keyFlags_);
    row.payload.expiryDay = static_cast<std::uint16_t>(keyExpiryDay_);
    row.payload.salt = static_cast<std::uint32_t>(keySalt_);
    row.type = type_;
    row.plan = plan_;
    row.features = splitWords(features_);
    row.maxBots = maxBots_;
    if (duration_) row.duration = Seconds(duration_.value);
    row.endsAt = toInstant(endsAt_);
    row.note = note_;
    row.createdAt = toInstant(createdAt_);
    row.lastSequence = toUnsigned(lastSequence_);
    row.status = wordIn(std::array{LicenseStatus::active, LicenseStatus::suspended, LicenseStatus::revoked}, status_);
    row.statusChangedAt = toInstant(statusChangedAt_);
    if (account_) row.account = AccountId{account_.value};
    row.deviceLimit = deviceLimit_;
    if (totalBots_) row.totalBots = totalBots_.value;
    row.devicesHeld = held_;
    return row;
}

void insertLicense(Sql& sql, const LicenseRow& row) {
    const auto account = row.account ? std::optional(row.account->value) : std::nullopt;
    sql.run("INSERT INTO licenses (" + columnList<LicenseColumns>() +
                ") VALUES (:id, :index, :secret, :serial, :ktype, :flags, :expiry, :salt, :type, :plan, :features, "
                ":bots, :duration, :ends, :note, :created, :sequence, :status, :changed, :account, :limit, :total, 0)",
            row.id.value, row.keyIndex, row.keySecretId, row.payload.serial, int{row.payload.type},
            int{row.payload.flags}, int{row.payload.expiryDay}, static_cast<int>(row.payload.salt), row.type, row.plan,
            joinWords(row.features), row.maxBots, row.duration, row.endsAt, row.note, row.createdAt, row.lastSequence,
            std::string(toString(row.status)), row.statusChangedAt, account, row.deviceLimit, row.totalBots);
}

void DeviceColumns::bind(soci::statement& to) {
    to.exchange(into(number_));
    to.exchange(into(device_));
    to.exchange(into(deviceKey_));
    to.exchange(into(hostLabel_));
    to.exchange(into(takenAt_));
    releasedAt_.bind(to);
    to.exchange(into(name_));
    to.exchange(into(fingerprint_));
    to.exchange(into(keyLevel_));
    to.exchange(into(version_));
    to.exchange(into(rollNumber_));
    to.exchange(into(random_));
    to.exchange(into(previousNumber_));
    to.exchange(into(previousRandom_));
    to.exchange(into(previousRid_));
    to.exchange(into(enrolledBy_));
    lastSeenAt_.bind(to);
    conflictAt_.bind(to);
    to.exchange(into(botsInUse_));
    to.exchange(into(botsLeased_));
    leasedUntil_.bind(to);
    sequence_.bind(to);
    issuedAt_.bind(to);
    freshUntil_.bind(to);
    grace_.bind(to);
}

DeviceRow DeviceColumns::row() const {
    DeviceRow row;
    row.number = number_;
    row.device = DeviceId{device_};
    row.deviceKey = deviceKey_;
    row.hostLabel = hostLabel_;
    row.takenAt = toInstant(takenAt_);
    row.releasedAt = toInstant(releasedAt_);
    row.name = name_;
    row.fingerprint = fingerprint_;
    row.keyLevel = keyLevel_;
    row.version = version_;
    row.rolling = {toUnsigned(rollNumber_), random_, toUnsigned(previousNumber_), previousRandom_, previousRid_};
    row.enrolledBy = enrolledBy_;
    row.lastSeenAt = toInstant(lastSeenAt_);
    row.conflictAt = toInstant(conflictAt_);
    row.botsInUse = botsInUse_;
    row.botsLeased = botsLeased_;
    row.leasedUntil = toInstant(leasedUntil_);
    if (sequence_)
        row.document = DeviceDocument{toUnsigned(sequence_.value), toInstant(issuedAt_.value),
                                      toInstant(freshUntil_.value), Seconds(grace_.value)};
    return row;
}

void insertDevice(Sql& sql, const LicenseId& license, const DeviceRow& row) {
    sql.run(
        "INSERT INTO devices (license_id, number, device_id, device_key, host_label, taken_at) "
        "VALUES (:id, :number, :device, :key, :label, :at)",
        license.value, row.number, row.device.value, row.deviceKey, row.hostLabel, row.takenAt);
    updateDevice(sql, license, row);
}

void updateDevice(Sql& sql, const LicenseId& license, const DeviceRow& row) {
    std::optional<std::uint64_t> sequence;
    std::optional<Instant> issued, fresh;
    std::optional<Seconds> grace;
    if (row.document) {
        sequence = row.document->sequence;
        issued = row.document->issuedAt;
        fresh = row.document->freshUntil;
        grace = row.document->grace;
    }
    sql.run(
        "UPDATE devices SET device_key = :key, host_label = :label, name = :name, fingerprint = :fp, "
        "key_level = :level, version = :version, roll_number = :roll, roll_random = :random, "
        "roll_previous_number = :proll, roll_previous_random = :prandom, roll_previous_rid = :prid, "
        "enrolled_by = :enrolled, last_seen_at = :seen, conflict_at = :conflict, bots_in_use = :bots, "
        "bots_leased = :leased, leased_until = :until, document_sequence = :sequence, document_issued_at = :issued, "
        "document_fresh_until = :fresh, document_grace_s = :grace WHERE license_id = :id AND number = :number",
        row.deviceKey, row.hostLabel, row.name, row.fingerprint, row.keyLevel, row.version, row.rolling.number,
        row.rolling.random, row.rolling.previousNumber, row.rolling.previousRandom, row.rolling.previousRid,
        row.enrolledBy, row.lastSeenAt, row.conflictAt, row.botsInUse, row.botsLeased, row.leasedUntil, sequence,
        issued, fresh, grace, license.value, row.number);
}

void DocumentColumns::bind(soci::statement& to) {
    to.exchange(into(sequence_));
    to.exchange(into(seat_));
    to.exchange(into(requestHash_));
    to.exchange(into(signingKeyId_));
    to.exchange(into(keySetVersion_));
    to.exchange(into(issuedAt_));
    to.exchange(into(freshUntil_));
    to.exchange(into(grace_));
    to.exchange(into(hostLabel_));
    to.exchange(into(token_));
}

DocumentRow DocumentColumns::row() const {
    DocumentRow row;
    row.sequence = toUnsigned(sequence_);
    row.seat = seat_;
    row.requestHash = requestHash_;
    row.signingKeyId = signingKeyId_;
    row.keySetVersion = toUnsigned(keySetVersion_);
    row.issuedAt = toInstant(issuedAt_);
    row.freshUntil = toInstant(freshUntil_);
    row.grace = Seconds(grace_);
    row.hostLabel = hostLabel_;
    row.token = token_;
    return row;
}

void KeySetColumns::bind(soci::statement& to) {
    to.exchange(into(version_));
    to.exchange(into(token_));
    to.exchange(into(issuedAt_));
}

KeySetRow KeySetColumns::row() const {
    return {toUnsigned(version_), token_, toInstant(issuedAt_)};
}

void AttemptColumns::bind(soci::statement& to) {
    to.exchange(into(at_));
    to.exchange(into(license_));
    to.exchange(into(device_));
    to.exchange(into(outcome_));
}

AttemptRow AttemptColumns::row() const {
    return {toInstant(at_), LicenseId{license_}, DeviceId{device_}, outcome_};
}

void AccountColumns::bind(soci::statement& to) {
    to.exchange(into(id_));
    to.exchange(into(email_));
    to.exchange(into(passwordHash_));
    to.exchange(into(admin_));
    to.exchange(into(createdAt_));
    to.exchange(into(passwordChangedAt_));
}

AccountRow AccountColumns::row() const {
    return {AccountId{id_}, email_, passwordHash_, admin_ != 0, toInstant(createdAt_), toInstant(passwordChangedAt_)};
}

void TokenColumns::bind(soci::statement& to) {
    to.exchange(into(hash_));
    account_.bind(to);
    license_.bind(to);
    device_.bind(to);
    to.exchange(into(createdAt_));
    expiresAt_.bind(to);
}

TokenRow TokenColumns::row() const {
    TokenRow row;
    row.hash = hash_;
    if (account_) row.account = AccountId{account_.value};
    if (license_) row.license = LicenseId{license_.value};
    if (device_) row.device = device_.value;
    row.createdAt = toInstant(createdAt_);
    row.expiresAt = toInstant(expiresAt_);
    return row;
}

void ApprovalColumns::bind(soci::statement& to) {
    to.exchange(into(number_));
    to.exchange(into(license_));
    to.exchange(into(device_));
    to.exchange(into(hostLabel_));
    to.exchange(into(reason_));
    to.exchange(into(askedAt_));
    to.exchange(into(state_));
    decidedAt_.bind(to);
    decidedBy_.bind(to);
}

ApprovalRow ApprovalColumns::row() const {
    ApprovalRow row;
    row.number = number_;
    row.license = LicenseId{license_};
    row.device = DeviceId{device_};
    row.hostLabel = hostLabel_;
    row.reason = reason_;
    row.askedAt = toInstant(askedAt_);
    row.state =
        wordIn(std::array{ApprovalState::waiting, ApprovalState::approved, ApprovalState::denied, ApprovalState::used},
               state_);
    row.decidedAt = toInstant(decidedAt_);
    if (decidedBy_) row.decidedBy = AccountId{decidedBy_.value};
    return row;
}

void EventColumns::bind(soci::statement& to) {
    to.exchange(into(number_));
    to.exchange(into(license_));
    to.exchange(into(what_));
    to.exchange(into(at_));
}

EventRow EventColumns::row() const {
    return {number_, LicenseId{license_}, what_, toInstant(at_)};
}

void RevocationColumns::bind(soci::statement& to) {
    to.exchange(into(epoch_));
    to.exchange(into(license_));
    to.exchange(into(what_));
    to.exchange(into(at_));
}

RevocationRow RevocationColumns::row() const {
    return {toUnsigned(epoch_), LicenseId{license_}, what_, toInstant(at_)};
}

void ActionColumns::bind(soci::statement& to) {
    to.exchange(into(number_));
    to.exchange(into(at_));
    to.exchange(into(actor_));
    to.exchange(into(action_));
    to.exchange(into(subject_));
    to.exchange(into(detail_));
    to.exchange(into(requestId_));
}

}  // namespace entitle
