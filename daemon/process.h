// What the process does to itself before it holds secrets.
#pragma once

namespace entitle {

// No core dumps and no ptrace by other processes of the same user: the device key is in our memory. Returns false, with
// errno set, if the system refused (some sandboxes do); the caller warns and goes on.
bool forbidCoreDumps();

}  // namespace entitle
