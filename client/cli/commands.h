// What each command does. Each returns the exit status; a Failure is printed by main.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/globals.h"

namespace entitle::cli {

// ask.cpp: questions any user may ask
int showStatus(const Globals&);
int checkFeature(const Globals&, const std::string& feature);
int listFeatures(const Globals&);
int showQuota(const Globals&, const std::string& name);
int showFingerprint(const Globals&);
int showVersion(const Globals&);

// watch.cpp
int watchChanges(const Globals&);

// run.cpp
struct RunOptions {
    std::uint32_t bots = 1;
    std::string label;
    std::vector<std::string> command;
};
int runCommand(const Globals&, const RunOptions&);

// slots.cpp
struct SlotsOptions {
    bool all = false;
    std::uint64_t release = 0;  // 0: list
};
int showSlots(const Globals&, const SlotsOptions&);

// license.cpp: what changes the license
struct RequestOptions {
    std::string out;  // "" or "-": standard output
    std::string label;
    bool fresh = false;
};
int makeRequest(const Globals&, const RequestOptions&);
int importDocument(const Globals&, const std::string& file);
int deactivate(const Globals&, bool yes);

// online.cpp: what the daemon asks the authority for
int activate(const Globals&, const std::string& key);  // "-": from standard input
int refresh(const Globals&);

// audit.cpp
struct AuditOptions {
    bool verify = false;
    std::uint64_t after = 0;
};
int showAudit(const Globals&, const AuditOptions&);
int showMetrics(const Globals&, const std::string& out);  // "" or "-": standard output

// doctor.cpp
int examine(const Globals&);

}  // namespace entitle::cli
