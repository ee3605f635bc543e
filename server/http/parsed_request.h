// A request as far as it has arrived, and what its framing says. Private to connection*.cpp.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/http/connection.h"
#include "server/http/problem.h"

namespace entitle {

struct Connection::Parsed {
    std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser{std::in_place};
    std::shared_ptr<HttpRequest> request = std::make_shared<HttpRequest>();
    BodyPlan body;
    int version = 11;
    bool keepAlive = false;
    bool head = false;
    bool wantsContinue = false;
    std::chrono::nanoseconds begun{};
    std::optional<HttpResponse> refusal;  // the request cannot be understood: after it the connection ends
    void refuse(int status, ProblemCode code, std::string_view detail) { refusal = problem(status, code, detail); }
};

}  // namespace entitle
