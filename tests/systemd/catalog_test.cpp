// Every id that the daemon gives its messages is explained to `journalctl -x`, and nothing else is.
#include "tests/systemd/catalog.h"

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/occurrence.h"

namespace entitle {
namespace {

using testing::readCatalog;

TEST(Catalog, ExplainsEachMessageIdAndNoOther) {
    std::set<std::string> explained, given;
    for (const auto& [id, entry] : readCatalog(ENTITLE_SOURCE_DIR)) explained.insert(id);
    for (const auto& kind : occurrenceKinds) given.emplace(kind.messageId);
    EXPECT_EQ(explained, given);
}

TEST(Catalog, EachEntryHasASubjectAndSaysWhatToDo) {
    for (const auto& [id, entry] : readCatalog(ENTITLE_SOURCE_DIR)) {
        EXPECT_TRUE(entry.head.count("Subject")) << id;
        EXPECT_EQ(entry.head.at("Defined-By"), "entitled") << id;
        const bool nothing = entry.text.find("Nothing has") != std::string::npos;
        const bool command = entry.text.find("\n    ") != std::string::npos;
        EXPECT_TRUE(nothing || command) << id << ": " << entry.text;
    }
}

// Where nothing is left, nothing comes back by itself.
TEST(Catalog, WhoseStateIsLostIsToldHowToBringTheLicenseBack) {
    const auto text =
        readCatalog(ENTITLE_SOURCE_DIR).at(std::string(kindOf(Occurrence::stateRecovered).messageId)).text;
    EXPECT_THAT(text, ::testing::HasSubstr("\n    entitlectl activate"));
    EXPECT_THAT(text, ::testing::HasSubstr("\n    entitlectl import"));
}

// With the sockets stopped nobody answers entitlectl, and nothing starts the daemon.
TEST(Catalog, WhatARecipeStopsItStartsBeforeItAsksTheDaemon) {
    unsigned recipes = 0;
    for (const auto& [id, entry] : readCatalog(ENTITLE_SOURCE_DIR)) {
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

// A field that the message does not carry would stand in the text as it is. Which message carries which is held against
// the daemon in tests/daemon/daemon_told_test.cpp.
TEST(Catalog, NamesNoFieldThatTheDaemonDoesNotSend) {
    std::string source;
    for (const char* name : {"daemon_told.cpp", "daemon_clock.cpp", "daemon_answers.cpp"}) {
        std::ifstream file(std::string(ENTITLE_SOURCE_DIR "/daemon/") + name);
        source += std::string(std::istreambuf_iterator<char>(file), {});
    }
    for (const auto& [id, entry] : readCatalog(ENTITLE_SOURCE_DIR))
        for (const auto& field : testing::fieldsIn(entry))
            EXPECT_THAT(source, ::testing::HasSubstr('"' + field + '"')) << id;
}

}  // namespace
}  // namespace entitle
