// What one worker thread of the server owns. The HTTP server only passes it on.
#pragma once

#include "server/store.h"

namespace entitle {

struct Worker {
    Store store;  // this thread's session
};

}  // namespace entitle
