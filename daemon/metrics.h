// The daemon's counters in the text format of Prometheus.
#pragma once

#include <cstddef>
#include <string>

#include "daemon/daemon.h"

namespace entitle {

std::string renderMetrics(const Daemon&, std::size_t openConnections, std::size_t budgetBytes);

}  // namespace entitle
