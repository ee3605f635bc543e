// Which documents a State still takes: none older than what it has seen of the license, none from before the
// authority's last no. The lifecycle's own tools; nobody else's.
#pragma once

#include <cstdint>

#include "license/lifecycle.h"

namespace entitle {

bool isCurrent(const State&, const LicenseId&);  // of the license in force

// What every new document must satisfy, however it came.
Refusal refusalOf(const State&, const License&, Instant wall);
// What a document must satisfy that answers a question.
Refusal refusalOfAnswer(const State&, const Attempt&, const LicenseGranted&, Instant wall);
// Nothing of it would be in force any more.
bool isOver(const License&, Instant wall);

// From now on no document of the license with a lower seq is taken. Past maxSequenceFloors the license that was seen
// longest ago is forgotten.
void raiseFloor(State&, const LicenseId&, std::uint64_t lowest);

// Earlier documents than the authority's last no are no longer acceptable. Of licenses seen here only: a list speaks of
// many more than this machine need remember.
Instant issuedFrom(const State&, const LicenseId&);
void refuseBefore(State&, const LicenseId&, Instant decidedAt);

}  // namespace entitle
