// How rows.h and account_rows.h lie in columns: the only place that names the columns of a SELECT.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <soci/soci.h>

#include "server/account_rows.h"
#include "server/admin_action.h"
#include "server/rows.h"
#include "server/sql.h"

namespace entitle {

std::string joinWords(const std::vector<std::string>&);
std::vector<std::string> splitWords(const std::string&);

// A column that may be null.
template <class Stored>
struct Nullable {
    Stored value{};
    soci::indicator null = soci::i_null;

    void bind(soci::statement& to) { to.exchange(soci::into(value, null)); }
    explicit operator bool() const { return null == soci::i_ok; }
};
inline std::optional<Instant> toInstant(const Nullable<long long>& at) {
    return at ? std::optional(Instant(Seconds(at.value))) : std::nullopt;
}
inline Instant toInstant(long long seconds) {
    return Instant(Seconds(seconds));
}

// Each: `names`, the columns in order; bind(), which ties them to a statement; row(), what the fetched values mean.
class LicenseColumns {
  public:
    static constexpr std::array names{
        "id",         "key_index",   "key_secret_id", "serial",   "key_type",          "key_flags",  "key_expiry_day",
        "key_salt",   "type",        "plan",          "features", "max_bots",          "duration_s", "ends_at",
        "note",       "created_at",  "last_sequence", "status",   "status_changed_at", "account_id", "device_limit",
        "total_bots", "devices_held"};
    void bind(soci::statement&);
    LicenseRow row() const;

  private:
    std::string id_, keyIndex_, type_, plan_, features_, note_, status_;
    int keySecretId_ = 0, keyType_ = 0, keyFlags_ = 0, keyExpiryDay_ = 0, keySalt_ = 0, deviceLimit_ = 0, held_ = 0;
    long long serial_ = 0, maxBots_ = 0, createdAt_ = 0, lastSequence_ = 0;
    Nullable<long long> duration_, endsAt_, statusChangedAt_, totalBots_;
    Nullable<std::string> account_;
};
void insertLicense(Sql&, const LicenseRow&);

class DeviceColumns {
  public:
    static constexpr std::array names{"number",
                                      "device_id",
                                      "device_key",
                                      "host_label",
                                      "taken_at",
                                      "released_at",
                                      "name",
                                      "fingerprint",
                                      "key_level",
                                      "version",
                                      "roll_number",
                                      "roll_random",
                                      "roll_previous_number",
                                      "roll_previous_random",
                                      "roll_previous_rid",
                                      "enrolled_by",
                                      "last_seen_at",
                                      "conflict_at",
                                      "bots_in_use",
                                      "bots_leased",
                                      "leased_until",
                                      "document_sequence",
                                      "document_issued_at",
                                      "document_fresh_until",
                                      "document_grace_s"};
    void bind(soci::statement&);
    DeviceRow row() const;

  private:
    std::string device_, deviceKey_, hostLabel_, name_, fingerprint_, keyLevel_, version_;
    std::string random_, previousRandom_, previousRid_, enrolledBy_;
    int number_ = 0;
    long long takenAt_ = 0, rollNumber_ = 0, previousNumber_ = 0, botsInUse_ = 0, botsLeased_ = 0;
    Nullable<long long> releasedAt_, lastSeenAt_, conflictAt_, leasedUntil_;
    Nullable<long long> sequence_, issuedAt_, freshUntil_, grace_;
};
void insertDevice(Sql&, const LicenseId&, const DeviceRow&);
void updateDevice(Sql&, const LicenseId&, const DeviceRow&);  // all but number, device and times of taking and release

class DocumentColumns {
  public:
    static constexpr std::array names{"sequence",  "seat",        "request_hash", "signing_key_id", "key_set_version",
                                      "issued_at", "fresh_until", "grace_s",      "host_label",     "token"};
    void bind(soci::statement&);
    DocumentRow row() const;

  private:
    std::string requestHash_, signingKeyId_, hostLabel_, token_;
    int seat_ = 0;
    long long sequence_ = 0, keySetVersion_ = 0, issuedAt_ = 0, freshUntil_ = 0, grace_ = 0;
};

class KeySetColumns {
  public:
    static constexpr std::array names{"version", "token", "issued_at"};
    void bind(soci::statement&);
    KeySetRow row() const;

  private:
    std::string token_;
    long long version_ = 0, issuedAt_ = 0;
};

class AttemptColumns {
  public:
    static constexpr std::array names{"at", "license_id", "device_id", "outcome"};
    void bind(soci::statement&);
    AttemptRow row() const;

  private:
    std::string license_, device_, outcome_;
    long long at_ = 0;
};

class AccountColumns {
  public:
    static constexpr std::array names{"id", "email", "password_hash", "admin", "created_at", "password_changed_at"};
    void bind(soci::statement&);
    AccountRow row() const;

  private:
    std::string id_, email_, passwordHash_;
    int admin_ = 0;
    long long createdAt_ = 0, passwordChangedAt_ = 0;
};

class TokenColumns {
  public:
    static constexpr std::array names{"hash", "account_id", "license_id", "device_number", "created_at", "expires_at"};
    void bind(soci::statement&);
    TokenRow row() const;

  private:
    std::string hash_;
    long long createdAt_ = 0;
    Nullable<std::string> account_, license_;
    Nullable<int> device_;
    Nullable<long long> expiresAt_;
};

class ApprovalColumns {
  public:
    static constexpr std::array names{"number",   "license_id", "device_id",  "host_label", "reason",
                                      "asked_at", "state",      "decided_at", "decided_by"};
    void bind(soci::statement&);
    ApprovalRow row() const;

  private:
    std::string license_, device_, hostLabel_, reason_, state_;
    long long number_ = 0, askedAt_ = 0;
    Nullable<long long> decidedAt_;
    Nullable<std::string> decidedBy_;
};

class EventColumns {
  public:
    static constexpr std::array names{"number", "license_id", "what", "at"};
    void bind(soci::statement&);
    EventRow row() const;

  private:
    std::string license_, what_;
    long long number_ = 0, at_ = 0;
};

class RevocationColumns {
  public:
    static constexpr std::array names{"epoch", "license_id", "what", "at"};
    void bind(soci::statement&);
    RevocationRow row() const;

  private:
    std::string license_, what_;
    long long epoch_ = 0, at_ = 0;
};

class ActionColumns {
  public:
    static constexpr std::array names{"number", "at", "actor", "action", "subject", "detail", "request_id"};
    void bind(soci::statement&);
    AdminAction row() const { return {number_, toInstant(at_), actor_, action_, subject_, detail_, requestId_}; }

  private:
    std::string actor_, action_, subject_, detail_, requestId_;
    long long number_ = 0, at_ = 0;
};

// One text column.
class TextColumn {
  public:
    static constexpr std::array names{"value"};
    void bind(soci::statement& to) { to.exchange(soci::into(text_)); }
    std::string row() const { return text_; }

  private:
    std::string text_;
};

}  // namespace entitle
