// What the daemon remembers over a restart, as one versioned, checksummed record.
//
// Byte form, all integers little endian:
//   8 bytes  magic "ENTSTATE"
//   u32      version, 4; 1 to 3 are still read: they knew nothing of the authority online, of the clock, or of when the
//            authority last answered
//   u32      length of the payload, at most 1 MiB
//   payload  canonical JSON: members in fixed order, no white space; parsed strictly, encoded again and compared
//   32 bytes BLAKE2b-256 of everything before it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "daemon/audit_entry.h"
#include "license/clock_guard.h"
#include "license/lifecycle.h"

namespace entitle {

inline constexpr std::uint32_t recordVersion = 5;
inline constexpr std::size_t maxRecordBytes = 1024 * 1024 + 48;

struct Record {
    std::uint64_t generation = 0;  // rises with every save; set by the store

    // state.current is NOT stored: a license counts only as the signed documentToken, which the daemon verifies anew at
    // every load. An edited record therefore grants nothing. decodeRecord leaves it empty.
    State state;
    std::string documentToken;  // "" without a license
    std::string keySetToken;    // the highest key set seen; "" if none
    // The last one that spoke of the document's key, if keySetToken does not; else "". See verifyStored.
    std::string earlierKeySetToken;

    // The highest key-set version seen, and of which authority: versions of two authorities do not compare.
    std::string authority;
    std::uint64_t keySetVersion = 0;

    std::string requestToken;  // of state.pending: written out again unchanged until answered; "" if none

    ClockTrust clock;                    // what is remembered of this machine's clocks
    std::string activatedBy;             // hashOfKey of what brought the license in force; "": a file, or none
    std::optional<Instant> lastContact;  // when the authority last answered; for people

    // Written with the state it belongs to. If the log lacks it at start it is appended there: log and state agree.
    std::optional<AuditEntry> lastAudit;

    bool operator==(const Record&) const = default;
};

enum class RecordError {
    truncated = 1,  // shorter than it says, or longer
    badMagic,
    newerVersion,  // of a newer entitled: never overwritten, never guessed at
    badChecksum,
    badForm,  // the checksum holds but the payload is not what we write
};
std::string_view toString(RecordError);  // "truncated", …
std::string_view explain(RecordError);   // a sentence
[[noreturn]] void throw_exception_from_error(RecordError, const boost::source_location&);

std::string encodeRecord(const Record&);
boost::system::result<Record, RecordError> decodeRecord(std::string_view bytes);

}  // namespace entitle
