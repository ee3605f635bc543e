// What the authority remembers: use-case operations, each one transaction, on SQLite or PostgreSQL. Times are
// arguments; SQL reads no clock. A Store is one connection: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/account_rows.h"
#include "server/admin_action.h"
#include "server/database_address.h"
#include "server/denial.h"
#include "server/exchange_rows.h"
#include "server/rows.h"

namespace entitle {

// Everything the decision about one offline request needs, read under the license's lock.
struct IssueFacts : ExchangeFacts {         // `others` and `approval` always
    std::optional<DocumentRow> answer;      // what this very request was answered before
    std::optional<DeviceRow> answerSeat;    // and the seat it was for
    std::optional<KeySetRow> answerKeySet;  // and the key set that went with it
};

// What such a decision writes.
struct Issue {
    Exchange write;
    std::optional<DocumentRow> document;  // to be recorded; `seat` is filled in. None: facts.answer stands, or it …
    std::optional<Denial> waits;          // … waits for what `write` asks: the answer until then
};

struct IssuedDocument {
    DocumentRow document;
    KeySetRow keySet;
    bool repeated = false;  // this request had been answered before: nothing was written
};

// Why a seat is given back by somebody else than its device, and how often that may be done.
struct ReleaseTerms {
    TransferKind kind = TransferKind::admin;
    std::optional<int> limit;  // of transfers of this kind …
    Instant countFrom{};       // … since then, this one included
};

// Operations throw DatabaseFault (server/database_fault.h) when the database fails, cannot be reached or stays locked.
// The next call connects anew. Texts must be UTF-8 without NUL, else it is a DatabaseFault too. Functions given to a
// Store may be called again when the database asks for a retry; the last call's answer is what was written.
class Store {
  public:
    // A file must exist, 0600. Brings the schema up to date, under a lock.
    static Granted<Store> open(const DatabaseAddress&, Instant now,
                               std::chrono::milliseconds wait = std::chrono::seconds(10));
    // As it is, its schema untouched: to look before a restore.
    static Store bare(const DatabaseAddress&, std::chrono::milliseconds wait = std::chrono::seconds(10));
    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;
    ~Store();

    // Once per database.
    Granted<void> found(const std::string& authority, const KeySetRow& first, Instant now);
    std::string authority();  // its id; empty before `found`
    void ping();              // DatabaseFault unless the database answers and takes writes
    int schema();             // the number of the newest migration applied

    // --- key sets
    KeySetRow keySet();  // the newest
    // One transaction: `next` is given the newest set and, per signing key id, until when a document it signed may
    // still be in use (freshness and grace); what it returns is stored.
    using NextKeySet = std::function<Granted<KeySetRow>(const KeySetRow&, const std::map<std::string, Instant>&)>;
    Granted<KeySetRow> publishKeySet(const NextKeySet& next);

    // --- accounts (store_accounts.cpp)
    Granted<void> addAccount(const AccountRow&);  // emailTaken
    std::optional<AccountRow> account(const AccountId&);
    std::optional<AccountRow> accountByEmail(const std::string& email);
    std::vector<AccountRow> accounts(const AccountId& after, int limit);  // by id
    // Every token of the account but `keep` (a hash, or empty) is revoked with it. False: there is no such account.
    bool setPassword(const AccountId&, const std::string& passwordHash, const std::string& keep, Instant now);
    // Tokens carry no role: it counts from the next request on. unknownAccount; lastAdmin when nobody else would be
    // one.
    Granted<AccountRow> setAdmin(const AccountId&, bool admin);

    void addToken(const TokenRow&);
    // None: unknown or expired. Found in one statement if it is the likely one's.
    enum class Holder { device, account };
    std::optional<Bearer> bearer(const std::string& tokenHash, Instant now, Holder likely = Holder::device);
    bool revokeToken(const std::string& tokenHash);
    Granted<int> revokeTokens(const AccountId&);  // how many there were; unknownAccount

    // --- licenses (store_licenses.cpp)
    // `make` is given the next serial number. A trial for an account that had one is trialUsed.
    Granted<LicenseRow> addLicense(const std::function<Granted<LicenseRow>(std::uint64_t serial)>& make);
    std::optional<LicenseRow> license(const LicenseId&);
    std::optional<LicenseRow> licenseByKey(const std::string& keyIndex);
    struct Listed {
        LicenseRow license;
        std::optional<DeviceRow> seat;  // the oldest held
    };
    std::vector<Listed> licenses();                                          // oldest first
    std::vector<LicenseRow> licenses(std::uint64_t afterSerial, int limit);  // by serial
    std::vector<LicenseRow> licensesOf(const AccountId&);                    // oldest first
    // `change` is given the row and returns it changed: status, type, plan, features, bots, limits, end, account and
    // note are written. A changed status goes on the revocation list; every change is an event of the license.
    using ChangeLicense = std::function<Granted<LicenseRow>(const LicenseRow&)>;
    Granted<LicenseRow> changeLicense(const LicenseId&, Instant now, const ChangeLicense& change);

    // --- devices (store_devices.cpp, store_exchange.cpp)
    std::vector<DeviceRow> devices(const LicenseId&);                    // oldest first, released ones included
    std::optional<DeviceRow> device(const LicenseId&, const DeviceId&);  // the seat it holds, else the one it held last
    // A whole online request: activate, renew, re-enrol, deactivate. unknownLicense when there is no such row.
    Granted<Exchanged> exchange(const ExchangeQuery&, const DecideExchange&);
    // Gives the seat back. The released row, or why not. An event of the license.
    Granted<DeviceRow> release(const LicenseId&, const DeviceId&, Instant now, const ReleaseTerms& = {});
    bool renameDevice(const LicenseId&, int number, const std::string& name);

    std::vector<ApprovalRow> approvals(std::optional<ApprovalState>, std::int64_t after, int limit);  // by number
    Granted<ApprovalRow> decideApproval(std::int64_t number, bool approve, const AccountId& by, Instant now);

    std::vector<ApprovalRow> approvalsOf(const AccountId&, std::optional<ApprovalState>);  // of its licenses; by number

    void recordRefusal(const DeviceId&, const std::string& outcome, Instant now);  // of a key that leads to no license
    std::vector<AttemptRow> attempts(const LicenseId&, int latest);                // oldest first
    std::vector<AttemptRow> attempts(int latest);                                  // of all licenses; newest first

    // --- offline documents (store_issue.cpp)
    std::vector<DocumentRow> documents(const LicenseId&);  // oldest first
    // As `exchange`, for a request that came as a file: the same request is told what it was answered before.
    using DecideIssue = std::function<Granted<Issue>(const IssueFacts&)>;
    Granted<IssuedDocument> issue(const ExchangeQuery&, const std::string& requestHash, const DecideIssue& decide);

    // --- news (store_events.cpp)
    // Called after the commit, on the thread that committed: the events of this Store's own transactions.
    void onEvent(std::function<void(const EventRow&)>);
    std::vector<EventRow> events(std::int64_t after, int limit);  // by number
    std::int64_t lastEvent();
    std::uint64_t revocationEpoch();
    WaitFacts waitFacts(const LicenseId&, const DeviceId&);
    // The newest first, one line per license (its latest), at most `limit`.
    std::vector<RevocationRow> revocations(int limit);

    // --- what administrators did (store_audit.cpp)
    // The next write of this Store records it in its own transaction, unless it is refused; that write, or none, takes
    // it away. Without a subject it is the license that write made.
    void recordAs(std::optional<AdminAction>);
    void recordNow();                                                  // a write of nothing else
    std::vector<AdminAction> actions(std::int64_t before, int limit);  // newest first; below that number, 0: all

    // --- sweeping (store_sweep.cpp): forgets at most `most` rows, the oldest first; how many they were
    int sweepTokens(Instant now, int most);  // those that expired
    int sweepAttempts(Instant before, int most);
    int sweepEvents(Instant before, int most);
    // True for one caller in `every`, of all processes on the database.
    bool claimSweep(Instant now, Seconds every);

    std::optional<std::string> setting(const std::string& name);
    void setSetting(const std::string& name, const std::string& value);

    // SQLite: nothing when the file is whole, else what is wrong with it. Reads all of it.
    std::optional<std::string> findDamage();
    // SQLite: a whole copy of the database at this moment, while others go on. `file` must not exist.
    void copyTo(const std::filesystem::path& file);

  private:
    struct Session;  // hides SOCI from everybody who includes this
    explicit Store(std::unique_ptr<Session>);
    std::unique_ptr<Session> session_;
};

}  // namespace entitle
