// HTTP/1.1 as it is written, and what is wrong with what was read.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>

#include "server/http/message.h"
#include "server/http/problem_code.h"

namespace entitle {

struct Framing {
    Instant now{};
    std::string_view requestId;
    bool head = false;  // of a HEAD request: the length is said, the body not sent
    bool keepAlive = true;
    int version = 11;  // 10: HTTP/1.0
};

// The whole response. Header values with control characters are left out: none can end its line.
std::string serialized(const HttpResponse&, const Framing&);

// What to answer to bytes that are no request; from the parser's error.
struct Malformed {
    int status = 400;
    ProblemCode code;
    std::string_view detail;
};
Malformed malformed(const boost::system::error_code&);

std::string newRequestId();          // 24 letters and digits, random
bool isRequestId(std::string_view);  // one that a client or proxy may have chosen: 1 to 64 of [A-Za-z0-9._-]
std::string httpDate(Instant);       // "Sun, 22 Nov 2026 12:00:00 GMT"

}  // namespace entitle
