#include "server/http/openapi.h"
#include "server/http/problem.h"
#include "server/service.h"

namespace entitle {

std::vector<Route> healthRoutes(const HttpMetrics& metrics, const Networks& metricsFrom,
                                std::function<bool()> draining) {
    const auto quick = [](std::string pattern, std::function<HttpResponse(const Call&)> answer) {
        Route route;
        route.method = "GET";
        route.pattern = std::move(pattern);
        route.work = Work::none;
        route.quick = std::move(answer);
        return route;
    };
    std::vector<Route> routes;
    // The process lives and its network thread turns.
    routes.push_back(quick("/healthz", [](const Call&) {
        HttpResponse response;
        response.body = R"({"status":"ok"})";
        return response;
    }));
    // Requests are welcome: what a load balancer asks. A fault of the database is answered by Service::fault.
    Route ready;
    ready.method = "GET";
    ready.pattern = "/readyz";
    ready.handler = [draining](Worker& worker, const Call&) -> HttpResponse {
        if (draining()) return problem(503, "draining", "This server is being stopped.", std::chrono::seconds(5));
        worker.store.ping();
        HttpResponse response;
        response.body = R"({"status":"ready"})";
        return response;
    };
    routes.push_back(std::move(ready));
    routes.push_back(quick("/metrics", [&metrics, metricsFrom](const Call& call) {
        const auto peer = IpAddress::parse(call.request.peer);
        if (!peer || !metricsFrom.contains(*peer))
            return problem(403, "metrics-elsewhere", "Metrics are for the addresses in [metrics] from.");
        HttpResponse response;
        response.contentType = "text/plain; version=0.0.4; charset=utf-8";
        response.body = metrics.text();
        return response;
    }));
    routes.push_back(quick("/openapi.json", [](const Call&) {
        HttpResponse response;
        response.body = openApiDocument();
        response.headers.emplace_back("Cache-Control", "public, max-age=3600");
        return response;
    }));
    return routes;
}

}  // namespace entitle
