#include "server/store_rows.h"

namespace entitle {
namespace {

using soci::into;
using soci::use;

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

}  // namespace

LicenseColumns::LicenseColumns(const LicenseRow& row)
    : id_(row.id.value),
      keyIndex_(row.keyIndex),
      type_(row.type),
      plan_(row.plan),
      features_(joinWords(row.features)),
      note_(row.note),
      keySecretId_(row.keySecretId),
      keyType_(row.payload.type),
      keyFlags_(row.payload.flags),
      keyExpiryDay_(row.payload.expiryDay),
      keySalt_(static_cast<int>(row.payload.salt)),
      serial_(toNumber(row.payload.serial)),
      maxBots_(row.maxBots),
      duration_(row.duration ? row.duration->count() : 0),
      endsAt_(row.endsAt ? toNumber(*row.endsAt) : 0),
      createdAt_(toNumber(row.createdAt)),
      lastSequence_(toNumber(row.lastSequence)),
      hasDuration_(row.duration ? soci::i_ok : soci::i_null),
      hasEnd_(row.endsAt ? soci::i_ok : soci::i_null) {}

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
    to.exchange(into(duration_, hasDuration_));
    to.exchange(into(endsAt_, hasEnd_));
    to.exchange(into(note_));
    to.exchange(into(createdAt_));
    to.exchange(into(lastSequence_));
}

LicenseRow LicenseColumns::row() const {
    LicenseRow row;
    row.id = LicenseId{id_};
    row.keyIndex = keyIndex_;
    row.keySecretId = keySecretId_;
    row.payload.serial = static_cast<std::uint64_t>(serial_);
    row.payload.type = static_cast<std::uint8_t>(keyType_);
    row.payload.flags = static_cast<std::uint8_t>(keyFlags_);
    row.payload.expiryDay = static_cast<std::uint16_t>(keyExpiryDay_);
    row.payload.salt = static_cast<std::uint32_t>(keySalt_);
    row.type = type_;
    row.plan = plan_;
    row.features = splitWords(features_);
    row.maxBots = maxBots_;
    if (hasDuration_ == soci::i_ok) row.duration = Seconds(duration_);
    if (hasEnd_ == soci::i_ok) row.endsAt = toInstant(endsAt_);
    row.note = note_;
    row.createdAt = toInstant(createdAt_);
    row.lastSequence = static_cast<std::uint64_t>(lastSequence_);
    return row;
}

void LicenseColumns::insert(soci::session& sql) {
    sql << std::string("INSERT INTO licenses (") + names +
               ") VALUES (:id, :index, :secret, :serial, :ktype, :flags, :expiry, :salt, :type, :plan, :features, "
               ":bots, :duration, :ends, :note, :created, :sequence)",
        use(id_), use(keyIndex_), use(keySecretId_), use(serial_), use(keyType_), use(keyFlags_), use(keyExpiryDay_),
        use(keySalt_), use(type_), use(plan_), use(features_), use(maxBots_), use(duration_, hasDuration_),
        use(endsAt_, hasEnd_), use(note_), use(createdAt_), use(lastSequence_);
}

void SeatColumns::bind(soci::statement& to) {
    to.exchange(into(number_));
    to.exchange(into(device_));
    to.exchange(into(deviceKey_));
    to.exchange(into(hostLabel_));
    to.exchange(into(takenAt_));
    to.exchange(into(releasedAt_, released_));
}

SeatRow SeatColumns::row() const {
    SeatRow row;
    row.number = number_;
    row.device = DeviceId{device_};
    row.deviceKey = deviceKey_;
    row.hostLabel = hostLabel_;
    row.takenAt = toInstant(takenAt_);
    if (released_ == soci::i_ok) row.releasedAt = toInstant(releasedAt_);
    return row;
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
    row.sequence = static_cast<std::uint64_t>(sequence_);
    row.seat = seat_;
    row.requestHash = requestHash_;
    row.signingKeyId = signingKeyId_;
    row.keySetVersion = static_cast<std::uint64_t>(keySetVersion_);
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
    return {static_cast<std::uint64_t>(version_), token_, toInstant(issuedAt_)};
}

void AttemptColumns::bind(soci::statement& to) {
    to.exchange(into(at_));
    to.exchange(into(device_));
    to.exchange(into(outcome_));
}

AttemptRow AttemptColumns::row() const {
    return {toInstant(at_), DeviceId{device_}, outcome_};
}

}  // namespace entitle
