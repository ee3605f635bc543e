// Every id that the daemon gives its messages is explained to `journalctl -x`, and nothing else is.
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/occurrence.h"

namespace entitle {
namespace {

struct Entry {
    std::map<std::string, std::string> head;  // "Subject" and so on
    std::string text;
};

// https://systemd.io/CATALOG: "-- ID", header lines, an empty line, the text.
std::map<std::string, Entry> readCatalog() {
    std::ifstream file(ENTITLE_SOURCE_DIR "/systemd/entitled.catalog");
    EXPECT_TRUE(file);
    std::map<std::string, Entry> entries;
    Entry* entry = nullptr;
    bool inHead = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("-- ")) {
            auto [place, fresh] = entries.emplace(line.substr(3), Entry{});
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

TEST(Catalog, ExplainsEachMessageIdAndNoOther) {
    std::set<std::string> explained, given;
    for (const auto& [id, entry] : readCatalog()) explained.insert(id);
    for (const auto& kind : occurrenceKinds) given.emplace(kind.messageId);
    EXPECT_EQ(explained, given);
}

TEST(Catalog, EachEntryHasASubjectAndSaysWhatToDo) {
    for (const auto& [id, entry] : readCatalog()) {
        EXPECT_TRUE(entry.head.count("Subject")) << id;
        EXPECT_EQ(entry.head.at("Defined-By"), "entitled") << id;
        const bool nothing = entry.text.find("Nothing has") != std::string::npos;
        const bool command = entry.text.find("\n    ") != std::string::npos;
        EXPECT_TRUE(nothing || command) << id << ": " << entry.text;
    }
}

// Where nothing is left, nothing comes back by itself.
TEST(Catalog, WhoseStateIsLostIsToldHowToBringTheLicenseBack) {
    const auto text = readCatalog().at(std::string(kindOf(Occurrence::stateRecovered).messageId)).text;
    EXPECT_THAT(text, ::testing::HasSubstr("\n    entitlectl activate"));
    EXPECT_THAT(text, ::testing::HasSubstr("\n    entitlectl import"));
}

// With the sockets stopped nobody answers entitlectl, and nothing starts the daemon.
TEST(Catalog, WhatARecipeStopsItStartsBeforeItAsksTheDaemon) {
    unsigned recipes = 0;
    for (const auto& [id, entry] : readCatalog()) {
        std::istringstream text(entry.text);
        std::string stopped;
        for (std::string line; std::getline(text, line);) {
            const auto names = [&](const std::string& verb) {
                return line.starts_with(verb) ? line.substr(verb.size()) : std::string();
            };
            if (const auto units = names("    systemctl stop "); !units.empty()) {
                stopped = units;
                ++recipes;
            }
            if (names("    systemctl start ") == stopped) stopped.clear();
            if (line.starts_with("    entitlectl ")) {
                EXPECT_EQ(stopped, "") << id << ": " << line;
            }
        }
        EXPECT_EQ(stopped, "") << id;
    }
    EXPECT_EQ(recipes, 1u);
}

// A field that the message does not carry would stand in the text as it is.
TEST(Catalog, NamesNoFieldThatTheDaemonDoesNotSend) {
    std::string source;
    for (const char* name : {"daemon_told.cpp", "daemon_clock.cpp", "daemon_answers.cpp"}) {
        std::ifstream file(std::string(ENTITLE_SOURCE_DIR "/daemon/") + name);
        source += std::string(std::istreambuf_iterator<char>(file), {});
    }
    for (const auto& [id, entry] : readCatalog()) {
        for (auto at = entry.text.find('@'); at != std::string::npos;) {
            const auto end = entry.text.find('@', at + 1);
            ASSERT_NE(end, std::string::npos) << id;
            EXPECT_THAT(source, ::testing::HasSubstr('"' + entry.text.substr(at + 1, end - at - 1) + '"')) << id;
            at = entry.text.find('@', end + 1);
        }
    }
}

}  // namespace
}  // namespace entitle
