// A question to the API and its answer, for the command line: over the network, or in this process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>

#include "server/authority.h"
#include "server/http/server.h"
#include "server/keys.h"

namespace entitle {

enum class CallFault : std::uint8_t {
    refused,       // the API's own no: `code` and `message` are its words
    unreachable,   // no connection, or no answer in time
    untrusted,     // TLS: the certificate
    notAuthority,  // whatever answered does not speak this API
    noTransport,   // libcurl is not there
};

struct CallFailure {
    CallFault fault = CallFault::refused;
    int status = 0;       // of an answer, else 0
    std::string code;     // a stable word: the problem's, else "unreachable", …
    std::string message;  // for people
    std::string requestId;
    std::optional<std::int64_t> retryAfter;  // seconds
};
[[noreturn]] void throw_exception_from_error(const CallFailure&, const boost::source_location&);

template <class T>
using Called = boost::system::result<T, CallFailure>;

class ApiCalls {
  public:
    virtual ~ApiCalls() = default;
    // `path` with its query, encoded. A body of JSON, or none. An answer without a body is an empty object.
    virtual Called<boost::json::object> ask(std::string_view method, const std::string& path,
                                            const std::optional<boost::json::object>& body = std::nullopt) = 0;
};

struct CallPlace {
    std::string url;     // checkServerUrl found nothing wrong with it
    std::string caFile;  // PEM; "": the system's trust store
    std::string token;   // "": none is sent
};
// What is wrong with an address, for people: https, or http to this very machine; a host, a port, nothing else.
std::optional<std::string> checkServerUrl(std::string_view);
std::unique_ptr<ApiCalls> callsTo(CallPlace);  // calls_remote_unix.cpp

// The handlers themselves, on the authority's own directory, as localActor: whoever may read it may do everything.
std::unique_ptr<ApiCalls> callsWithin(Authority, LicenseSecrets, HttpClock);  // calls_local.cpp

// The answer in a response: its object, or the problem it is. `contentType` as sent.
Called<boost::json::object> readAnswer(int status, std::string_view contentType, std::string_view body,
                                       std::optional<std::int64_t> retryAfter = std::nullopt);

std::string percentEncoded(std::string_view);  // a segment of a path, or a value of a query

}  // namespace entitle
