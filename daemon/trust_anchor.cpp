#include "daemon/trust_anchor.h"

#include <string_view>

// Set by the build from the option of the same name; "" in a development build.
#ifndef ENTITLE_ROOTS
#define ENTITLE_ROOTS ""
#endif

namespace entitle {
namespace {

constexpr std::string_view compiledIn = ENTITLE_ROOTS;
constexpr std::size_t maxRootsFile = 4096;

}  // namespace

Build thisBuild() {
    return compiledIn.empty() ? Build::development : Build::release;
}

TrustAnchor loadTrustAnchor(const Config& config) {
    TrustAnchor anchor;
    std::string text(compiledIn);
    std::string place = "The roots compiled in";
    if (thisBuild() == Build::release) {
        anchor.trust = Trust::compiledIn;
    } else {
        if (config.rootsFile.empty()) {
            anchor.problem = "This is a development build and its configuration names no roots file.";
            return anchor;
        }
        auto file = readTrustedFile(config.rootsFile, maxRootsFile);
        if (!file) {
            anchor.problem = file.error();
            return anchor;
        }
        text = *file;
        place = config.rootsFile;
    }
    auto roots = parseRoots(text);
    if (roots) {
        anchor.roots = *roots;
    } else {
        anchor.problem = place + ": " + std::string(toString(roots.error()));
    }
    return anchor;
}

}  // namespace entitle
