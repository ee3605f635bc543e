// What an administrator may want to search for or to be woken by: each has an identity of its own in the journal, which
// never changes its meaning, and an explanation in systemd/entitled.catalog (`journalctl -x`).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "daemon/log.h"
#include "license/license.h"

namespace entitle {

enum class Occurrence : std::uint8_t {
    started,
    // The license's standing has become …
    demo,
    active,
    grace,
    windingDown,
    expired,
    revoked,
    suspended,
    notYetValid,
    wrongDevice,
    // and what happens beside it.
    hardwareDrifted,
    clockSuspect,
    clockTrusted,
    conflict,
    authorityAway,
    authorityBack,
    storeFault,
    stateRecovered,
    licenseUnreadable,
};

struct OccurrenceKind {
    Occurrence what;
    std::string_view messageId;  // MESSAGE_ID: 128 random bits
    LogLevel level;
};

inline constexpr std::array<OccurrenceKind, 19> occurrenceKinds{{
    {Occurrence::started, "30c4d0ff9b18030d8b3ba6892dcc1285", LogLevel::info},
    {Occurrence::demo, "1fda8ad46fe676ebe76da98598537f6e", LogLevel::info},
    {Occurrence::active, "bab338fab26c90f284c7dd2a68f50636", LogLevel::info},
    {Occurrence::grace, "b2109035975383156b8af9978d4740a6", LogLevel::warning},
    {Occurrence::windingDown, "9bf0d475dd14851b70b229d57236e4c4", LogLevel::warning},
    {Occurrence::expired, "aedad91cb2f1c6d2858e4fa1366f9c00", LogLevel::error},
    {Occurrence::revoked, "6d4fd0d49d4dd2e8abe2c37906a545f9", LogLevel::error},
    {Occurrence::suspended, "deb35049ef4cbcdca6b18eaa68d69e86", LogLevel::error},
    {Occurrence::notYetValid, "7d76a4bf2f217139f48b482e100d1a16", LogLevel::warning},
    {Occurrence::wrongDevice, "eb70f29329e5bec931ab9dba231a93e6", LogLevel::error},
    {Occurrence::hardwareDrifted, "c80f408f792e3c916f9fa8372d817ce3", LogLevel::warning},
    {Occurrence::clockSuspect, "b4aaccddf9bd044903b4537c0c0a0a32", LogLevel::warning},
    {Occurrence::clockTrusted, "6c388264b2f3657a3d1518b01197b146", LogLevel::info},
    {Occurrence::conflict, "0e3bd8436fe1037ca9443f2d4f21700e", LogLevel::warning},
    {Occurrence::authorityAway, "cffe639519fbae077f21f760e40b613f", LogLevel::warning},
    {Occurrence::authorityBack, "8c6117533de1dcff385935e3d8f5d59e", LogLevel::info},
    {Occurrence::storeFault, "9103c23f039fd94c19e1966c33c77cec", LogLevel::error},
    {Occurrence::stateRecovered, "c8943580324cc81afc381141a7bfe10b", LogLevel::error},
    {Occurrence::licenseUnreadable, "3e07c16ef207cee74bc7b0b65ba45d93", LogLevel::error},
}};

constexpr const OccurrenceKind& kindOf(Occurrence what) {
    return occurrenceKinds[static_cast<std::size_t>(what)];
}
Occurrence occurrenceOf(Standing);

}  // namespace entitle
