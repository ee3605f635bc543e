#include <stdexcept>

#include "server/store_session.h"

namespace entitle {
namespace {

std::optional<std::string> revocationWord(LicenseStatus before, LicenseStatus after) {
    if (before == after) return std::nullopt;
    switch (after) {
        case LicenseStatus::active:
            return "reinstated";
        case LicenseStatus::suspended:
            return "suspended";
        case LicenseStatus::revoked:
            return "revoked";
    }
    return std::nullopt;
}

void updateLicense(Sql& sql, const LicenseRow& row) {
    const auto account = row.account ? std::optional(row.account->value) : std::nullopt;
    sql.run(
        "UPDATE licenses SET type = :type, plan = :plan, features = :features, max_bots = :bots, "
        "duration_s = :duration, ends_at = :ends, note = :note, status = :status, status_changed_at = :changed, "
        "account_id = :account, device_limit = :limit, total_bots = :total WHERE id = :id",
        row.type, row.plan, joinWords(row.features), row.maxBots, row.duration, row.endsAt, row.note,
        std::string(toString(row.status)), row.statusChangedAt, account, row.deviceLimit, row.totalBots, row.id.value);
}

}  // namespace

Denial noSuchLicense(const LicenseId& id) {
    return {DenialReason::unknownLicense,
            "there is no license " + id.value + " here: see `entitle-server license list`"};
}

std::optional<LicenseRow> lockLicense(Sql& sql, const LicenseId& id, int step) {
    static const std::string text =
        "UPDATE licenses SET last_sequence = last_sequence + :step WHERE id = :id RETURNING " +
        columnList<LicenseColumns>();
    auto row = Sql::first(sql.fetch<LicenseColumns>(text, step, id.value));
    if (row) row->lastSequence -= static_cast<std::uint64_t>(step);
    return row;
}

void setLastSequence(Sql& sql, const LicenseId& id, std::uint64_t sequence) {
    sql.run("UPDATE licenses SET last_sequence = :sequence WHERE id = :id", sequence, id.value);
}

Granted<LicenseRow> Store::addLicense(const std::function<Granted<LicenseRow>(std::uint64_t)>& make) {
    return session_->write([&](Sql& sql) -> Granted<LicenseRow> {
        const auto serial = Sql::first(sql.fetch<NumberColumns<1>>(
            "UPDATE authority SET last_serial = last_serial + 1 WHERE only_row = 1 RETURNING last_serial"));
        if (!serial) throw DatabaseFault("the database belongs to no authority");
        auto made = make(static_cast<std::uint64_t>((*serial)[0]));
        if (made && made->account) {
            if (sql.number("SELECT COUNT(*) FROM accounts WHERE id = :id", made->account->value) == 0)
                made = Denial{DenialReason::unknownAccount, "there is no account " + made->account->value + " here"};
        }
        if (made && made->account && made->type == "trial" &&
            sql.number("SELECT COUNT(*) FROM trial_accounts WHERE account_id = :id", made->account->value) != 0)
            made = Denial{DenialReason::trialUsed,
                          "account " + made->account->value + " had its trial: a trial is given once"};
        if (!made) {
            session_->database.rollBack();
            return made;
        }
        insertLicense(sql, *made);
        if (made->account && made->type == "trial")
            sql.run("INSERT INTO trial_accounts (account_id, license_id) VALUES (:account, :license)",
                    made->account->value, made->id.value);
        return made;
    });
}

std::optional<LicenseRow> Store::license(const LicenseId& id) {
    return session_->read([&](Sql& sql) { return sql.row<LicenseColumns>("FROM licenses WHERE id = :id", id.value); });
}

std::optional<LicenseRow> Store::licenseByKey(const std::string& keyIndex) {
    return session_->read(
        [&](Sql& sql) { return sql.row<LicenseColumns>("FROM licenses WHERE key_index = :key", keyIndex); });
}

std::vector<Store::Listed> Store::licenses() {
    return session_->read([&](Sql& sql) {
        std::vector<Listed> out;
        for (auto& row : sql.rows<LicenseColumns>("FROM licenses ORDER BY serial")) {
            auto held = heldDevices(sql, row.id);
            auto seat = held.empty() ? std::nullopt : std::optional(std::move(held.front()));
            out.push_back({std::move(row), std::move(seat)});
        }
        return out;
    });
}

std::vector<LicenseRow> Store::licenses(std::uint64_t afterSerial, int limit) {
    return session_->read([&](Sql& sql) {
        return sql.rows<LicenseColumns>("FROM licenses WHERE serial > :after ORDER BY serial LIMIT :limit", afterSerial,
                                        limit);
    });
}

std::vector<LicenseRow> Store::licensesOf(const AccountId& account) {
    return session_->read([&](Sql& sql) {
        return sql.rows<LicenseColumns>("FROM licenses WHERE account_id = :account ORDER BY serial", account.value);
    });
}

Granted<LicenseRow> Store::changeLicense(const LicenseId& id, Instant now, const ChangeLicense& change) {
    return session_->write([&](Sql& sql) -> Granted<LicenseRow> {
        const auto before = lockLicense(sql, id);
        if (!before) return noSuchLicense(id);
        auto made = change(*before);
        if (made && made->deviceLimit < before->devicesHeld)
            made = Denial{DenialReason::deviceLimit, "license " + id.value + " is held by " +
                                                         std::to_string(before->devicesHeld) +
                                                         " devices: release some before its limit is lowered to " +
                                                         std::to_string(made->deviceLimit)};
        if (made && made->account && made->account != before->account &&
            sql.number("SELECT COUNT(*) FROM accounts WHERE id = :id", made->account->value) == 0)
            made = Denial{DenialReason::unknownAccount, "there is no account " + made->account->value + " here"};
        if (!made) {
            session_->database.rollBack();
            return made;
        }
        LicenseRow after = *made;
        // What nobody changes, whatever the function returned.
        after.id = before->id;
        after.lastSequence = before->lastSequence;
        after.devicesHeld = before->devicesHeld;
        after.statusChangedAt = before->statusChangedAt;
        if (after == *before) return after;
        const auto word = revocationWord(before->status, after.status);
        if (word) after.statusChangedAt = now;
        updateLicense(sql, after);
        session_->addEvent(sql, id, word.value_or("changed"), now, word ? Session::Revokes::yes : Session::Revokes::no);
        return after;
    });
}

}  // namespace entitle
