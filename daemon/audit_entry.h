// One line of the audit log as a value, and how it is chained.
//
// A line is {"index":…,"time":"…Z","kind":"…","detail":{…},"prev":"…","hash":"…"} and '\n'; prev and hash are base64url
// of 32 bytes, prev of entry 1 is zero. hash = BLAKE2b-256("entitled-audit-1\n" || the line without its hash member).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "license/time.h"

namespace entitle {

using AuditHash = std::array<std::uint8_t, 32>;
inline constexpr std::size_t maxAuditDetail = 4096;  // bytes of JSON; a longer detail is replaced by {"truncated":true}

struct AuditEntry {
    std::uint64_t index = 0;  // from 1, without gaps
    Instant time{};
    std::string kind;  // 1 to 32 of [a-z-]: "started", "imported", "standing", "denied", "slot-released", "checkpoint"
    std::string detail;  // one line of canonical JSON: an object
    AuditHash previous{};
    AuditHash hash{};
    bool operator==(const AuditEntry&) const = default;
};

// `detail` is made canonical: parsed and serialised again; what is no JSON object becomes {"text":"…"}.
AuditEntry makeAuditEntry(std::uint64_t index, Instant, std::string_view kind, std::string_view detail,
                          const AuditHash& previous);
std::string printAuditEntry(const AuditEntry&);  // without the newline
// Strict: only what printAuditEntry writes, with a hash that holds.
std::optional<AuditEntry> parseAuditEntry(std::string_view line);

}  // namespace entitle
