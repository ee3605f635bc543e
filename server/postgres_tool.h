// Runs one of PostgreSQL's own programs on a database. Its address goes by the environment: no password is seen by
// others in the list of processes.
#pragma once

#include <string>
#include <vector>

#include "server/database_address.h"
#include "server/denial.h"

namespace entitle {

// `arguments` after the program's name; where one is "%d" the database's name is put. The denial's words hold what the
// program said.
Granted<void> runPostgresTool(const std::string& program, std::vector<std::string> arguments, const DatabaseAddress&);

}  // namespace entitle
