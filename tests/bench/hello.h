// The floor under `validate`: the least that Boost.Beast needs to answer a GET from one query.
#pragma once

#include <string>

namespace entitle::bench {

// Serves on a port of 127.0.0.1, which it prints on standard output; ends with the process. Every thread has a
// connection of its own to `database` (a path, or a postgresql:// URL) and runs the query that finds the device of a
// bearer token.
[[noreturn]] void serveHello(const std::string& database, int threads);

}  // namespace entitle::bench
