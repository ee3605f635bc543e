// The questions that wait in a State: begun, sent, put off, withdrawn. The lifecycle's own tools; nobody else's.
#pragma once

#include <string>
#include <string_view>

#include "license/lifecycle.h"

namespace entitle {

// As the public findAttempt, to be changed.
Attempt* attemptOf(State&, std::string_view rid);
// The renewal or re-enrolment that waits; there is at most one.
Attempt* renewalOf(State&);
Attempt* activationOf(State&);

// A new one at the back. Past maxAttempts the oldest seat given back goes; nothing else ever does.
Attempt& begin(State&, Operation, std::string rid, Instant wall);
// A renewal of the license in force, or its re-enrolment where there is no token to renew with.
Attempt& beginRenewal(State&, std::string rid, Instant wall);
void withdraw(State&, std::string_view rid);

// Marks it as sent now; the caller says CallAuthority.
void send(Attempt&, Instant wall);
// From now on as this policy says, beginning anew.
void follow(Attempt&, RetryPolicy, Instant wall);
// No answer came.
void putOff(Attempt&, const Unreachable&, Instant wall);
// An answer came that settles nothing: asked again, unhurried, after so long.
void rest(Attempt&, Seconds span, Instant wall);

// No attempt lies further ahead than any rule puts it: what a clock turned back would leave behind.
void drawNear(State&, Instant wall);

}  // namespace entitle
