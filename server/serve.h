// `entitle-server serve`: configuration, authority and HTTP put together, until a signal says stop.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "server/denial.h"
#include "server/http/server.h"
#include "server/keys.h"
#include "server/serve_config.h"

namespace entitle {

struct ServeWish {
    std::filesystem::path directory;        // the authority's
    std::optional<std::string> configFile;  // none: server.toml in `directory`, if there is one
    std::vector<std::string> listen;        // instead of the configured addresses
    std::chrono::seconds wait{10};          // for another process that holds the database
};

// File, environment, command line, in this order; the certificate read.
Granted<ServeConfig> readServeConfig(const ServeWish&, const Environment&);

// Refused before it listens: a bad configuration or secret, no authority, a root secret within reach. Returns after
// SIGTERM or SIGINT, when what was at work is done; SIGHUP reads the certificate anew.
Granted<void> serve(const ServeWish&, const Environment&, const HttpClock&);

}  // namespace entitle
