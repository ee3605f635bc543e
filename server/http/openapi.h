// The OpenAPI 3.1 document of the API, built in from openapi.json, and whether it tells the truth.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http/router.h"

namespace entitle {

std::string_view openApiDocument();

// What the document and the table do not say alike, a sentence each: routes missing on either side, parameters of path
// and query, who may ask, the type and the members of a body, the status of a success. Throws when the document is no
// JSON.
std::vector<std::string> openApiDifferences(std::string_view document, const std::vector<Route>&);

// The words of problemCodes that the document does not list, and those it lists besides.
std::vector<std::string> openApiCodeDifferences(std::string_view document);

}  // namespace entitle
