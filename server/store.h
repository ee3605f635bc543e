// What the authority remembers: use-case operations, each one transaction. Times are arguments; SQL reads no clock.
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

#include "server/denial.h"
#include "server/rows.h"

namespace entitle {

// Everything the decision about one request needs, read under the write lock.
struct IssueFacts {
    LicenseRow license;
    KeySetRow keySet;                       // the newest
    std::optional<SeatRow> seat;            // the one held now
    std::optional<DocumentRow> answer;      // what this very request was answered before
    std::optional<SeatRow> answerSeat;      // and the seat it was for
    std::optional<KeySetRow> answerKeySet;  // and the key set that went with it
};

// A document to be recorded. The seat is taken for the device if it holds none yet.
struct NewDocument {
    DocumentRow document;  // `seat` is filled in
    DeviceId device;
    std::string deviceKey;
    std::optional<Instant> endsAt;  // the license's end, from its first document on
};

struct IssuedDocument {
    DocumentRow document;
    KeySetRow keySet;
    bool repeated = false;  // this request had been answered before: nothing was written
};

// Operations throw DatabaseFault (server/database.h) when the database fails or stays locked.
class Store {
  public:
    // `file` must exist, 0600. Brings its schema up to date.
    static Granted<Store> open(const std::filesystem::path& file, Instant now,
                               std::chrono::milliseconds wait = std::chrono::seconds(10));
    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;
    ~Store();

    // Once per database.
    void found(const std::string& authority, const KeySetRow& first, Instant now);
    std::string authority();  // its id; empty before `found`

    KeySetRow keySet();  // the newest
    // One transaction: `next` is given the newest set and, per signing key id, until when a document it signed may
    // still be in use (freshness and grace); what it returns is stored.
    using NextKeySet = std::function<Granted<KeySetRow>(const KeySetRow&, const std::map<std::string, Instant>&)>;
    Granted<KeySetRow> publishKeySet(const NextKeySet& next);

    // One transaction: `make` is given the next serial number.
    Granted<LicenseRow> addLicense(const std::function<Granted<LicenseRow>(std::uint64_t serial)>& make);
    std::optional<LicenseRow> license(const LicenseId&);
    std::optional<LicenseRow> licenseByKey(const std::string& keyIndex);
    struct Listed {
        LicenseRow license;
        std::optional<SeatRow> seat;
    };
    std::vector<Listed> licenses();                                  // oldest first
    std::vector<SeatRow> seats(const LicenseId&);                    // oldest first, released ones included
    std::vector<DocumentRow> documents(const LicenseId&);            // oldest first
    std::vector<AttemptRow> attempts(const LicenseId&, int latest);  // oldest first

    // One transaction for a whole issue, so that two processes never give two seats, and a crash leaves neither a seat
    // without a document nor the reverse. `decide` returns the document to record, nothing when `facts.answer` stands,
    // or a denial. The attempt is recorded whatever the outcome.
    using Decide = std::function<Granted<std::optional<NewDocument>>(const IssueFacts&)>;
    Granted<IssuedDocument> issue(const LicenseId&, const std::string& requestHash, const DeviceId&, Instant now,
                                  const Decide& decide);

    // Gives the seat back. The released seat, or why not.
    Granted<SeatRow> release(const LicenseId&, const DeviceId&, Instant now);

  private:
    struct Session;  // hides SOCI from everybody who includes this
    explicit Store(std::unique_ptr<Session>);
    std::unique_ptr<Session> session_;
};

}  // namespace entitle
