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

Granted<IssuedDocument> Store::issue(const ExchangeQuery& query, const std::string& requestHash,
                                     const DecideIssue& decide) {
    return session_->write([&](Sql& sql) -> Granted<IssuedDocument> {
        ExchangeQuery asked = query;
        asked.withOthers = true;
        auto found = session_->readFacts(sql, asked);
        if (!found) return noSuchLicense(query.license);
        IssueFacts facts{std::move(*found), {}, {}, {}};
        const std::string& id = query.license.value;
        facts.answer =
            sql.row<DocumentColumns>("FROM documents WHERE license_id = :id AND request_hash = :hash", id, requestHash);
        if (facts.answer) {
            facts.answerSeat = sql.row<DeviceColumns>("FROM devices WHERE license_id = :id AND number = :number", id,
                                                      facts.answer->seat);
            facts.answerKeySet =
                sql.row<KeySetColumns>("FROM key_sets WHERE version = :version", facts.answer->keySetVersion);
        }

        auto decided = decide(facts);
        if (!decided) return session_->refuse(sql, asked, facts, decided.error());
        const auto done = session_->apply(sql, asked, facts, std::move(decided->write));
        if (decided->waits) return *decided->waits;
        if (!decided->document) return IssuedDocument{facts.answer.value(), facts.answerKeySet.value(), true};
        decided->document->seat = done.device.value().number;
        insertDocument(sql, query.license, *decided->document);
        return IssuedDocument{std::move(*decided->document), done.keySet, false};
    });
}

}  // namespace entitle
