// What this code base promises about its shape. Each rule answers with one line per breach, the reason in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/architecture/source_tree.h"

namespace entitle::architecture {

using Breaches = std::vector<std::string>;

// Files whose path begins with `from` must not include what begins with `include`, because `reason`.
struct ForbiddenInclude {
    std::string_view from;
    std::string_view include;
    std::string_view reason;
};
const std::vector<ForbiddenInclude>& forbiddenIncludes();

Breaches includeDirection(const std::vector<SourceFile>&);

// Calls of the core and the daemon that would make time an input nobody can test: only clock files read a clock.
Breaches clockReads(const std::vector<SourceFile>&);

// What the core must not do although a header it may include offers it.
Breaches pureCalls(const std::vector<SourceFile>&);

// System headers and platform #ifdefs stand in _linux, _unix, _windows and _systemd files only.
Breaches platformInclusions(const std::vector<SourceFile>&);

// X.cpp (and X_unix.cpp, X_linux.cpp, …) includes "X.h" before anything else: that proves the header compiles alone.
Breaches ownHeaderFirst(const std::vector<SourceFile>&);

// snake_case, and named for what the file decides.
Breaches fileNames(const std::vector<SourceFile>&);

// Tests wait for the event itself, with a deadline.
Breaches sleepsInTests(const std::vector<SourceFile>&);

// Headers open with #pragma once; in-tree includes are written from the repository root.
Breaches headerForm(const std::vector<SourceFile>&);

// daemon/main.cpp is the composition root and nothing more.
Breaches compositionRoot(const std::vector<SourceFile>&);

}  // namespace entitle::architecture
