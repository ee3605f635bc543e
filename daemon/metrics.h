// What the daemon counts, as samples. Their text format is entitlectl's: it needs no part in every machine's memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "daemon/daemon.h"

namespace entitle {

struct Metric {
    enum class Kind { gauge, counter };
    struct Label {
        const char* name;
        std::string value;
    };
    const char* name;
    const char* help;
    Kind kind = Kind::gauge;
    double value = 0;
    std::optional<Label> label;
};

std::vector<Metric> metricsOf(const Daemon&, std::size_t openConnections, std::size_t budgetBytes);

}  // namespace entitle
