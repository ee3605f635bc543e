// Errors as the API tells them: application/problem+json (RFC 9457) with a stable `code`.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "server/http/message.h"
#include "server/http/problem_code.h"

namespace entitle {

inline constexpr std::string_view problemType = "application/problem+json";

// `code`: of the list in problem_code.h. `detail`: a sentence for people, without secrets.
// The session completes it with the request id.
HttpResponse problem(int status, ProblemCode code, std::string_view detail);

// The same, with when to come again.
HttpResponse problem(int status, ProblemCode code, std::string_view detail, std::chrono::seconds retryAfter);

// Adds request_id to {type, title, status, code, detail}: the session does it to every problem it sends.
void nameRequest(HttpResponse&, std::string_view requestId);

std::string_view reasonPhrase(int status);  // "Not Found"

}  // namespace entitle
