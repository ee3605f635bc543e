// The daemon's answers as the wire's structures. One function per structure; no decisions.
#pragma once

#include <proto/entitled.capnp.h>

#include "daemon/answers.h"
#include "daemon/audit.h"
#include "daemon/metrics.h"
#include "proto/kj_compare.h"

namespace entitle {

inline std::string_view view(capnp::Text::Reader text) {
    return {text.begin(), text.size()};
}
inline capnp::Text::Reader text(const std::string& string) {
    return {string.c_str(), string.size()};
}

void fill(wire::Verdict::Builder, const Verdict&);
void fill(wire::Status::Builder, const StatusAnswer&);
void fill(wire::FeatureVerdict::Builder, const FeatureAnswer&);
void fill(wire::Quota::Builder, const QuotaAnswer&);
void fill(wire::Fingerprint::Builder, const FingerprintAnswer&);
void fill(wire::Finding::Builder, const Finding&);
void fill(wire::SlotInfo::Builder, const Slot&);
void fill(wire::Refusal::Builder, const AdminRefusal&);
void fill(wire::ContactAttempt::Builder, const ContactNews&);
void fill(wire::AuditEntry::Builder, const AuditEntry&);
void fill(wire::AuditCheck::Builder, const AuditCheck&);
void fill(wire::Metric::Builder, const Metric&);

}  // namespace entitle
