// One online request of a device: the facts its decision is made from, and what a decision writes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/account_rows.h"
#include "server/denial.h"
#include "server/rows.h"

namespace entitle {

struct ExchangeQuery {
    LicenseId license;
    DeviceId device;
    Instant now{};
    Instant countFrom{};                  // transfers and re-enrolments are counted from here on: now - 90 days
    std::vector<std::string> trialMarks;  // hashes that name this machine, to find another trial it had; may be empty
    bool withOthers = false;              // ask for `others` also when the device holds a seat
    std::string enrols = {};              // the rid of a request to enrol; else empty
};

// Read under the license's lock: nothing of it changes before the decision is written.
struct ExchangeFacts {
    LicenseRow license;  // lastSequence: the next document's is at least one above
    KeySetRow keySet;    // the newest
    std::uint64_t revocationEpoch = 0;
    std::optional<DeviceRow> device;      // the seat it holds, else the one it held last
    std::vector<DeviceRow> others;        // held by other devices, oldest first; empty for a holder, unless asked for
    std::int64_t leasedToOthers = 0;      // bots, leases that have not ended, released devices included
    int ownerTransfers = 0;               // since countFrom
    int enrolments = 0;                   // since countFrom
    std::optional<ApprovalRow> approval;  // the latest this device asked for
    bool enrolledBefore = false;          // this device, by this very request
    std::vector<LicenseId> otherTrials;   // licenses that were given to a machine with one of the trial marks

    bool holds() const { return device && !device->releasedAt; }
    bool full() const { return license.devicesHeld >= license.deviceLimit; }
};

struct Release {
    int number = 0;  // DeviceRow::number, of a held row
    TransferKind kind = TransferKind::device;
    bool endsLease = false;  // the device itself gave its bots back; else its lease runs to its end
};

struct SigningUse {
    std::string keyId;
    Instant until{};  // freshness and grace of what was signed with it
};

// What a decision writes, all or nothing. An empty one writes nothing.
struct Exchange {
    std::vector<Release> releases;    // first
    std::optional<DeviceRow> device;  // as it shall stand: a new row when its number is 0, else that row changed
    std::uint64_t sequence = 0;       // of the document that goes out; 0: none
    std::optional<SigningUse> signedWith;
    std::optional<Instant> endsAt;  // the license's end, from its first document on
    std::optional<TokenRow> token;  // for a declared device; `license` and `device` are filled in
    std::vector<std::string> trialMarks;
    std::string askApproval;                   // a reason: asks an admin; one that waits already is left alone
    std::string approvalLabel;                 // with it: what the asking machine calls itself
    std::optional<std::int64_t> usedApproval;  // its number
    std::string attempt;                       // the word to log; empty: not logged (an ordinary renewal)
    std::string event;                         // the word to tell the license's other devices; empty: none
};

// Pure, and may be called again when the database asks for a retry: the last call's answer is what was written.
// A denial writes nothing but its attempt.
using DecideExchange = std::function<Granted<Exchange>(const ExchangeFacts&)>;

struct Exchanged {
    LicenseRow license;
    KeySetRow keySet;
    std::optional<DeviceRow> device;  // as it stands now
};

// What a device that waits for news is answered from. It writes nothing, and takes no lock.
struct WaitFacts {
    std::optional<LicenseRow> license;
    std::optional<DeviceRow> device;  // the seat it holds, else the one it held last
    KeySetRow keySet;                 // the newest
    std::uint64_t revocationEpoch = 0;
};

}  // namespace entitle
