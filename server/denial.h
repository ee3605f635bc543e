// What the authority answers when it will not do something: an expected outcome, hence a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace entitle {

enum class DenialReason : std::uint8_t {
    usage,           // the command itself is wrong
    noAddress,       // the address cannot be listened on
    noAuthority,     // nothing was founded in that directory
    alreadyFounded,  // something stands where an authority should be founded
    unsafeFile,      // a file or directory has the wrong owner, mode or kind, or is too large
    unreadable,      // a file is missing or may not be read
    rootsInReach,    // a root key lies where only signing keys may
    badSecret,       // LICENSE_SECRET_KEY is malformed, or lacks the secret a key was made with
    newerSchema,     // the database was made by a newer release
    unknownLicense,  // no such row
    badKey,          // not a license key of this authority
    badRequest,      // the request file is damaged, forged or asks the impossible
    wrongAuthority,  // the request asks another authority
    noHardware,      // the request names no hardware to bind to
    seatTaken,       // the license's one device is another
    seatReleased,    // this request was answered, and its seat given back since
    licenseEnded,    // past the license's real end
    answerStale,     // this request was answered, and that document no longer counts
    keySetBehind,    // the device knows a newer key set than this authority
    sequenceSpent,   // no sequence number is left above what the request claims
    unknownDevice,   // that device holds no seat of the license
    noSigningKey,    // no signing key is usable now
    unknownSigningKey,
    tooManyKeys,  // a key set holds at most ten
    wrongRoot,    // the roots given are not this authority's
    licenseSuspended,
    licenseRevoked,
    deviceLimit,     // as many devices as the license allows hold it, or more than it would allow
    transfersSpent,  // it was moved as often as its owner may
    trialUsed,       // the account, or the machine, had its trial
    unknownAccount,
    emailTaken,
    unknownApproval,
    alreadyDecided,  // the request for an approval
    lastAdmin,       // somebody must stay administrator
    databaseExists,  // where a backup should be put, or restored to
    badBackup,       // the file is no whole backup of this authority
    nothingDecided,  // no license was ever revoked or suspended
    otherHardware,   // the device's key is at hand, on a machine that its seat is not bound to
    approvalWaits,   // an admin was asked
    approvalDenied,  // and said no, not long ago
};
std::string_view toString(DenialReason);  // one stable word each, for --json: "seat-taken"

struct Denial {
    DenialReason reason = DenialReason::usage;
    std::string message;  // for people: what is wrong, and what to do next
};

template <class T>
using Granted = boost::system::result<T, Denial>;

// Found by argument-dependent lookup when somebody calls .value() on a denial.
[[noreturn]] void throw_exception_from_error(const Denial&, const boost::source_location&);

}  // namespace entitle
