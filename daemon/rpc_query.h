// The bootstrap of the query socket: converts, and asks the daemon.
#pragma once

#include <memory>
#include <vector>

#include <proto/entitled.capnp.h>

#include "daemon/session.h"
#include "proto/shortcut.h"

namespace entitle {

wire::Entitled::Client makeQueryServer(std::shared_ptr<Session>);

// Its methods that need no more than their parameters: `check`. `daemon` must outlive their users.
std::vector<QuickMethod> quickQueries(Daemon& daemon);

}  // namespace entitle
