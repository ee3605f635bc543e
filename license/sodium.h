// libsodium, started once. Everything of the core that uses randomness or Ed25519 calls this first.
#pragma once

namespace entitle {

// Thread-safe and cheap after the first call. Throws std::runtime_error where the system gives no randomness: a fault
// that nothing can work around.
void startSodium();

}  // namespace entitle
