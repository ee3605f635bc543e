#include <algorithm>
#include <stdexcept>

#include "server/store_session.h"

namespace entitle {

std::vector<DeviceRow> heldDevices(Sql& sql, const LicenseId& id) {
    return sql.rows<DeviceColumns>("FROM devices WHERE license_id = :id AND released_at IS NULL ORDER BY number",
                                   id.value);
}

void recordAttempt(Sql& sql, const LicenseId& id, const DeviceId& device, Instant now, std::string_view outcome) {
    sql.run(
        "INSERT INTO attempts (license_id, number, at, device_id, outcome) "
        "VALUES (:id, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE license_id = :again), :at, :device, "
        ":outcome)",
        id.value, id.value, now, device.value, std::string(outcome));
}

void takeSeat(Sql& sql, const LicenseId& id, DeviceRow& row) {
    sql.run("UPDATE licenses SET devices_held = devices_held + 1 WHERE id = :id", id.value);
    row.number = static_cast<int>(
        sql.number("SELECT COALESCE(MAX(number), 0) + 1 FROM devices WHERE license_id = :id", id.value));
    insertDevice(sql, id, row);
}

void freeSeat(Sql& sql, const LicenseId& id, const Release& release, Instant now) {
    if (sql.run("UPDATE devices SET released_at = :at WHERE license_id = :id AND number = :number AND "
                "released_at IS NULL",
                now, id.value, release.number) == 0)
        throw std::logic_error("a seat was released that nobody holds");
    if (release.endsLease)
        sql.run("UPDATE devices SET bots_leased = 0, leased_until = NULL WHERE license_id = :id AND number = :number",
                id.value, release.number);
    sql.run("UPDATE licenses SET devices_held = devices_held - 1 WHERE id = :id", id.value);
    sql.run("DELETE FROM tokens WHERE license_id = :id AND device_number = :number", id.value, release.number);
    sql.run("INSERT INTO transfers (license_id, device_number, kind, at) VALUES (:id, :number, :kind, :at)", id.value,
            release.number, std::string(toString(release.kind)), now);
}

void insertToken(Sql& sql, const TokenRow& row) {
    const bool ofDevice = row.device != 0;
    sql.run("INSERT INTO tokens (" + columnList<TokenColumns>() +
                ") VALUES (:hash, :account, :license, :device, :created, :expires)",
            row.hash, row.account ? std::optional(row.account->value) : std::nullopt,
            ofDevice ? std::optional(row.license.value) : std::nullopt,
            ofDevice ? std::optional(row.device) : std::nullopt, row.createdAt, row.expiresAt);
}

std::vector<DeviceRow> Store::devices(const LicenseId& id) {
    return session_->read([&](Sql& sql) {
        return sql.rows<DeviceColumns>("FROM devices WHERE license_id = :id ORDER BY number", id.value);
    });
}

std::optional<DeviceRow> latestSeat(Sql& sql, const LicenseId& id, const DeviceId& device) {
    return sql.row<DeviceColumns>(
        "FROM devices WHERE license_id = :id AND device_id = :device ORDER BY number DESC LIMIT 1", id.value,
        device.value);
}

std::optional<DeviceRow> Store::device(const LicenseId& id, const DeviceId& device) {
    return session_->read([&](Sql& sql) { return latestSeat(sql, id, device); });
}

Granted<DeviceRow> Store::release(const LicenseId& id, const DeviceId& device, Instant now, const ReleaseTerms& terms) {
    return session_->write([&](Sql& sql) -> Granted<DeviceRow> {
        if (!lockLicense(sql, id)) return noSuchLicense(id);
        const auto held = heldDevices(sql, id);
        const auto seat =
            std::find_if(held.begin(), held.end(), [&](const DeviceRow& row) { return row.device == device; });
        if (seat == held.end())
            return Denial{DenialReason::unknownDevice,
                          "device " + device.value + " holds no seat of " + id.value +
                              (held.empty() ? "; nobody does: any device may take it"
                                            : "; device " + held.front().device.value + " does")};
        if (terms.limit && sql.number("SELECT COUNT(*) FROM transfers WHERE license_id = :id AND kind = :kind AND "
                                      "at >= :since",
                                      id.value, std::string(toString(terms.kind)), terms.countFrom) >= *terms.limit)
            return Denial{DenialReason::transfersSpent,
                          "license " + id.value + " was moved " + std::to_string(*terms.limit) + " times since " +
                              toRfc3339(terms.countFrom) + ": an admin may release this device"};
        freeSeat(sql, id, {seat->number, terms.kind, terms.kind == TransferKind::device}, now);
        session_->addEvent(sql, id, "released", now);
        DeviceRow released = *seat;
        released.releasedAt = now;
        return released;
    });
}

bool Store::renameDevice(const LicenseId& id, int number, const std::string& name) {
    return session_->write([&](Sql& sql) {
        return sql.run("UPDATE devices SET name = :name WHERE license_id = :id AND number = :number", name, id.value,
                       number) != 0;
    });
}

std::vector<ApprovalRow> Store::approvals(std::optional<ApprovalState> state, std::int64_t after, int limit) {
    return session_->read([&](Sql& sql) {
        if (!state)
            return sql.rows<ApprovalColumns>("FROM approvals WHERE number > :after ORDER BY number LIMIT :limit", after,
                                             limit);
        return sql.rows<ApprovalColumns>(
            "FROM approvals WHERE state = :state AND number > :after ORDER BY number LIMIT :limit",
            std::string(toString(*state)), after, limit);
    });
}

std::vector<ApprovalRow> Store::approvalsOf(const AccountId& account, std::optional<ApprovalState> state) {
    return session_->read([&](Sql& sql) {
        static const std::string mine =
            "FROM approvals WHERE license_id IN (SELECT id FROM licenses WHERE account_id = :account)";
        if (!state) return sql.rows<ApprovalColumns>(mine + " ORDER BY number", account.value);
        return sql.rows<ApprovalColumns>(mine + " AND state = :state ORDER BY number", account.value,
                                         std::string(toString(*state)));
    });
}

Granted<ApprovalRow> Store::decideApproval(std::int64_t number, bool approve, const AccountId& by, Instant now) {
    return session_->write([&](Sql& sql) -> Granted<ApprovalRow> {
        const auto state = approve ? ApprovalState::approved : ApprovalState::denied;
        // Only one that waits: of two admins who decide at once, the first one counts.
        const auto changed = sql.run(
            "UPDATE approvals SET state = :state, decided_at = :now, decided_by = :by "
            "WHERE number = :number AND state = 'waiting'",
            std::string(toString(state)), now, by.value, number);
        auto row = sql.row<ApprovalColumns>("FROM approvals WHERE number = :number", number);
        if (!row)
            return Denial{DenialReason::unknownApproval, "there is no request " + std::to_string(number) + " here"};
        if (changed == 0)
            return Denial{DenialReason::alreadyDecided, "request " + std::to_string(number) + " is " +
                                                            std::string(toString(row->state)) + " already"};
        session_->addEvent(sql, row->license, std::string(toString(state)), now);
        return std::move(*row);
    });
}

void Store::recordRefusal(const DeviceId& device, const std::string& outcome, Instant now) {
    session_->write([&](Sql& sql) {
        return sql.run("INSERT INTO refusals (at, device_id, outcome) VALUES (:at, :device, :outcome)", now,
                       device.value, outcome);
    });
}

std::vector<AttemptRow> Store::attempts(const LicenseId& id, int latest) {
    return session_->read([&](Sql& sql) {
        auto found = sql.rows<AttemptColumns>("FROM attempts WHERE license_id = :id ORDER BY number DESC LIMIT :limit",
                                              id.value, latest);
        return std::vector<AttemptRow>(found.rbegin(), found.rend());
    });
}

std::vector<AttemptRow> Store::attempts(int latest) {
    return session_->read([&](Sql& sql) {
        return sql.rows<AttemptColumns>(
            "FROM (SELECT at, license_id, device_id, outcome FROM attempts UNION ALL "
            "SELECT at, '' AS license_id, device_id, outcome FROM refusals) AS every "
            "ORDER BY at DESC LIMIT :limit",
            latest);
    });
}

}  // namespace entitle
