#include "server/store.h"

#include "server/database.h"
#include "server/store_rows.h"

namespace entitle {
namespace {

using soci::into;
using soci::use;

std::optional<LicenseRow> licenseWhere(soci::session& sql, const std::string& condition, const std::string& value) {
    auto found = selectRows<LicenseColumns>(sql, "FROM licenses WHERE " + condition, value);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

std::optional<SeatRow> heldSeat(soci::session& sql, const std::string& license) {
    auto found = selectRows<SeatColumns>(sql, "FROM seats WHERE license_id = :id AND released_at IS NULL", license);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

KeySetRow newestKeySet(soci::session& sql) {
    auto found = selectRows<KeySetColumns>(sql, "FROM key_sets ORDER BY version DESC LIMIT 1");
    if (found.empty()) throw DatabaseFault("the database holds no key set: restore it from a backup");
    return std::move(found.front());
}

IssueFacts readFacts(soci::session& sql, LicenseRow license, const std::string& requestHash) {
    IssueFacts facts;
    const std::string id = license.id.value;
    facts.license = std::move(license);
    facts.keySet = newestKeySet(sql);
    facts.seat = heldSeat(sql, id);
    auto answers = selectRows<DocumentColumns>(sql, "FROM documents WHERE license_id = :id AND request_hash = :hash",
                                               id, requestHash);
    if (!answers.empty()) {
        facts.answer = std::move(answers.front());
        for (auto& seat : selectRows<SeatColumns>(sql, "FROM seats WHERE license_id = :id ORDER BY number", id))
            if (seat.number == facts.answer->seat) facts.answerSeat = std::move(seat);
        for (auto& set : selectRows<KeySetColumns>(sql, "FROM key_sets ORDER BY version"))
            if (set.version == facts.answer->keySetVersion) facts.answerKeySet = std::move(set);
    }
    return facts;
}

void recordAttempt(soci::session& sql, const std::string& license, const DeviceId& device, Instant now,
                   std::string_view outcome) {
    const long long at = toNumber(now);
    const std::string word(outcome);
    sql << "INSERT INTO attempts (license_id, number, at, device_id, outcome) "
           "SELECT :id, COALESCE(MAX(number), 0) + 1, :at, :device, :outcome FROM attempts WHERE license_id = :again",
        use(license), use(at), use(device.value), use(word), use(license);
}

int takeSeat(soci::session& sql, const std::string& license, const NewDocument& made, Instant now) {
    int number = 0;
    sql << "SELECT COALESCE(MAX(number), 0) + 1 FROM seats WHERE license_id = :id", use(license), into(number);
    const long long at = toNumber(now);
    sql << "INSERT INTO seats (license_id, number, device_id, device_key, host_label, taken_at) "
           "VALUES (:id, :number, :device, :key, :label, :at)",
        use(license), use(number), use(made.device.value), use(made.deviceKey), use(made.document.hostLabel), use(at);
    return number;
}

void insertDocument(soci::session& sql, const std::string& license, const DocumentRow& row) {
    const auto sequence = toNumber(row.sequence);
    const auto version = toNumber(row.keySetVersion);
    const auto issued = toNumber(row.issuedAt);
    const auto fresh = toNumber(row.freshUntil);
    const long long grace = row.grace.count();
    sql << "INSERT INTO documents (license_id, sequence, seat, request_hash, signing_key_id, key_set_version, "
           "issued_at, fresh_until, grace_s, host_label, token) VALUES (:license, :sequence, :seat, :hash, :key, "
           ":version, :issued, :fresh, :grace, :label, :token)",
        use(license), use(sequence), use(row.seat), use(row.requestHash), use(row.signingKeyId), use(version),
        use(issued), use(fresh), use(grace), use(row.hostLabel), use(row.token);
}

void insertKeySet(soci::session& sql, const KeySetRow& row) {
    const auto version = toNumber(row.version);
    const auto issued = toNumber(row.issuedAt);
    sql << "INSERT INTO key_sets (version, token, issued_at) VALUES (:version, :token, :issued)", use(version),
        use(row.token), use(issued);
}

}  // namespace

struct Store::Session {
    soci::session sql;
};

Store::Store(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Granted<Store> Store::open(const std::filesystem::path& file, Instant now, std::chrono::milliseconds wait) {
    auto session = std::make_unique<Session>();
    if (auto fine = openDatabase(session->sql, file, wait); !fine) return fine.error();
    if (auto fine = migrate(session->sql, now); !fine) return fine.error();
    return Store(std::move(session));
}

void Store::found(const std::string& authority, const KeySetRow& first, Instant now) {
    guarded([&] {
        auto& sql = session_->sql;
        WriteTransaction transaction(sql);
        const long long at = toNumber(now);
        sql << "INSERT INTO authority (only_row, id, founded_at, last_serial) VALUES (1, :id, :at, 0)", use(authority),
            use(at);
        insertKeySet(sql, first);
        transaction.commit();
    });
}

std::string Store::authority() {
    return guarded([&] {
        std::string id;
        session_->sql << "SELECT id FROM authority", into(id);
        return id;
    });
}

KeySetRow Store::keySet() {
    return guarded([&] { return newestKeySet(session_->sql); });
}

Granted<KeySetRow> Store::publishKeySet(const NextKeySet& next) {
    return guarded([&]() -> Granted<KeySetRow> {
        auto& sql = session_->sql;
        WriteTransaction transaction(sql);
        std::map<std::string, Instant> inUseUntil;
        std::string keyId;
        long long until = 0;
        soci::statement lastUse =
            (sql.prepare << "SELECT signing_key_id, MAX(fresh_until + grace_s) FROM documents GROUP BY signing_key_id",
             into(keyId), into(until));
        lastUse.execute();
        while (lastUse.fetch()) inUseUntil[keyId] = toInstant(until);
        auto made = next(newestKeySet(sql), inUseUntil);
        if (!made) return made;
        insertKeySet(sql, *made);
        transaction.commit();
        return made;
    });
}

Granted<LicenseRow> Store::addLicense(const std::function<Granted<LicenseRow>(std::uint64_t)>& make) {
    return guarded([&]() -> Granted<LicenseRow> {
        auto& sql = session_->sql;
        WriteTransaction transaction(sql);
        long long serial = 0;
        sql << "UPDATE authority SET last_serial = last_serial + 1 WHERE only_row = 1";
        sql << "SELECT last_serial FROM authority", into(serial);
        auto made = make(static_cast<std::uint64_t>(serial));
        if (!made) return made;
        LicenseColumns(*made).insert(sql);
        transaction.commit();
        return made;
    });
}

std::optional<LicenseRow> Store::license(const LicenseId& id) {
    return guarded([&] { return licenseWhere(session_->sql, "id = :id", id.value); });
}

std::optional<LicenseRow> Store::licenseByKey(const std::string& keyIndex) {
    return guarded([&] { return licenseWhere(session_->sql, "key_index = :key", keyIndex); });
}

std::vector<Store::Listed> Store::licenses() {
    return guarded([&] {
        std::vector<Listed> out;
        for (auto& row : selectRows<LicenseColumns>(session_->sql, "FROM licenses ORDER BY serial")) {
            auto seat = heldSeat(session_->sql, row.id.value);
            out.push_back({std::move(row), std::move(seat)});
        }
        return out;
    });
}

std::vector<SeatRow> Store::seats(const LicenseId& id) {
    return guarded([&] {
        return selectRows<SeatColumns>(session_->sql, "FROM seats WHERE license_id = :id ORDER BY number", id.value);
    });
}

std::vector<DocumentRow> Store::documents(const LicenseId& id) {
    return guarded([&] {
        return selectRows<DocumentColumns>(session_->sql, "FROM documents WHERE license_id = :id ORDER BY sequence",
                                           id.value);
    });
}

std::vector<AttemptRow> Store::attempts(const LicenseId& id, int latest) {
    return guarded([&] {
        auto found = selectRows<AttemptColumns>(
            session_->sql, "FROM attempts WHERE license_id = :id ORDER BY number DESC LIMIT " + std::to_string(latest),
            id.value);
        return std::vector<AttemptRow>(found.rbegin(), found.rend());
    });
}

Granted<IssuedDocument> Store::issue(const LicenseId& id, const std::string& requestHash, const DeviceId& device,
                                     Instant now, const Decide& decide) {
    return guarded([&]() -> Granted<IssuedDocument> {
        auto& sql = session_->sql;
        WriteTransaction transaction(sql);
        auto license = licenseWhere(sql, "id = :id", id.value);
        if (!license)
            return Denial{DenialReason::unknownLicense,
                          "there is no license " + id.value + " here: see `entitle-server license list`"};
        const IssueFacts facts = readFacts(sql, std::move(*license), requestHash);
        auto made = decide(facts);
        if (!made) {
            recordAttempt(sql, id.value, device, now, toString(made.error().reason));
            transaction.commit();
            return made.error();
        }
        if (!*made) {
            recordAttempt(sql, id.value, device, now, "repeated");
            transaction.commit();
            return IssuedDocument{facts.answer.value(), facts.answerKeySet.value(), true};
        }
        NewDocument& fresh = **made;
        if (facts.seat) {
            fresh.document.seat = facts.seat->number;
            sql << "UPDATE seats SET host_label = :label WHERE license_id = :id AND number = :number",
                use(fresh.document.hostLabel), use(id.value), use(facts.seat->number);
        } else {
            fresh.document.seat = takeSeat(sql, id.value, fresh, now);
        }
        insertDocument(sql, id.value, fresh.document);
        const auto sequence = toNumber(fresh.document.sequence);
        const long long endsAt = fresh.endsAt ? toNumber(*fresh.endsAt) : 0;
        soci::indicator known = fresh.endsAt ? soci::i_ok : soci::i_null;
        sql << "UPDATE licenses SET last_sequence = :sequence, ends_at = :ends WHERE id = :id", use(sequence),
            use(endsAt, known), use(id.value);
        recordAttempt(sql, id.value, device, now, "granted");
        transaction.commit();
        return IssuedDocument{std::move(fresh.document), facts.keySet, false};
    });
}

Granted<SeatRow> Store::release(const LicenseId& id, const DeviceId& device, Instant now) {
    return guarded([&]() -> Granted<SeatRow> {
        auto& sql = session_->sql;
        WriteTransaction transaction(sql);
        if (!licenseWhere(sql, "id = :id", id.value))
            return Denial{DenialReason::unknownLicense,
                          "there is no license " + id.value + " here: see `entitle-server license list`"};
        auto seat = heldSeat(sql, id.value);
        if (!seat || seat->device != device)
            return Denial{DenialReason::unknownDevice, "device " + device.value + " holds no seat of " + id.value +
                                                           (seat ? "; device " + seat->device.value + " does"
                                                                 : "; nobody does: any device may take it")};
        const long long at = toNumber(now);
        sql << "UPDATE seats SET released_at = :at WHERE license_id = :id AND number = :number", use(at), use(id.value),
            use(seat->number);
        transaction.commit();
        seat->releasedAt = now;
        return std::move(*seat);
    });
}

}  // namespace entitle
