#include "tests/server/http_fixture.h"

namespace entitle::testing {

HttpFixture::HttpFixture() {
    options.listen = {"127.0.0.1:0"};
    clock.now = [] { return noon; };
    clock.steady = [] { return std::chrono::steady_clock::now().time_since_epoch(); };
    hooks.makeWorker = [this] {
        auto worker = std::make_shared<Worker>();
        worker->number = ++workers_;
        return worker;
    };
    hooks.log = [this](const AccessRecord& record) {
        const std::scoped_lock lock(mutex_);
        records_.push_back(record);
    };
    hooks.complain = [this](const std::string& words) {
        const std::scoped_lock lock(mutex_);
        complaints_.push_back(words);
    };
}

HttpServer& HttpFixture::start(std::vector<Route> routes) {
    server = HttpServer::start(options, std::move(routes), hooks, clock, metrics).value();
    return *server;
}

std::vector<AccessRecord> HttpFixture::records() const {
    const std::scoped_lock lock(mutex_);
    return records_;
}

std::vector<std::string> HttpFixture::complaints() const {
    const std::scoped_lock lock(mutex_);
    return complaints_;
}

Route says(std::string method, std::string pattern, std::string body) {
    Route route;
    route.method = std::move(method);
    route.pattern = std::move(pattern);
    route.handler = [body = std::move(body)](Worker&, const Call&) {
        HttpResponse response;
        response.body = body;
        return response;
    };
    return route;
}

}  // namespace entitle::testing
