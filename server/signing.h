// Answers an air-gapped request with a license file.
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
// `store`: of this authority's database.
Granted<IssuedFile> answerRequest(const Authority&, Store& store, const LicenseId&, std::string_view requestFile,
                                  const IssueTerms&, const IssueRights&, Instant now);
inline Granted<IssuedFile> answerRequest(Authority& authority, const LicenseId& id, std::string_view requestFile,
                                         const IssueTerms& terms, const IssueRights& rights, Instant now) {
    return answerRequest(authority, authority.store(), id, requestFile, terms, rights, now);
}

}  // namespace entitle
