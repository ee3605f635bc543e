// The bootstrap of the admin socket: converts, and asks the daemon. Who may come through that door, access.h decided.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <proto/entitled.capnp.h>

#include "daemon/metrics.h"
#include "daemon/session.h"

namespace entitle {

wire::Admin::Client makeAdminServer(std::shared_ptr<Session>, std::function<std::vector<Metric>()> metrics);

}  // namespace entitle
