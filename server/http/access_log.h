// What one request leaves in the log. Never a token, a key, a body or a query string.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "license/time.h"

namespace entitle {

struct AccessRecord {
    Instant at{};
    std::string requestId;
    std::string peer;
    std::string method;
    std::string_view route;    // the pattern; empty: no route matched
    int status = 0;            // 0: the client had gone before the response
    std::string code;          // of a problem
    std::string account;       // the caller's, when there was one
    std::size_t bytesIn = 0;   // of the body
    std::size_t bytesOut = 0;  // of the body
    std::chrono::nanoseconds took{};
};

// One line of JSON, without its newline; text from outside is escaped.
std::string toJsonLine(const AccessRecord&);

}  // namespace entitle
