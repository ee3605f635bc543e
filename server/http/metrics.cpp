#include "server/http/metrics.h"

#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace entitle {

struct HttpMetrics::Registry {
    struct Sample {
        std::string name;
        std::string help;
        bool counter = false;
        std::function<double()> read;
    };

    prometheus::Registry registry;
    prometheus::Family<prometheus::Counter>& requests =
        prometheus::BuildCounter()
            .Name("entitle_http_requests_total")
            .Help("Requests answered, by route and status; status 0: the client had gone")
            .Register(registry);
    prometheus::Family<prometheus::Histogram>& durations =
        prometheus::BuildHistogram()
            .Name("entitle_http_request_duration_seconds")
            .Help("From the first byte of a request to the last of its response, time spent waiting for news included")
            .Register(registry);
    prometheus::Counter& opened = prometheus::BuildCounter()
                                      .Name("entitle_http_connections_opened_total")
                                      .Help("Connections accepted")
                                      .Register(registry)
                                      .Add({});
    prometheus::Gauge& open = prometheus::BuildGauge()
                                  .Name("entitle_http_connections")
                                  .Help("Connections open now")
                                  .Register(registry)
                                  .Add({});
    prometheus::Gauge& waiting = prometheus::BuildGauge()
                                     .Name("entitle_http_waiting")
                                     .Help("Requests that wait for news now")
                                     .Register(registry)
                                     .Add({});
    prometheus::Family<prometheus::Counter>& refused = prometheus::BuildCounter()
                                                           .Name("entitle_http_connections_refused_total")
                                                           .Help("Connections closed at once, by reason")
                                                           .Register(registry);
    // Looking a series up by its labels hashes strings: done once for each.
    struct Key {
        std::string route;
        std::string method;
        int status = 0;
    };
    struct Sought {
        std::string_view route;
        std::string_view method;
        int status = 0;
    };
    struct Before {
        using is_transparent = void;
        static auto tied(const auto& key) {
            return std::tuple(std::string_view(key.route), std::string_view(key.method), key.status);
        }
        bool operator()(const auto& a, const auto& b) const { return tied(a) < tied(b); }
    };
    struct Series {
        prometheus::Counter* count = nullptr;
        prometheus::Histogram* duration = nullptr;
    };
    std::mutex mutex;
    std::map<Key, Series, Before> series;
    std::vector<Sample> samples;
};

HttpMetrics::HttpMetrics() : registry_(std::make_unique<Registry>()) {}
HttpMetrics::~HttpMetrics() = default;

void HttpMetrics::request(std::string_view method, std::string_view route, int status, std::chrono::nanoseconds took) {
    // Words that a client made up would be series without end.
    const bool known = method == "GET" || method == "HEAD" || method == "POST" || method == "PUT" ||
                       method == "PATCH" || method == "DELETE";
    const std::string_view word = known ? method : std::string_view("other");
    const auto found = [&] {
        const std::scoped_lock lock(registry_->mutex);
        const auto at = registry_->series.find(Registry::Sought{route, word, status});
        if (at != registry_->series.end()) return at->second;
        static const prometheus::Histogram::BucketBoundaries seconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                                     0.1,    0.25,  0.5,    1,     2.5,  10,    60};
        const std::string method(word);
        const std::string name(route.empty() ? std::string_view("none") : route);
        const Registry::Series made{
            &registry_->requests.Add({{"method", method}, {"route", name}, {"status", std::to_string(status)}}),
            &registry_->durations.Add({{"route", name}}, seconds)};
        registry_->series.emplace(Registry::Key{std::string(route), method, status}, made);
        return made;
    }();
    found.count->Increment();
    found.duration->Observe(std::chrono::duration<double>(took).count());
}

void HttpMetrics::connectionOpened() {
    registry_->opened.Increment();
    registry_->open.Increment();
}

void HttpMetrics::connectionClosed() {
    registry_->open.Decrement();
}

void HttpMetrics::connectionRefused(std::string_view why) {
    registry_->refused.Add({{"reason", std::string(why)}}).Increment();
}

void HttpMetrics::waiting(int change) {
    registry_->waiting.Increment(change);
}

void HttpMetrics::sample(std::string name, std::string help, bool counter, std::function<double()> read) {
    const std::scoped_lock lock(registry_->mutex);
    registry_->samples.push_back({std::move(name), std::move(help), counter, std::move(read)});
}

std::string HttpMetrics::text() const {
    auto families = registry_->registry.Collect();
    const std::scoped_lock lock(registry_->mutex);
    for (const auto& sample : registry_->samples) {
        prometheus::ClientMetric metric;
        (sample.counter ? metric.counter.value : metric.gauge.value) = sample.read();
        const auto type = sample.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
        families.push_back({sample.name, sample.help, type, {metric}});
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace entitle
