// The state record and the audit line. An input is tried as a whole record, and as a payload inside a frame of
// every version whose checksum holds, so that what lies behind the checksum is reached at all. What is read
// must print as the same bytes, or, of an older version, as a record that reads the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sodium.h>

#include "daemon/record.h"

using namespace entitle;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

std::string framed(std::string_view payload, std::uint32_t version) {
    std::string out = "ENTSTATE";
    for (const auto value : {version, static_cast<std::uint32_t>(payload.size())}) {
        for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
    }
    out += payload;
    std::string sum(32, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(sum.data()), sum.size(),
                       reinterpret_cast<const unsigned char*>(out.data()), out.size(), nullptr, 0);
    return out + sum;
}

void record(std::string_view bytes) {
    const auto decoded = decodeRecord(bytes);
    if (decoded.has_error()) return;
    require(!decoded->state.current);
    const auto anew = encodeRecord(*decoded);
    const bool older = static_cast<unsigned char>(bytes[8]) < recordVersion;
    require(older ? decodeRecord(anew).value() == *decoded : anew == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    record(bytes);
    for (std::uint32_t version = 1; version <= recordVersion; ++version) record(framed(bytes, version));
    if (const auto entry = parseAuditEntry(bytes)) require(printAuditEntry(*entry) == bytes);
    // Any detail must make an entry that can be read back.
    const auto made = makeAuditEntry(1, Instant{Seconds{1'790'000'000}}, "fuzz", bytes, {});
    require(parseAuditEntry(printAuditEntry(made)) == made);
    return 0;
}
