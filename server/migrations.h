// The database's history: numbered steps, embedded at build time, applied in order and never edited.
#pragma once

#include <string_view>
#include <vector>

namespace entitle {

struct Migration {
    int number = 0;         // 1, 2, 3, … without gaps
    std::string_view name;  // "0001_licenses_seats_documents"
    std::string_view sql;
};
const std::vector<Migration>& migrations();

// The statements of a migration: comments dropped, each ends with ';' at the end of a line.
std::vector<std::string_view> splitStatements(std::string_view sql);

}  // namespace entitle
