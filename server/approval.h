// When a machine needs an admin's word, and what that word is: one rule, however the request came.
#pragma once

#include <string>
#include <string_view>

#include "license/time.h"
#include "server/exchange_policy.h"
#include "server/exchange_rows.h"

namespace entitle {

// `asked`: the question waits for an answer already. `none`: it is to be asked, also anew when a no is old enough.
enum class AdminsWord { yes, no, asked, none };
AdminsWord adminsWord(const ExchangeFacts&, const OwnerLimits&, Instant now);

// What is written while there is no word: the question, and `attempt` only when it is asked for the first time.
Exchange questionToAdmin(AdminsWord, std::string_view reason, const std::string& label, std::string_view attempt);

// May the owner put a machine that was reinstalled on its seat again?
inline bool mayEnrolAnew(const ExchangeFacts& facts, const OwnerLimits& limits) {
    return facts.enrolments < limits.enrolments;
}

}  // namespace entitle
