// Whose licenses this daemon believes: roots compiled in, or, in a development build, a file named in its
// configuration.
#pragma once

#include <optional>
#include <string>

#include "daemon/answers.h"
#include "daemon/config.h"
#include "license/keyring.h"

namespace entitle {

struct TrustAnchor {
    Trust trust = Trust::development;
    std::optional<Roots> roots;
    std::string problem;  // why there are none: a sentence for people
};

Build thisBuild();  // release exactly when roots were compiled in

// Missing or bad roots are no reason not to start: the daemon runs in demo mode and says why.
TrustAnchor loadTrustAnchor(const Config&);

}  // namespace entitle
