// What a person types at a prompt.
#pragma once

#include <string>
#include <string_view>

#include "server/denial.h"

namespace entitle {

// A password: from `file` (0600), or typed at the terminal without being shown, or one line of standard input when
// that is no terminal. Never empty.
Granted<std::string> askPassword(std::string_view prompt, const std::string& file);

}  // namespace entitle
