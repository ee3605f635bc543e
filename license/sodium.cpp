#include "license/sodium.h"

#include <stdexcept>

#include <sodium.h>

namespace entitle {

void startSodium() {
    // A static's initialisation runs once, whichever thread comes first; after a throw the next caller tries again.
    static const bool started = [] {
        if (sodium_init() < 0) throw std::runtime_error("libsodium could not be started");
        return true;
    }();
    static_cast<void>(started);
}

}  // namespace entitle
