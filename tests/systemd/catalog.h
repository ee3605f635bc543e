// systemd/entitled.catalog, taken apart.
#pragma once

#include <fstream>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace entitle::testing {

struct CatalogEntry {
    std::map<std::string, std::string> head;  // "Subject" and so on
    std::string text;
};

// https://systemd.io/CATALOG: "-- ID", header lines, an empty line, the text.
inline std::map<std::string, CatalogEntry> readCatalog(const std::string& sourceDirectory) {
    std::ifstream file(sourceDirectory + "/systemd/entitled.catalog");
    EXPECT_TRUE(file);
    std::map<std::string, CatalogEntry> entries;
    CatalogEntry* entry = nullptr;
    bool inHead = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("-- ")) {
            auto [place, fresh] = entries.emplace(line.substr(3), CatalogEntry{});
            EXPECT_TRUE(fresh) << line << " twice";
            entry = &place->second;
            inHead = true;
        } else if (!entry) {
            EXPECT_TRUE(line.empty() || line.front() == '#') << line;
        } else if (inHead && line.empty()) {
            inHead = false;
        } else if (inHead) {
            const auto colon = line.find(": ");
            EXPECT_NE(colon, std::string::npos) << line;
            entry->head[line.substr(0, colon)] = line.substr(colon + 2);
        } else {
            entry->text += line + "\n";
        }
    }
    return entries;
}

// What stands between @ in a text: fields of the message.
inline std::set<std::string> fieldsIn(const CatalogEntry& entry) {
    std::set<std::string> fields;
    for (auto at = entry.text.find('@'); at != std::string::npos;) {
        const auto end = entry.text.find('@', at + 1);
        if (end == std::string::npos) {
            ADD_FAILURE() << "a @ without its end: " << entry.text;
            break;
        }
        fields.insert(entry.text.substr(at + 1, end - at - 1));
        at = entry.text.find('@', end + 1);
    }
    return fields;
}

}  // namespace entitle::testing
