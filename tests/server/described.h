// Does what a route answered look as openapi.json says?
#pragma once

#include <string>
#include <vector>

#include "server/http/message.h"
#include "server/http/router.h"

namespace entitle::testing {

// What is wrong with it, a sentence each: another status than the route's success, a member that is not described or is
// missing, a value of another type. Problems are described alike for all routes and not looked at.
std::vector<std::string> responseDifferences(const Route&, const HttpResponse&);

// The members that the document describes in the route's answer; empty for an answer it only calls an object.
std::vector<std::string> describedMembers(const std::string& method, const std::string& pattern);

}  // namespace entitle::testing
