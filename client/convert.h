// The wire's structs as the public ones. Total: numbers newer than this library become `other`.
#pragma once

#include <cstdint>
#include <optional>

#include <proto/entitled.capnp.h>

#include "client/client.h"

namespace entitle {

std::optional<TimePoint> fromWire(std::int64_t instant);  // 0: none
Answer fromWire(wire::Verdict::Reader);
Feature fromWire(wire::FeatureVerdict::Reader);
Features fromWire(capnp::List<wire::FeatureVerdict>::Reader);
Quota fromWire(wire::Quota::Reader);
Status fromWire(wire::Status::Reader);
Fingerprint fromWire(wire::Fingerprint::Reader);

}  // namespace entitle
