// The command line: exit codes, both output forms, defaults, words.
#include "tests/server/program.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace entitle {
namespace {

namespace json = boost::json;
using testing::Desk;
using testing::importFile;
using testing::Machine;
using testing::Outcome;
using testing::Program;
using testing::readFile;
using testing::writeFile;

class CommandLine : public ::testing::Test {
  protected:
    CommandLine() { program_.environment["ENTITLE_SERVER_DIR"] = desk_.directory().string(); }

    json::object answer(std::vector<std::string> arguments, int exitCode = 0) {
        arguments.push_back("--json");
        const Outcome outcome = program_.run(arguments);
        EXPECT_EQ(outcome.exitCode, exitCode) << outcome.out << outcome.err;
        json::error_code error;
        const auto value = json::parse(outcome.out, error);
        EXPECT_FALSE(error) << outcome.out;
        return value.is_object() ? value.get_object() : json::object();
    }
    static std::string text(const json::object& from, const char* name) {
        const auto* found = from.if_contains(name);
        return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
    }
    std::string requestFile(const Machine& machine) {
        const auto path = desk_.scratch("machine.request");
        writeFile(path, machine.file("desk"));
        return path.string();
    }

    Desk desk_;
    Program program_;
};

TEST_F(CommandLine, FromInitToALicenseFileThatADaemonWouldTake) {
    program_.environment.erase("ENTITLE_SERVER_DIR");
    const auto directory = (program_.directory() / "my authority").string();
    const auto roots = (program_.directory() / "my roots").string();
    const auto made = answer({"init", "--dir", directory, "--roots", roots, "--name", "desk"});
    EXPECT_EQ(text(made, "authority"), "desk");
    const auto minted = answer({"--dir", directory, "license", "new", "--type", "pro"});
    EXPECT_EQ(text(minted, "key").size(), 38u);
    const Machine machine("trading host");
    const auto out = program_.directory() / "machine.license";
    const auto issued = answer({"--dir", directory, "issue", "--license", text(minted, "id"), "--request",
                                requestFile(machine), "--out", out.string()});
    EXPECT_EQ(text(issued, "device"), machine.device().value);
    EXPECT_FALSE(issued.at("repeated").as_bool());
    const auto roots_ = parseRoots(readFile(text(made, "roots_file"))).value();
    const auto license = importFile(readFile(out), roots_, machine.device());
    ASSERT_TRUE(license);
    EXPECT_EQ(license->maxBots, 100);
    EXPECT_NE(readFile(out).find("# For device " + machine.device().value + ", \"trading host\""), std::string::npos);
}

TEST_F(CommandLine, StandardOutputCarriesTheFileAndStandardInputTheRequest) {
    const auto id = text(answer({"license", "new", "--type", "basic"}), "id");
    const Machine machine;
    const auto request = machine.file("desk");
    const auto first = program_.run({"issue", "--license", id, "--request", "-"}, request);
    EXPECT_EQ(first.exitCode, 0) << first.err;
    EXPECT_TRUE(importFile(first.out, desk_.authority().roots(), machine.device()));
    EXPECT_EQ(program_.run({"issue", "--license", id, "--request", "-"}, request).out, first.out);
}

TEST_F(CommandLine, LicenseIsNamedByItsKeyAsWell) {
    const auto minted = answer({"license", "new", "--type", "pro", "--note", "Ada"});
    const auto shown = answer({"license", "show", text(minted, "key"), "--key"});
    EXPECT_EQ(text(shown, "id"), text(minted, "id"));
    EXPECT_EQ(text(shown, "key"), text(minted, "key"));
    EXPECT_EQ(text(shown, "note"), "Ada");
    const auto without = program_.run({"license", "show", text(minted, "id")});
    EXPECT_EQ(without.out.find(text(minted, "key")), std::string::npos) << "the key is shown only when asked for";
}

TEST_F(CommandLine, SecretComesFromTheEnvironmentBeforeTheFile) {
    const auto minted = answer({"license", "new", "--type", "pro"});
    program_.environment["LICENSE_SECRET_KEY"] = std::string(64, 'a');
    EXPECT_EQ(text(answer({"license", "show", text(minted, "id"), "--key"}, 1), "error"), "bad-secret");
    const auto other = answer({"license", "new", "--type", "pro"});
    EXPECT_EQ(text(answer({"license", "show", text(other, "id"), "--key"}), "key"), text(other, "key"));
    program_.environment["LICENSE_SECRET_KEY"] = "short";
    EXPECT_EQ(text(answer({"license", "new", "--type", "pro"}, 1), "error"), "bad-secret");
}

TEST_F(CommandLine, SeatMovesByReleaseAndSaysThatTheOldDocumentLives) {
    const auto id = text(answer({"license", "new", "--type", "pro"}), "id");
    const Machine first("first"), second("second");
    answer({"issue", "--license", id, "--request", requestFile(first)});
    const auto denied = answer({"issue", "--license", id, "--request", requestFile(second)}, 1);
    EXPECT_EQ(text(denied, "error"), "seat-taken");
    EXPECT_NE(text(denied, "message").find("license release " + id + " --device " + first.device().value),
              std::string::npos);
    const auto released = answer({"license", "release", id, "--device", first.device().value});
    EXPECT_EQ(released.at("warnings").as_array().size(), 1u);
    EXPECT_EQ(text(answer({"issue", "--license", id, "--request", requestFile(second)}), "device"),
              second.device().value);
    const auto shown = answer({"license", "show", id});
    EXPECT_EQ(shown.at("devices").as_array().size(), 2u);
    EXPECT_EQ(shown.at("attempts").as_array().size(), 3u);
    EXPECT_EQ(answer({"license", "list"}).at("licenses").as_array().size(), 1u);
}

TEST_F(CommandLine, KeysAreListedRotatedAndRevoked) {
    const auto before = answer({"keys", "list"});
    const auto first = std::string(before.at("keys").as_array()[0].at("id").as_string());
    EXPECT_EQ(text(answer({"keys", "rotate"}, 2), "error"), "usage") << "without --roots";
    program_.environment["ENTITLE_SERVER_ROOTS"] = desk_.roots().string();
    const auto rotated = answer({"keys", "rotate", "--overlap", "7"});
    EXPECT_EQ(rotated.at("version").as_int64(), 2);
    ASSERT_EQ(rotated.at("keys").as_array().size(), 2u);
    EXPECT_FALSE(rotated.at("keys").as_array()[0].at("current").as_bool());
    EXPECT_TRUE(rotated.at("keys").as_array()[1].at("current").as_bool());
    const auto revoked = answer({"keys", "revoke", first, "--roots", desk_.roots().string()});
    EXPECT_TRUE(revoked.at("keys").as_array()[0].at("revoked").as_bool());
    const auto shown = answer({"authority", "show"});
    EXPECT_EQ(shown.at("key_set_version").as_int64(), 3);
    EXPECT_EQ(text(shown, "trust"), printRoots(desk_.authority().roots()));
}

TEST_F(CommandLine, ExitCodesTellUsageRefusalAndFaultApart) {
    const auto id = text(answer({"license", "new", "--type", "pro"}), "id");
    const std::vector<std::vector<std::string>> wrongUsage{
        {},
        {"nonsense"},
        {"license"},
        {"license", "new"},
        {"license", "new", "--type", "gold"},
        {"license", "new", "--type", "pro", "--days", "-1"},
        {"license", "new", "--type", "pro", "--days", "many"},
        {"license", "new", "--type", "pro", "--days", "9", "--expires", "2030-01-01"},
        {"license", "new", "--type", "pro", "--expires", "1999-01-01"},
        {"license", "show", "lic_!"},
        {"issue", "--license", id},
        {"issue", "--license", id, "--request", "x", "--exp-days", "0"},
        {"issue", "--license", id, "--request", "x", "--exp-days", "731"},
        {"keys", "rotate", "--roots", "x", "--overlap", "-1"},
        {"init"},
    };
    for (const auto& arguments : wrongUsage) {
        const auto outcome = program_.run(arguments);
        EXPECT_EQ(outcome.exitCode, 2) << ::testing::PrintToString(arguments) << outcome.out << outcome.err;
        EXPECT_FALSE(outcome.err.empty());
    }
    EXPECT_EQ(program_.run({"license", "show", "lic_0123456789abcdef"}).exitCode, 1);
    EXPECT_EQ(program_.run({"license", "show", "'; DROP TABLE licenses; --"}).exitCode, 1);
    EXPECT_EQ(program_.run({"issue", "--license", id, "--request", "/nonexistent"}).exitCode, 1);
    EXPECT_EQ(program_.run({"issue", "--license", id, "--request", "/"}).exitCode, 1);
    EXPECT_EQ(program_.run({"issue", "--license", id, "--request", "/dev/zero"}).exitCode, 1);
    EXPECT_EQ(program_.run({"--help"}).exitCode, 0);
    EXPECT_EQ(program_.run({"--version"}).exitCode, 0);
    program_.environment["ENTITLE_SERVER_DIR"] = (program_.directory() / "nowhere").string();
    EXPECT_EQ(program_.run({"license", "list"}).exitCode, 1);
    EXPECT_FALSE(std::filesystem::exists(program_.directory() / "nowhere"));
}

TEST_F(CommandLine, LockedDatabaseIsAFaultThatNamesTheWayOut) {
    soci::session other(*soci::factory_sqlite3(), "dbname=\"" + (desk_.directory() / "authority.db").string() + "\"");
    other << "BEGIN IMMEDIATE";
    const auto outcome = program_.run({"license", "new", "--type", "pro", "--wait", "0"});
    EXPECT_EQ(outcome.exitCode, 3);
    EXPECT_NE(outcome.err.find("locked by another process"), std::string::npos) << outcome.err;
    other << "ROLLBACK";
    EXPECT_EQ(program_.run({"license", "new", "--type", "pro", "--wait", "0"}).exitCode, 0);
}

TEST_F(CommandLine, OutputThatWouldHurtIsRefused) {
    const auto id = text(answer({"license", "new", "--type", "pro"}), "id");
    const auto request = requestFile(Machine());
    EXPECT_EQ(program_.run({"issue", "--license", id, "--request", request, "--out", request}).exitCode, 2);
    EXPECT_EQ(program_.run({"issue", "--license", id, "--request", request, "--out", "/dev/null"}).exitCode, 1);
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
    EXPECT_EQ(program_.run({"issue", "--license", id, "--request", request, "--out", "/nonexistent/file"}).exitCode, 1);
}

TEST_F(CommandLine, HelpOfEveryCommandHasAnExampleOrSaysAll) {
    const std::vector<std::vector<std::string>> commands{
        {"init"},           {"issue"},          {"license", "new"}, {"license", "show"}, {"license", "release"},
        {"keys", "rotate"}, {"keys", "revoke"},
    };
    for (auto command : commands) {
        command.push_back("--help");
        const auto outcome = program_.run(command);
        EXPECT_EQ(outcome.exitCode, 0);
        EXPECT_NE(outcome.out.find("Example"), std::string::npos) << outcome.out;
    }
    EXPECT_NE(program_.run({"--help"}).out.find("Exit codes"), std::string::npos);
}

}  // namespace
}  // namespace entitle
