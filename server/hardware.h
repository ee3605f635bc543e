// What a device row remembers of its machine: hashes of hardware, never the facts themselves.
#pragma once

#include <string>
#include <vector>

#include "license/license.h"
#include "server/rows.h"

namespace entitle {

FingerprintTemplate enrolledOf(const DeviceRow&);            // empty: nothing is enrolled
void enrol(DeviceRow&, const FingerprintTemplate& machine);  // an empty one changes nothing

// What names a machine among all that had a trial: its strong components, else its machine-id.
std::vector<std::string> trialMarksOf(const FingerprintTemplate&);

}  // namespace entitle
