#include "server/store_session.h"

namespace entitle {
namespace {

void insertDocument(Sql& sql, const LicenseId& license, const DocumentRow& row) {
    sql.run(
        "INSERT INTO documents (license_id, sequence, seat, request_hash, signing_key_id, key_set_version, "
        "issued_at, fresh_until, grace_s, host_label, token) VALUES (:license, :sequence, :seat, :hash, :key, "
        ":version, :issued, :fresh, :grace, :label, :token)",
        license.value, row.sequence, row.seat, row.requestHash, row.signingKeyId, row.keySetVersion, row.issuedAt,
        row.freshUntil, row.grace, row.hostLabel, row.token);
}

}  // namespace

std::vector<DocumentRow> Store::documents(const LicenseId& id) {
    return session_->read([&](Sql& sql) {
        return sql.rows<DocumentColumns>("FROM documents WHERE license_id = :id ORDER BY sequence", id.value);
    });
}

Granted<IssuedDocument> Store::issue(const LicenseId& id, const std::string& requestHash, const DeviceId& device,
                                     Instant now, const Decide& decide) {
    return session_->write([&](Sql& sql) -> Granted<IssuedDocument> {
        auto license = lockLicense(sql, id);
        if (!license) return noSuchLicense(id);
        IssueFacts facts;
        facts.license = std::move(*license);
        facts.keySet = session_->newestKeySet(sql);
        for (auto& row : heldDevices(sql, id)) {
            if (row.device == device) {
                facts.seat = std::move(row);
            } else {
                facts.others.push_back(std::move(row));
            }
        }
        facts.leasedToOthers = sql.number(
            "SELECT COALESCE(SUM(bots_leased), 0) FROM devices WHERE license_id = :id AND device_id <> :device AND "
            "leased_until > :now",
            id.value, device.value, now);
        facts.answer = sql.row<DocumentColumns>("FROM documents WHERE license_id = :id AND request_hash = :hash",
                                                id.value, requestHash);
        if (facts.answer) {
            facts.answerSeat = sql.row<DeviceColumns>("FROM devices WHERE license_id = :id AND number = :number",
                                                      id.value, facts.answer->seat);
            facts.answerKeySet =
                sql.row<KeySetColumns>("FROM key_sets WHERE version = :version", facts.answer->keySetVersion);
        }

        auto made = decide(facts);
        if (!made) {
            recordAttempt(sql, id, device, now, toString(made.error().reason));
            return made.error();
        }
        if (!*made) {
            recordAttempt(sql, id, device, now, "repeated");
            return IssuedDocument{facts.answer.value(), facts.answerKeySet.value(), true};
        }
        NewDocument& fresh = **made;
        DeviceRow seat;
        if (facts.seat) {
            seat = *facts.seat;
            seat.hostLabel = fresh.document.hostLabel;
            if (!fresh.fingerprint.empty()) seat.fingerprint = fresh.fingerprint;
            seat.botsLeased = fresh.botsLeased;
            seat.leasedUntil = fresh.leasedUntil;
            updateDevice(sql, id, seat);
        } else {
            seat.device = fresh.device;
            seat.deviceKey = fresh.deviceKey;
            seat.hostLabel = fresh.document.hostLabel;
            seat.fingerprint = fresh.fingerprint;
            seat.takenAt = now;
            seat.botsLeased = fresh.botsLeased;
            seat.leasedUntil = fresh.leasedUntil;
            takeSeat(sql, id, seat);
        }
        fresh.document.seat = seat.number;
        insertDocument(sql, id, fresh.document);
        sql.run("UPDATE licenses SET last_sequence = :sequence, ends_at = :ends WHERE id = :id",
                fresh.document.sequence, fresh.endsAt, id.value);
        recordAttempt(sql, id, device, now, "granted");
        return IssuedDocument{std::move(fresh.document), facts.keySet, false};
    });
}

}  // namespace entitle
