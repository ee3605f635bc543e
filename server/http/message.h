// One HTTP request and its response, as plain values: what a handler is given and gives back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "license/time.h"

namespace entitle {

struct HttpRequest {
    std::string method;                                        // "GET"; a HEAD request is given to the handler of GET
    std::string path;                                          // as sent, still percent-encoded; begins with '/'
    std::string query;                                         // what follows '?', as sent
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case; in the order sent
    std::string body;                                          // at most the route's bodyLimit
    std::string peer;       // the client's address without a port; behind a trusted proxy, the one it forwarded
    std::string requestId;  // of this request, in the log, the response and every problem
    Instant now{};          // when it had arrived

    // The first header of that name (given in lower case); empty when there is none.
    std::string_view header(std::string_view name) const;
    // A query parameter, decoded. None: absent, or not decodable.
    std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    std::string contentType = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // those besides content type and length

    // For the log and the metrics, not sent.
    std::string code;  // of a problem
    // Somebody tried a secret (password, key, bearer token) that is none: counts against the address, see limits.h.
    bool wrongSecret = false;
};

// "%41" → "A". None: a damaged escape, or one for a control character.
std::optional<std::string> percentDecoded(std::string_view);

}  // namespace entitle
