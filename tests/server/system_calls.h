// Which system calls of a traced process a test counts.
#pragma once

#include <cstdint>

namespace entitle::testing {

bool canChangeAFile(std::uint64_t call);  // locks included: between two of SQLite's the shared memory has changed
bool saysSomething(std::uint64_t call);   // to somebody at the other end of a socket

}  // namespace entitle::testing
