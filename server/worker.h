// What one worker thread of the server owns. The HTTP server only passes it on.
#pragma once

#include <optional>

#include "server/store.h"

namespace entitle {

struct Worker {
    Store store;  // this thread's session
    // What the token of the request at work stands for, as it was just read; a declared device's license is in it.
    std::optional<Bearer> bearer = std::nullopt;
};

}  // namespace entitle
