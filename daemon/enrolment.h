// License files in, offline requests out: what an administrator carries between this machine and the authority.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "daemon/answers.h"
#include "daemon/record.h"
#include "license/document.h"
#include "license/revocation.h"

namespace entitle {

struct VerifiedFile {
    LicenseFile file;
    KeySet keySet;
    License license;
};

// Roots → key set → document, for this device. `seen` says which key sets are too old.
boost::system::result<VerifiedFile, AdminRefusal> verifyLicenseFile(std::string_view text, const Roots&,
                                                                    const Record& seen, const DeviceId&);

struct VerifiedUpdate {
    UpdateFile file;
    KeySet keySet;
    RevocationList revocations;
};
// Roots → key set → revocations; neither older than what was seen.
boost::system::result<VerifiedUpdate, AdminRefusal> verifyUpdateFile(std::string_view text, const Roots&,
                                                                     const Record& seen);

// The same for what the record holds: a stored license is never trusted, only its signed token. An authority lists a
// signing key as long as a document of it may be in force. One whose key has gone from the list since is accepted if
// it was over, grace and all, when the newest key set was signed: it gives no rights, but it says what this machine
// had, and with whom to renew once the owner has paid.
DocumentResult<License> verifyStored(const Record&, const Roots&, const DeviceId&);

// The newest key set takes the place of the one before, which is remembered where it alone spoke of the document's key.
void takeKeySet(Record&, const Roots&, std::string token, const KeySet&);

// The highest key-set version a device may still not go below, for these roots.
std::uint64_t minimumKeySet(const Record&, const Roots&);

// A signed request for a license on this machine. `fingerprint` is what `enroll` took.
struct MadeRequest {
    PendingRequest pending;
    std::string token;
};
MadeRequest makeRequest(const Roots&, const Record&, const SecretKey& deviceKey, FingerprintTemplate fingerprint,
                        std::string_view hostLabel, std::string_view productVersion, Instant now);

// What is kept of a license key once it has done its work.
std::string hashOfKey(std::string_view key);

// Is the request that waits still the one to send: of this authority, this device and this hardware?
bool requestStillHolds(const Record&, const Roots&, const DeviceId&, const FingerprintTemplate& present);

std::string printRequest(const Record&, std::string_view hostLabel);

}  // namespace entitle
