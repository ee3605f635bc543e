// A record with something in every field, told apart by a number.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/record.h"

namespace entitle::testing {

inline Instant at(std::int64_t second) {
    return Instant{Seconds{1'790'000'000 + second}};
}

inline Record sampleRecord(std::uint64_t number) {
    Record record;
    record.state.pending = PendingRequest{"nonce-" + std::to_string(number), at(1)};
    record.state.ended = Ended{Standing::suspended, at(2)};
    record.state.binding = {Match::drift, at(3), at(4)};
    record.state.minimumSequence = {{LicenseId{"lic_aaaaaaaaaaaaaaaa"}, number},
                                    {LicenseId{"lic_bbbbbbbbbbbbbbbb"}, UINT64_MAX}};
    record.state.shrinkAt = at(5);
    record.state.reported = Standing::grace;
    record.state.reportedHold = {true, at(6)};
    record.documentToken = "v4.public.document-" + std::to_string(number);
    record.keySetToken = "v4.public.keyset";
    record.authority = "acme";
    record.keySetVersion = 7;
    record.requestToken = "v4.public.request";
    record.lastAudit = makeAuditEntry(number, at(7), "imported", R"({"license":"lic_aaaaaaaaaaaaaaaa"})", {});
    return record;
}

// The number a sample was made with; 0 for an empty record.
inline std::uint64_t numberOf(const Record& record) {
    return record.lastAudit ? record.lastAudit->index : 0;
}

}  // namespace entitle::testing
