// The bootstrap of the query socket: converts, and asks the daemon.
#pragma once

#include <memory>

#include <proto/entitled.capnp.h>

#include "daemon/session.h"

namespace entitle {

wire::Entitled::Client makeQueryServer(std::shared_ptr<Session>);

}  // namespace entitle
