#include "server/store_session.h"

namespace entitle {
namespace {

constexpr auto notExpired = "(tokens.expires_at IS NULL OR tokens.expires_at > :now)";

Denial noSuchAccount(const AccountId& id) {
    return {DenialReason::unknownAccount, "there is no account " + id.value + " here"};
}

}  // namespace

Granted<void> Store::addAccount(const AccountRow& row) {
    return session_->write([&](Sql& sql) -> Granted<void> {
        if (sql.number("SELECT COUNT(*) FROM accounts WHERE email = :email", row.email) != 0)
            return Denial{DenialReason::emailTaken, "there is an account with this e-mail address already"};
        sql.run("INSERT INTO accounts (" + columnList<AccountColumns>() +
                    ") VALUES (:id, :email, :hash, :admin, :created, :changed)",
                row.id.value, row.email, row.passwordHash, row.admin, row.createdAt, row.passwordChangedAt);
        return {};
    });
}

std::optional<AccountRow> Store::account(const AccountId& id) {
    return session_->read([&](Sql& sql) { return sql.row<AccountColumns>("FROM accounts WHERE id = :id", id.value); });
}

std::optional<AccountRow> Store::accountByEmail(const std::string& email) {
    return session_->read(
        [&](Sql& sql) { return sql.row<AccountColumns>("FROM accounts WHERE email = :email", email); });
}

std::vector<AccountRow> Store::accounts(const AccountId& after, int limit) {
    return session_->read([&](Sql& sql) {
        return sql.rows<AccountColumns>("FROM accounts WHERE id > :after ORDER BY id LIMIT :limit", after.value, limit);
    });
}

bool Store::setPassword(const AccountId& id, const std::string& passwordHash, const std::string& keep, Instant now) {
    return session_->write([&](Sql& sql) {
        if (sql.run("UPDATE accounts SET password_hash = :hash, password_changed_at = :now WHERE id = :id",
                    passwordHash, now, id.value) == 0)
            return false;
        sql.run("DELETE FROM tokens WHERE account_id = :id AND hash <> :keep", id.value, keep);
        return true;
    });
}

Granted<AccountRow> Store::setAdmin(const AccountId& id, bool admin) {
    return session_->write([&](Sql& sql) -> Granted<AccountRow> {
        // The authority's row is the lock: two who demote each other at once leave one of them.
        sql.run("UPDATE authority SET last_event = last_event WHERE only_row = 1");
        auto row = sql.row<AccountColumns>("FROM accounts WHERE id = :id", id.value);
        if (!row) return noSuchAccount(id);
        if (row->admin && !admin && sql.number("SELECT COUNT(*) FROM accounts WHERE admin = 1") < 2)
            return Denial{DenialReason::lastAdmin,
                          row->email + " is the only administrator: promote another account first"};
        sql.run("UPDATE accounts SET admin = :admin WHERE id = :id", admin, id.value);
        row->admin = admin;
        return std::move(*row);
    });
}

void Store::addToken(const TokenRow& row) {
    session_->write([&](Sql& sql) {
        insertToken(sql, row);
        return true;
    });
}

std::optional<Bearer> Store::bearer(const std::string& tokenHash, Instant now, Holder likely) {
    static const std::string ofDevice = "SELECT " + columnList<TokenColumns>("tokens.") + ", " +
                                        columnList<LicenseColumns>("licenses.") + ", " +
                                        columnList<DeviceColumns>("devices.") +
                                        " FROM tokens JOIN licenses ON licenses.id = tokens.license_id "
                                        "JOIN devices ON devices.license_id = tokens.license_id AND "
                                        "devices.number = tokens.device_number WHERE tokens.hash = :hash AND " +
                                        notExpired;
    static const std::string ofAccount =
        "SELECT " + columnList<TokenColumns>("tokens.") + ", " + columnList<AccountColumns>("accounts.") +
        " FROM tokens JOIN accounts ON accounts.id = tokens.account_id WHERE tokens.hash = :hash AND " + notExpired;
    return session_->read([&](Sql& sql) -> std::optional<Bearer> {
        for (const auto holder : {likely, likely == Holder::device ? Holder::account : Holder::device}) {
            if (holder == Holder::device) {
                if (auto found = Sql::first(
                        sql.fetchTriples<TokenColumns, LicenseColumns, DeviceColumns>(ofDevice, tokenHash, now)))
                    return Bearer{std::get<0>(*found), std::nullopt, std::get<1>(*found), std::get<2>(*found)};
            } else {
                if (auto found = Sql::first(sql.fetchPairs<TokenColumns, AccountColumns>(ofAccount, tokenHash, now)))
                    return Bearer{found->first, found->second, std::nullopt, std::nullopt};
            }
        }
        return std::nullopt;
    });
}

bool Store::revokeToken(const std::string& tokenHash) {
    return session_->write([&](Sql& sql) { return sql.run("DELETE FROM tokens WHERE hash = :hash", tokenHash) != 0; });
}

Granted<int> Store::revokeTokens(const AccountId& id) {
    return session_->write([&](Sql& sql) -> Granted<int> {
        if (sql.number("SELECT COUNT(*) FROM accounts WHERE id = :id", id.value) == 0) return noSuchAccount(id);
        return static_cast<int>(sql.run("DELETE FROM tokens WHERE account_id = :id", id.value));
    });
}

}  // namespace entitle
