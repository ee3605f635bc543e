// Licenses as the API knows them: what `license` does besides minting on the authority's own machine.
#pragma once

#include <string>

#include "server/cli_calls.h"

namespace entitle {

// generate, suspend, reinstate, revoke, extend, change; to the group `license`.
void addLicensingCommands(CLI::App& group, Cli&);

Called<Answer> listLicenses(ApiCalls&);
Called<Answer> showLicense(ApiCalls&, const std::string& license, bool withKey);
std::string deviceTable(const boost::json::array& devices);

}  // namespace entitle
