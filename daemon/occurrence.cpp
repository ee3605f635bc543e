#include "daemon/occurrence.h"

namespace entitle {
namespace {

constexpr bool standsInOrder() {
    for (std::size_t i = 0; i < occurrenceKinds.size(); ++i) {
        if (static_cast<std::size_t>(occurrenceKinds[i].what) != i) return false;
    }
    return true;
}
static_assert(standsInOrder(), "kindOf takes the place for the name");

}  // namespace

Occurrence occurrenceOf(Standing standing) {
    switch (standing) {
        case Standing::demo:
            return Occurrence::demo;
        case Standing::active:
            return Occurrence::active;
        case Standing::grace:
            return Occurrence::grace;
        case Standing::windingDown:
            return Occurrence::windingDown;
        case Standing::expired:
            return Occurrence::expired;
        case Standing::revoked:
            return Occurrence::revoked;
        case Standing::suspended:
            return Occurrence::suspended;
        case Standing::notYetValid:
            return Occurrence::notYetValid;
        case Standing::wrongDevice:
            return Occurrence::wrongDevice;
    }
    return Occurrence::demo;
}

}  // namespace entitle
