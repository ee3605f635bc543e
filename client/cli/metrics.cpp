// The daemon's counters in the text format of Prometheus, for node_exporter's textfile collector.
#include <sstream>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/file.h"
#include "client/cli/json.h"

namespace entitle::cli {
namespace {

using Samples = capnp::List<wire::Metric>::Reader;

prometheus::MetricFamily familyOf(wire::Metric::Reader sample) {
    prometheus::MetricFamily family;
    family.name = view(sample.getName());
    family.help = view(sample.getHelp());
    return family;
}

// Samples of one name stand together: the first brings its family.
std::string promText(Samples samples) {
    std::vector<prometheus::MetricFamily> families;
    for (auto sample : samples) {
        if (families.empty() || families.back().name != view(sample.getName())) families.push_back(familyOf(sample));
        auto& family = families.back();
        auto& metric = family.metric.emplace_back();
        for (auto label : sample.getLabels()) {
            metric.label.push_back({std::string(view(label.getName())), std::string(view(label.getValue()))});
        }
        if (sample.getKind() == wire::Metric::Kind::COUNTER) {
            family.type = prometheus::MetricType::Counter;
            metric.counter.value = sample.getValue();
        } else {
            family.type = prometheus::MetricType::Gauge;
            metric.gauge.value = sample.getValue();
        }
    }
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return out.str();
}

}  // namespace

int showMetrics(const Globals& globals, const std::string& out) {
    const auto terminal = globals.terminal();
    auto session = globals.admin();
    const auto response =
        session.wait<capnp::Response<wire::Admin::MetricsResults>>(session.admin().metricsRequest().send());
    const bool toFile = !out.empty() && out != "-";
    if (toFile) writeFile(out, promText(response.getMetrics()));
    if (terminal.json()) {
        boost::json::array all;
        for (auto sample : response.getMetrics()) all.push_back(toJson(sample));
        terminal.print({{"metrics", std::move(all)}});
    } else if (!toFile) {
        terminal.print(promText(response.getMetrics()));
    }
    return exitDone;
}

}  // namespace entitle::cli
