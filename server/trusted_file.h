// The administrator's configuration file: only somebody who could replace this program may have written it.
#pragma once

#include <filesystem>
#include <string>

#include "server/denial.h"

namespace entitle {

// At most `limit` bytes. Refused: a link, anything but a regular file, one that belongs to another user (root is fine),
// or that group or others may write.
Granted<std::string> readTrustedFile(const std::filesystem::path&, std::size_t limit);

}  // namespace entitle
