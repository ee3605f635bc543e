// Answers an air-gapped request with a license file. The only place that uses a signing key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/authority.h"
#include "server/issue.h"

namespace entitle {

struct IssuedFile {
    std::string text;  // printLicenseFile: the same bytes every time this request is answered
    License license;
    bool repeated = false;
    std::string hostLabel;
    std::optional<Instant> keyEndsSoon;  // the newest signing key ends within 30 days: rotate
};

// `requestFile`: the text of the file that `entitlectl request` wrote.
Granted<IssuedFile> answerRequest(Authority&, const LicenseId&, std::string_view requestFile, const IssueTerms&,
                                  Instant now);

}  // namespace entitle
