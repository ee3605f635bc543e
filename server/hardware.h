// What a device row remembers of its machine: hashes of hardware, never the facts themselves.
#pragma once

#include <string>
#include <vector>

#include "license/fingerprint.h"
#include "license/license.h"
#include "server/rows.h"

namespace entitle {

FingerprintTemplate enrolledOf(const DeviceRow&);            // empty: nothing is enrolled
void enrol(DeviceRow&, const FingerprintTemplate& machine);  // an empty one changes nothing

enum class Bound { asEnrolled, anew, otherHardware };
// Whether the machine that asks is the one the seat is bound to. What is enrolled stays while it is the SAME; a DRIFT
// that a strong component backs is enrolled anew, as is a seat that names no hardware yet. Other hardware changes
// nothing: an admin decides.
struct Binding {
    Bound bound = Bound::asEnrolled;
    Match match = Match::same;
};
Binding bindHardware(DeviceRow& seat, const FingerprintTemplate& machine);

// The seat that this very hardware holds with another key, as after a reinstallation. nullptr: none.
const DeviceRow* seatOfSameHardware(const std::vector<DeviceRow>& held, const FingerprintTemplate& machine);

// What names a machine among all that had a trial: its strong components, else its machine-id.
std::vector<std::string> trialMarksOf(const FingerprintTemplate&);

}  // namespace entitle
