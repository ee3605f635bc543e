// What the process does to itself before it holds secrets.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace entitle {

// No core dumps and no ptrace by other processes of the same user: the device key is in our memory. Returns false, with
// errno set, if the system refused (some sandboxes do); the caller warns and goes on.
bool forbidCoreDumps();

// Leaves behind what whoever started us set up: working directory, file mode mask, the signal of a broken pipe, and the
// environment by which OpenSSL would load code or give TLS secrets away.
void settleProcess();

// Runs `work` with every signal blocked: a thread made in it leaves signals to the loop.
void withoutSignals(const std::function<void()>& work);

// What this machine calls itself, for people; "" if it has no name.
std::string hostName();

// Takes as many descriptors as the system allows us, and says how many that are.
std::size_t raiseDescriptorLimit();

}  // namespace entitle
