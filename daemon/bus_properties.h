// What the object on the bus says of this machine's license, as plain values. Knows no bus: bus_api carries them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "license/entitlements.h"

namespace entitle {

// In D-Bus's types: s, b, x, t, as.
using BusValue = std::variant<std::string, bool, std::int64_t, std::uint64_t, std::vector<std::string>>;
const char* busTypeOf(const BusValue&);

struct BusProperty {
    std::string_view name;
    BusValue value;
    bool operator==(const BusProperty&) const = default;
};

// All of them, always in the same order. Moments are microseconds since 1970 in UTC, as in systemd's own properties;
// 0 is none. Described in org.cryptoorchestrator.Entitled1.xml, which a test compares with this.
std::vector<BusProperty> busPropertiesOf(const StatusAnswer&, const Entitlements&);

// In the order of their ids, the first 4,096: one answer stays well below what a bus carries, and is put together in a
// few milliseconds. `onlyOf`: one user's.
std::vector<Slot> busSlotsOf(const Daemon&, std::optional<std::uint32_t> onlyOf);

// 0: before 1970, or none.
std::uint64_t busMoment(const std::optional<Instant>&);

}  // namespace entitle
