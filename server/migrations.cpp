#include "server/migrations.h"

namespace entitle {
namespace {

bool saysSomething(std::string_view statement) {
    while (!statement.empty()) {
        const auto end = statement.find('\n');
        const auto line = statement.substr(0, end);
        const auto first = line.find_first_not_of(" \t\r");
        if (first != std::string_view::npos && line.substr(first, 2) != "--") return true;
        if (end == std::string_view::npos) break;
        statement.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace

std::vector<std::string_view> splitStatements(std::string_view sql) {
    std::vector<std::string_view> out;
    while (!sql.empty()) {
        const auto end = sql.find(";\n");
        const auto statement = sql.substr(0, end);
        if (saysSomething(statement)) out.push_back(statement);
        if (end == std::string_view::npos) break;
        sql.remove_prefix(end + 2);
    }
    return out;
}

}  // namespace entitle
