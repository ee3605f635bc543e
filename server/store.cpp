#include "server/store.h"

#include "server/store_session.h"

namespace entitle {
namespace {

void insertKeySet(Sql& sql, const KeySetRow& row) {
    sql.run("INSERT INTO key_sets (version, token, issued_at) VALUES (:version, :token, :issued)", row.version,
            row.token, row.issuedAt);
}

}  // namespace

const KeySetRow& Store::Session::newestKeySet(Sql& sql, long long version) {
    if (!keySet || keySet->version != static_cast<std::uint64_t>(version)) {
        keySet = sql.row<KeySetColumns>("FROM key_sets ORDER BY version DESC LIMIT 1");
        if (!keySet) throw DatabaseFault("the database holds no key set: restore it from a backup");
    }
    return *keySet;
}

const KeySetRow& Store::Session::newestKeySet(Sql& sql) {
    keySet.reset();
    return newestKeySet(sql, 0);
}

Store::Store(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Granted<Store> Store::open(const DatabaseAddress& address, Instant now, std::chrono::milliseconds wait) {
    if (address.file().string().find('"') != std::string::npos)
        return Denial{DenialReason::usage, "the directory's name holds a quotation mark: choose another"};
    auto session = std::make_unique<Session>(address, wait);
    if (auto fine = session->database.migrate(now); !fine) return fine.error();
    return Store(std::move(session));
}

Store Store::bare(const DatabaseAddress& address, std::chrono::milliseconds wait) {
    return Store(std::make_unique<Session>(address, wait));
}

Granted<void> Store::found(const std::string& authority, const KeySetRow& first, Instant now) {
    return session_->write([&](Sql& sql) -> Granted<void> {
        if (const auto known = sql.fetch<TextColumn>("SELECT id FROM authority"); !known.empty())
            return Denial{DenialReason::alreadyFounded,
                          "the database " + session_->database.address().shown() + " belongs to the authority '" +
                              known.front() + "' already: it is never overwritten. Name an empty database"};
        sql.run("INSERT INTO authority (only_row, id, founded_at, last_serial) VALUES (1, :id, :at, 0)", authority,
                now);
        insertKeySet(sql, first);
        return {};
    });
}

std::string Store::authority() {
    return session_->read([](Sql& sql) {
        const auto ids = sql.fetch<TextColumn>("SELECT id FROM authority");
        return ids.empty() ? std::string() : ids.front();
    });
}

void Store::ping() {
    session_->database.requireWritable();
    session_->read([](Sql& sql) { return sql.number("SELECT COUNT(*) FROM authority"); });
}

int Store::schema() {
    return session_->database.schema();
}

KeySetRow Store::keySet() {
    return session_->read([&](Sql& sql) { return session_->newestKeySet(sql); });
}

Granted<KeySetRow> Store::publishKeySet(const NextKeySet& next) {
    class UseColumns {
      public:
        void bind(soci::statement& to) {
            to.exchange(soci::into(keyId_));
            to.exchange(soci::into(until_));
        }
        std::pair<std::string, Instant> row() const { return {keyId_, toInstant(until_)}; }

      private:
        std::string keyId_;
        long long until_ = 0;
    };
    return session_->write([&](Sql& sql) -> Granted<KeySetRow> {
        sql.run("UPDATE authority SET last_serial = last_serial");  // one publisher at a time
        std::map<std::string, Instant> inUseUntil;
        for (auto& [keyId, until] :
             sql.fetch<UseColumns>("SELECT signing_key_id, MAX(fresh_until + grace_s) FROM documents "
                                   "GROUP BY signing_key_id UNION ALL SELECT signing_key_id, until FROM signing_uses"))
            inUseUntil[keyId] = std::max(inUseUntil[keyId], until);
        auto made = next(session_->newestKeySet(sql), inUseUntil);
        if (!made) {
            session_->database.rollBack();
            return made;
        }
        insertKeySet(sql, *made);
        session_->addEvent(sql, LicenseId{}, "key-set", made->issuedAt);
        return made;
    });
}

std::optional<std::string> Store::setting(const std::string& name) {
    return session_->read([&](Sql& sql) {
        return Sql::first(sql.fetch<TextColumn>("SELECT value FROM settings WHERE name = :n", name));
    });
}

void Store::setSetting(const std::string& name, const std::string& value) {
    session_->write([&](Sql& sql) {
        return sql.run(
            "INSERT INTO settings (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name, value);
    });
}

std::optional<std::string> Store::findDamage() {
    return session_->read([](Sql& sql) -> std::optional<std::string> {
        const auto found = sql.fetch<TextColumn>("PRAGMA integrity_check(1)");
        if (found != std::vector<std::string>{"ok"}) return found.empty() ? "unreadable" : found.front();
        if (!sql.fetch<TextColumn>("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1").empty())
            return "rows refer to rows that are not there";
        return std::nullopt;
    });
}

void Store::copyTo(const std::filesystem::path& file) {
    session_->read([&](Sql& sql) { return sql.run("VACUUM INTO :file", file.string()); });
}

}  // namespace entitle
