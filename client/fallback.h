// The answers of demo mode, for a program without a daemon: the same rules and words as the daemon's own.
#pragma once

#include <cstdint>
#include <string_view>

#include "client/client.h"

namespace entitle::fallback {

Answer check(std::string_view feature, const Origin&);
Features features(const Origin&);
// `inUse`: units this program holds provisionally.
Quota quota(std::string_view name, std::uint32_t inUse, const Origin&);
Status status(const Origin&);

// May `count` units more be held provisionally, `inUse` being held? Also judges the form of count and label.
Answer acquire(std::string_view quota, std::uint32_t count, std::string_view label, std::uint32_t inUse, const Origin&);

}  // namespace entitle::fallback
