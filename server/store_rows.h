// How rows.h lies in columns: the only place that names the columns of a SELECT.
#pragma once

#include <string>
#include <vector>

#include <soci/soci.h>

#include "server/rows.h"

namespace entitle {

inline long long toNumber(Instant at) {
    return at.time_since_epoch().count();
}
inline long long toNumber(std::uint64_t value) {
    return static_cast<long long>(value);
}
inline Instant toInstant(long long seconds) {
    return Instant(Seconds(seconds));
}

// Each: `names`, the columns in order; bind(), which ties them to a statement; row(), what the fetched values mean.
class LicenseColumns {
  public:
    static constexpr const char* names =
        "id, key_index, key_secret_id, serial, key_type, key_flags, key_expiry_day, key_salt, type, plan, features, "
        "max_bots, duration_s, ends_at, note, created_at, last_sequence";
    LicenseColumns() = default;
    explicit LicenseColumns(const LicenseRow&);
    void bind(soci::statement&);
    LicenseRow row() const;
    void insert(soci::session&);

  private:
    std::string id_, keyIndex_, type_, plan_, features_, note_;
    int keySecretId_ = 0, keyType_ = 0, keyFlags_ = 0, keyExpiryDay_ = 0, keySalt_ = 0;
    long long serial_ = 0, maxBots_ = 0, duration_ = 0, endsAt_ = 0, createdAt_ = 0, lastSequence_ = 0;
    soci::indicator hasDuration_ = soci::i_null, hasEnd_ = soci::i_null;
};

class SeatColumns {
  public:
    static constexpr const char* names = "number, device_id, device_key, host_label, taken_at, released_at";
    void bind(soci::statement&);
    SeatRow row() const;

  private:
    std::string device_, deviceKey_, hostLabel_;
    int number_ = 0;
    long long takenAt_ = 0, releasedAt_ = 0;
    soci::indicator released_ = soci::i_null;
};

class DocumentColumns {
  public:
    static constexpr const char* names =
        "sequence, seat, request_hash, signing_key_id, key_set_version, issued_at, fresh_until, grace_s, host_label, "
        "token";
    void bind(soci::statement&);
    DocumentRow row() const;

  private:
    std::string requestHash_, signingKeyId_, hostLabel_, token_;
    int seat_ = 0;
    long long sequence_ = 0, keySetVersion_ = 0, issuedAt_ = 0, freshUntil_ = 0, grace_ = 0;
};

class KeySetColumns {
  public:
    static constexpr const char* names = "version, token, issued_at";
    void bind(soci::statement&);
    KeySetRow row() const;

  private:
    std::string token_;
    long long version_ = 0, issuedAt_ = 0;
};

class AttemptColumns {
  public:
    static constexpr const char* names = "at, device_id, outcome";
    void bind(soci::statement&);
    AttemptRow row() const;

  private:
    std::string device_, outcome_;
    long long at_ = 0;
};

// Every row of "SELECT <names> <rest>"; `values` stand for the placeholders of `rest`, in order.
template <class Columns, class... Values>
auto selectRows(soci::session& sql, const std::string& rest, const Values&... values) {
    Columns columns;
    soci::statement statement(sql);
    columns.bind(statement);
    (statement.exchange(soci::use(values)), ...);
    statement.alloc();
    statement.prepare(std::string("SELECT ") + Columns::names + " " + rest);
    statement.define_and_bind();
    statement.execute();
    std::vector<decltype(columns.row())> rows;
    while (statement.fetch()) rows.push_back(columns.row());
    return rows;
}

}  // namespace entitle
