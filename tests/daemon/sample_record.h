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
    record.state.minimumSequence = {{LicenseId{"lic_aaaaaaaaaaaaaaaa"}, number, at(8)},
                                    {LicenseId{"lic_bbbbbbbbbbbbbbbb"}, UINT64_MAX, {}}};
    record.state.attempts = {{Operation::renew, "rid-1", LicenseId{"lic_aaaaaaaaaaaaaaaa"}, "", "token-1", at(9), 2, 1,
                              at(10), std::nullopt},
                             {Operation::activate, "rid-2", {}, "CO-KEY", "", at(11), 1, 0, at(12), at(13)}};
    record.state.token = "token-1";
    record.state.renewAt = at(14);
    record.state.conflictAt = at(15);
    record.state.revocationEpoch = 16;
    record.state.clockSpent = true;
    record.clock = contact({}, {at(17), Seconds{18}, "boot-1", true}, at(16), {"boot-1", Seconds{17}}).trust;
    record.clock = judge(record.clock, {at(19), Seconds{20}, "boot-1", true}, {}).trust;
    record.activatedBy = "hash";
    record.lastContact = at(21);
    record.state.shrinkAt = at(5);
    record.state.reported = Standing::grace;
    record.state.reportedHold = {true, at(6)};
    record.documentToken = "v4.public.document-" + std::to_string(number);
    record.keySetToken = "v4.public.keyset";
    record.earlierKeySetToken = "v4.public.earlier-keyset";
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
