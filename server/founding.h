// How an authority comes to be: two roots in a directory of their own, a signing key, the first key set, a database.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "license/document.h"
#include "server/database_address.h"
#include "server/denial.h"

namespace entitle {

inline constexpr Seconds signingKeyLifetime = std::chrono::days{730};

struct Founding {
    std::filesystem::path directory;
    std::filesystem::path roots;                // apart from `directory`: neither inside the other
    std::string name;                           // the authority's id
    std::optional<std::string> licenseSecret;   // LICENSE_SECRET_KEY, if it is set already
    std::optional<DatabaseAddress> database{};  // an empty PostgreSQL database; none: a file in the directory
};
struct Founded {
    std::filesystem::path directory, roots;  // absolute
    Roots anchor;
    KeySet keySet;
};

// All or nothing, also across a crash. Everything is built beside the directory and moved there in the last step, after
// the roots were written; what a killed founding left behind is known by its unfinished directory and cleared first.
Granted<Founded> foundAuthority(const Founding&, Instant now);

}  // namespace entitle
