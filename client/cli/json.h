// The shapes of --json. Stable: members are added, never renamed or removed. Documented in entitlectl(1), "JSON".
// Times are RFC 3339 in UTC, or null; enums are the names of toString.
#pragma once

#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <proto/entitled.capnp.h>

#include "client/cli/failure.h"
#include "client/client.h"

namespace entitle::cli {

boost::json::value toJson(const std::optional<TimePoint>&);
boost::json::object toJson(const Status&);
boost::json::object toJson(std::string_view feature, const Answer&);
boost::json::object toJson(const Features&);
boost::json::object toJson(const Quota&);
boost::json::object toJson(const Fingerprint&);
boost::json::object toJson(const Change&);
boost::json::object toJson(wire::SlotInfo::Reader);
boost::json::object toJson(wire::AuditEntry::Reader);
boost::json::object toJson(wire::Metric::Reader);
boost::json::object toJson(const Failure&);

std::string_view view(capnp::Text::Reader);

}  // namespace entitle::cli
