#include "server/http/problem.h"

#include <stdexcept>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/throw_exception.hpp>

#include "server/http/refusal.h"

namespace entitle {

void throw_exception_from_error(const HttpRefusal& refusal, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(refusal.message), where);
}

std::string_view reasonPhrase(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 402:
            return "Payment Required";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 425:
            return "Too Early";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
}

HttpResponse problem(int status, ProblemCode code, std::string_view detail) {
    HttpResponse response;
    response.status = status;
    response.contentType = problemType;
    response.code = code.word();
    response.body = boost::json::serialize(boost::json::object{{"type", "about:blank"},
                                                               {"title", reasonPhrase(status)},
                                                               {"status", status},
                                                               {"code", code.word()},
                                                               {"detail", detail}});
    return response;
}

HttpResponse problem(int status, ProblemCode code, std::string_view detail, std::chrono::seconds retryAfter) {
    auto response = problem(status, code, detail);
    response.headers.emplace_back("Retry-After", std::to_string(retryAfter.count()));
    return response;
}

void nameRequest(HttpResponse& response, std::string_view requestId) {
    if (response.contentType != problemType || !response.body.ends_with('}')) return;
    // Ids are made of [A-Za-z0-9._-]: nothing to escape.
    response.body.pop_back();
    response.body.append(",\"request_id\":\"").append(requestId).append("\"}");
}

}  // namespace entitle
