// The human form of a status, used by every command that ends with one.
#pragma once

#include <string>

#include "client/cli/terminal.h"
#include "client/client.h"

namespace entitle::cli {

std::string describe(const Terminal&, const Status&);
Tone toneOf(Status::Standing);

}  // namespace entitle::cli
