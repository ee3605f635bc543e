#include "daemon/config.h"

#include <filesystem>
#include <map>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::readFile;
using ::testing::SizeIs;
using testing::TemporaryDirectory;
using testing::writeFile;

Config parsed(std::string_view text, Build build = Build::development) {
    return parseConfig(text, "entitled.toml", build).value();
}

std::vector<std::string> errorsOf(std::string_view text, Build build = Build::development) {
    const auto config = parseConfig(text, "entitled.toml", build);
    EXPECT_TRUE(config.has_error()) << "accepted: " << text.substr(0, 200);
    std::vector<std::string> lines;
    if (config.has_error()) {
        for (const auto& error : config.error().errors) lines.push_back(toString(error));
    }
    return lines;
}

Environment environment(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
}

TEST(Config, AnEmptyFileIsTheDefaults) {
    const auto config = parsed("");
    EXPECT_EQ(config.stateDirectory, "/var/lib/entitled");
    EXPECT_EQ(config.query, (Config::Socket{"/run/entitled/entitled.sock", 0666, ""}));
    EXPECT_EQ(config.admin, (Config::Socket{"/run/entitled-admin/admin.sock", 0660, "entitle-admin"}));
    EXPECT_EQ(config.limits, Config::Limits{});
    EXPECT_EQ(config.slots.reclaimWindow, std::chrono::seconds{30});
    EXPECT_TRUE(config.lower.demoEnabled);
    EXPECT_FALSE(config.lower.maxBots);
}

TEST(Config, TheInstalledExampleHoldsWithItsLinesInForceToo) {
    const auto example = readFile(ENTITLE_SOURCE_DIR "/packaging/entitled.toml");
    ASSERT_FALSE(example.empty());
    EXPECT_EQ(parsed(example).limits, Config::Limits{});
    std::string uncommented;
    for (std::size_t from = 0; from < example.size();) {
        const auto end = std::min(example.find('\n', from), example.size());
        auto line = example.substr(from, end - from);
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
        uncommented += line + "\n";
        from = end + 1;
    }
    const auto config = parsed(uncommented);
    // What is commented out is the default; the two that have none are examples.
    EXPECT_EQ(config.limits, Config::Limits{});
    EXPECT_EQ(config.audit, Config::Audit{});
    EXPECT_EQ(config.query, Config{}.query);
    EXPECT_EQ(config.admin, Config{}.admin);
    EXPECT_EQ(config.keyProtection, std::nullopt);
    EXPECT_EQ(config.slots.reclaimWindow, Config{}.slots.reclaimWindow);
    EXPECT_EQ(config.bus, Config{}.bus);
    EXPECT_EQ(config.slots.perUser, 20);
    EXPECT_EQ(config.lower.maxBots, 50);
}

TEST(Config, TakesEveryKey) {
    const auto config = parsed(R"(
state_dir = "/srv/state/"
runtime_dir = "/srv/run"
query = { path = "/srv/q/sock", mode = 0o660, group = "traders" }
[admin]
path = "/srv/a/sock"
mode = 0o600
group = ""
[development]
roots = "/srv/roots"
hardware_root = "/srv/hardware"
tcti = "swtpm:path=/srv/tpm.sock"
[key]
protection = "systemd-creds"
[bus]
enabled = false
[log]
level = "debug"
[limits]
connections = 100
connections_per_user = 10
first_message_ms = 500
message_words = 4096
nesting = 32
flow_words = 1000
open_questions = 64
memory_per_user_kib = 1024
memory_kib = 2048
activations_per_minute = 1
[slots]
reclaim_window_s = 0
per_user = 3
entries = 1000
max_bots = 0
[demo]
enabled = false
[audit]
file_kib = 64
files = 2
)");
    EXPECT_EQ(config.stateDirectory, "/srv/state");
    EXPECT_EQ(config.query, (Config::Socket{"/srv/q/sock", 0660, "traders"}));
    EXPECT_EQ(config.admin, (Config::Socket{"/srv/a/sock", 0600, ""}));
    EXPECT_EQ(config.rootsFile, "/srv/roots");
    EXPECT_EQ(config.hardwareRoot, "/srv/hardware");
    EXPECT_EQ(config.tcti, "swtpm:path=/srv/tpm.sock");
    EXPECT_EQ(config.keyProtection, KeyLevel::systemdCreds);
    EXPECT_FALSE(config.bus);
    EXPECT_EQ(config.logLevel, LogLevel::debug);
    EXPECT_EQ(config.limits, (Config::Limits{100, 10, std::chrono::milliseconds{500}, 4096, 32, 1000, 64, 1024 * 1024,
                                             2048 * 1024, 1}));
    EXPECT_EQ(config.slots, (Config::Slots{std::chrono::seconds{0}, 3, 1000}));
    EXPECT_EQ(config.lower.maxBots, 0);
    EXPECT_FALSE(config.lower.demoEnabled);
    EXPECT_EQ(config.audit, (Config::Audit{64 * 1024, 2}));
}

TEST(Config, TheDeviceKeyRestsAsIsSaidOrAsTheMachineAllows) {
    EXPECT_EQ(parsed("[key]\nprotection = \"auto\"\n").keyProtection, std::nullopt);
    EXPECT_EQ(parsed("[key]\nprotection = \"file\"\n").keyProtection, KeyLevel::file);
    EXPECT_EQ(parsed("[key]\nprotection = \"tpm2\"\n", Build::release).keyProtection, KeyLevel::tpm2);
    EXPECT_THAT(errorsOf("[key]\nprotection = \"tpm\"\n"),
                ElementsAre("entitled.toml:2: key.protection must be \"auto\", \"tpm2\", \"systemd-creds\" or "
                            "\"file\", not \"tpm\""));
    EXPECT_THAT(errorsOf("[development]\ntcti = \"swtpm: path\"\n"), ElementsAre(HasSubstr("tpm2-tss")));
}

TEST(Config, AnUnknownKeyIsRefusedWithItsLineAndTheLikelyWord) {
    EXPECT_THAT(errorsOf("\nstate_dri = \"/x\"\n"),
                ElementsAre("entitled.toml:2: unknown key \"state_dri\"; did you mean \"state_dir\"?"));
    EXPECT_THAT(errorsOf("[slots]\nreclaim_windw_s = 3\n"),
                ElementsAre("entitled.toml:2: unknown key \"reclaim_windw_s\" in [slots]; did you mean "
                            "\"reclaim_window_s\"?"));
    EXPECT_THAT(errorsOf("[limit]\n"), ElementsAre("entitled.toml:1: unknown key \"limit\"; did you mean \"limits\"?"));
    EXPECT_THAT(errorsOf("max_bots = 5\n"),
                ElementsAre("entitled.toml:1: unknown key \"max_bots\"; it belongs in [slots]"));
    EXPECT_THAT(errorsOf("[demo]\nstate_dir = \"/x\"\n"),
                ElementsAre("entitled.toml:2: unknown key \"state_dir\" in [demo]; it belongs above all sections"));
    EXPECT_THAT(errorsOf("license = \"pro\"\n"), ElementsAre("entitled.toml:1: unknown key \"license\""));
}

TEST(Config, EveryMistakeIsReportedAtOnceInOrder) {
    EXPECT_THAT(errorsOf("[demo]\nenabled = 1\n[slots]\nentries = 0\n[log]\nlevel = \"loud\"\n"),
                ElementsAre("entitled.toml:2: demo.enabled must be true or false",
                            "entitled.toml:4: slots.entries must be 1 to 65536, not 0",
                            "entitled.toml:6: log.level must be \"debug\", \"info\", \"warning\" or \"error\", not "
                            "\"loud\""));
}

TEST(Config, NumbersOutOfRangeAreRefused) {
    for (const auto* line :
         {"[limits]\nconnections = 0", "[limits]\nconnections = -1", "[limits]\nconnections = 9223372036854775807",
          "[limits]\nconnections = 1e3", "[limits]\nconnections = \"5\"", "[limits]\nconnections = true",
          "[limits]\nconnections = 9223372036854775808", "[limits]\nnesting = 1000", "[slots]\nmax_bots = -1",
          "[slots]\nreclaim_window_s = 86400", "[audit]\nfile_kib = 1", "[audit]\nfiles = 1", "[query]\nmode = 0o777",
          "[admin]\nmode = 0o666", "[query]\nmode = 511", "[limits]\nmemory_kib = 1024\nmemory_per_user_kib = 2048"}) {
        EXPECT_THAT(errorsOf(line), SizeIs(1)) << line;
    }
}

TEST(Config, PathsMustBeAbsoluteAndPlain) {
    for (const auto* value : {"state", "", "./x", "~/x", "/x\\ny", "/x\\u0000y"}) {
        EXPECT_THAT(errorsOf("state_dir = \"" + std::string(value) + "\""), SizeIs(1)) << value;
    }
    EXPECT_THAT(errorsOf("[query]\npath = \"/" + std::string(120, 'x') + "/s\""), SizeIs(1));
    EXPECT_THAT(errorsOf("state_dir = 5"), ElementsAre(HasSubstr("must be a text in quotes")));
    EXPECT_THAT(errorsOf("[query]\ngroup = \"two words\""), ElementsAre(HasSubstr("is no name of a group")));
}

TEST(Config, TheAdminSocketNeverSharesADirectory) {
    EXPECT_THAT(errorsOf("[admin]\npath = \"/run/entitled/admin.sock\""),
                ElementsAre(HasSubstr("directory of its own")));
    EXPECT_THAT(errorsOf("[query]\npath = \"/run/entitled-admin/q.sock\""),
                ElementsAre(HasSubstr("directory of its own")));
    EXPECT_THAT(errorsOf("state_dir = \"/x\"\nruntime_dir = \"/x\""), ElementsAre(HasSubstr("two directories")));
}

TEST(Config, SocketsFollowTheRuntimeDirectoryUnlessNamed) {
    const auto config = parsed("runtime_dir = \"/tmp/r\"\n[admin]\npath = \"/tmp/a/s\"\n");
    EXPECT_EQ(config.query.path, "/tmp/r/entitled.sock");
    EXPECT_EQ(config.admin.path, "/tmp/a/s");
    const auto moved = applyEnvironment(config, environment({{"ENTITLED_RUNTIME_DIR", "/tmp/e"}}), Build::development);
    EXPECT_EQ(moved->query.path, "/tmp/e/entitled.sock");
    EXPECT_EQ(moved->admin.path, "/tmp/a/s");
}

TEST(Config, SomethingThatIsNoTomlIsRefusedWithItsLine) {
    EXPECT_THAT(errorsOf("a = 1\nb = = 2\n"), ElementsAre(HasSubstr("entitled.toml:2: ")));
    EXPECT_THAT(errorsOf("a = \"\xff\"\n"), SizeIs(1));
    EXPECT_THAT(errorsOf("[slots]\n[slots]\n"), SizeIs(1));
    EXPECT_THAT(errorsOf("a = " + std::string(10'000, '[')), SizeIs(1));
    EXPECT_THAT(errorsOf(std::string(maxConfigBytes + 1, '#')), ElementsAre(HasSubstr("larger than")));
    EXPECT_THAT(errorsOf("slots = 3\n"), ElementsAre(HasSubstr("is a section: write [slots]")));
}

// toml++ 3.3 ended the process over a section's name that begins with no letter; found by config_fuzz.
TEST(Config, SectionThatBeginsWithNoNameIsRefusedWithItsLine) {
    for (const char* name : {"=", "#", ".", "(", "\x01", "\x7f", "\xff", "\"", "'"}) {
        EXPECT_THAT(errorsOf(std::string("# first\n[") + name + " slots]\n"),
                    ElementsAre(HasSubstr("entitled.toml:2: ")))
            << name;
    }
    EXPECT_THAT(errorsOf(std::string("[\0slots]\n", 9)), SizeIs(1));
}

// toml++ 3.3 has undefined behaviour for a letter where a blank may stand; found by config_fuzz.
TEST(Config, LettersBeyondAsciiStandInCommentsAndEscapesOnly) {
    EXPECT_EQ(parsed("# Größe\n\t# µ\nstate_dir = \"/srv/caf\\u00E9\"\n").stateDirectory, "/srv/café");
    for (const char* line : {"µ", "state_dir = µ", "state_dir = \"/µ\"", "[slots] µ", "[slots] # µ", "\xb5", "\x7f"}) {
        EXPECT_THAT(errorsOf(std::string("# first\n") + line + "\n"), ElementsAre(HasSubstr("entitled.toml:2: ")))
            << line;
    }
}

TEST(Config, AThousandMistakesGiveAShortList) {
    std::string text;
    for (int i = 0; i < 1'000; ++i) text += "unknown_" + std::to_string(i) + " = 1\n";
    EXPECT_THAT(errorsOf(text), SizeIs(50));
}

TEST(Config, AKeyOfTheFileCannotForgeAMessage) {
    const auto errors = errorsOf("\"x\\n/etc/entitled.toml:1: all is well\" = 1\n");
    ASSERT_THAT(errors, SizeIs(1));
    EXPECT_EQ(errors[0].find('\n'), std::string::npos);
}

// --- trust ----------------------------------------------------------------------------------------------------------

TEST(Config, AnAuthorityIsNamedByAnAddressThatMayBeUsed) {
    EXPECT_EQ(parsed("").authority, Config::Online{});
    const auto config = parsed(
        "[authority]\nurl = \"https://licenses.example:8000\"\nca_file = \"/etc/entitled/ca.pem\"\n"
        "proxy = \"socks5h://proxy.example:1080\"\n");
    EXPECT_EQ(config.authority, (Config::Online{"https://licenses.example:8000", "/etc/entitled/ca.pem",
                                                "socks5h://proxy.example:1080"}));
    EXPECT_EQ(parsed("[authority]\nproxy = \"none\"\n").authority.proxy, "none");
    EXPECT_THAT(errorsOf("[authority]\nurl = \"http://licenses.example\"\nca_file = \"ca.pem\"\nproxy = \"ftp://x\"\n"),
                ElementsAre("entitled.toml:2: authority.url must begin with https://; http is for this machine only "
                            "(127.0.0.1)",
                            "entitled.toml:3: authority.ca_file must be an absolute path, not \"ca.pem\"",
                            "entitled.toml:4: authority.proxy must be \"none\", or begin with http://, https://, "
                            "socks5:// or socks5h://"));
    EXPECT_THAT(errorsOf("[authority]\nproxy = \"http://a b\"\n"), SizeIs(1));
}

TEST(Config, ARelease_IgnoresRootsAndHardwareRootAndSaysSo) {
    const auto config =
        parsed("[development]\nroots = \"/x\"\nhardware_root = \"/y\"\ntcti = \"swtpm\"\n", Build::release);
    EXPECT_EQ(config.rootsFile, "");
    EXPECT_EQ(config.hardwareRoot, "/");
    EXPECT_THAT(config.ignored, ElementsAre(HasSubstr("development.roots has no effect"),
                                            HasSubstr("development.hardware_root has no effect"),
                                            HasSubstr("development.tcti has no effect")));
    const auto applied = applyEnvironment(
        Config{}, environment({{"ENTITLED_ROOTS", "/x"}, {"ENTITLED_HARDWARE_ROOT", "/y"}}), Build::release);
    EXPECT_EQ(applied->rootsFile, "");
    EXPECT_EQ(applied->hardwareRoot, "/");
    EXPECT_THAT(applied->ignored, SizeIs(2));
}

TEST(Config, TheEnvironmentSetsPathsAndLogLevelAndNothingThatGrants) {
    const auto applied = applyEnvironment(Config{},
                                          environment({{"ENTITLED_STATE_DIR", "/e/state"},
                                                       {"ENTITLED_RUNTIME_DIR", "/e/run"},
                                                       {"ENTITLED_SOCKET", "/e/q/sock"},
                                                       {"ENTITLED_ADMIN_SOCKET", "/e/a/sock"},
                                                       {"ENTITLED_AUTHORITY_URL", "http://127.0.0.1:8000"},
                                                       {"ENTITLED_LOG_LEVEL", "debug"},
                                                       {"ENTITLED_ROOTS", "/e/roots"},
                                                       {"ENTITLED_MAX_BOTS", "1000"},
                                                       {"DEMO_MODE_MAX_BOTS", "1000"},
                                                       {"ENABLE_DEMO_MODE", "true"}}),
                                          Build::development);
    ASSERT_TRUE(applied.has_value());
    EXPECT_EQ(applied->stateDirectory, "/e/state");
    EXPECT_EQ(applied->runtimeDirectory, "/e/run");
    EXPECT_EQ(applied->query.path, "/e/q/sock");
    EXPECT_EQ(applied->admin.path, "/e/a/sock");
    EXPECT_EQ(applied->logLevel, LogLevel::debug);
    EXPECT_EQ(applied->rootsFile, "/e/roots");
    EXPECT_EQ(applied->authority.url, "http://127.0.0.1:8000");
    EXPECT_FALSE(applied->lower.maxBots);
}

TEST(Config, AWrongVariableIsRefusedByName) {
    const auto applied = applyEnvironment(Config{},
                                          environment({{"ENTITLED_SOCKET", "relative"},
                                                       {"ENTITLED_AUTHORITY_URL", "http://far.example"},
                                                       {"ENTITLED_LOG_LEVEL", "loud"}}),
                                          Build::development);
    ASSERT_TRUE(applied.has_error());
    ASSERT_THAT(applied.error().errors, SizeIs(3));
    EXPECT_THAT(toString(applied.error().errors[1]), HasSubstr("environment: ENTITLED_AUTHORITY_URL must begin with"));
    EXPECT_THAT(toString(applied.error().errors[0]),
                HasSubstr("environment: ENTITLED_SOCKET must be an absolute path"));
}

// --- the file -------------------------------------------------------------------------------------------------------

std::string loadError(const std::string& path) {
    const auto loaded = loadConfig(path, environment({}), Build::development);
    EXPECT_TRUE(loaded.has_error());
    return loaded.has_error() ? toString(loaded.error().errors.at(0)) : "";
}

TEST(ConfigFile, IsReadAndErrorsNameIt) {
    const TemporaryDirectory place;
    writeFile(place / "c.toml", "[log]\nlevel = \"debug\"\n");
    EXPECT_EQ(loadConfig(place / "c.toml", environment({}), Build::development)->logLevel, LogLevel::debug);
    writeFile(place / "c.toml", "\n\nx = 1\n");
    EXPECT_THAT(loadError(place / "c.toml"), ::testing::StartsWith((place / "c.toml") + ":3: unknown key"));
}

TEST(ConfigFile, OneThatWasNamedMustExist) {
    const TemporaryDirectory place;
    EXPECT_THAT(loadError(place / "none.toml"), HasSubstr("No such file"));
}

TEST(ConfigFile, OneThatOthersMayWriteIsRefused) {
    const TemporaryDirectory place;
    writeFile(place / "c.toml", "");
    for (const mode_t mode : {0666, 0662, 0620}) {
        ASSERT_EQ(::chmod((place / "c.toml").c_str(), mode), 0);
        EXPECT_THAT(loadError(place / "c.toml"), HasSubstr("others may write it"));
    }
    ASSERT_EQ(::chmod((place / "c.toml").c_str(), 0644), 0);
    EXPECT_TRUE(loadConfig(place / "c.toml", environment({}), Build::development).has_value());
}

TEST(ConfigFile, OneInADirectoryThatOthersMayWriteIsRefused) {
    const TemporaryDirectory place;
    writeFile(place / "etc/c.toml", "");
    ASSERT_EQ(::chmod((place / "etc").c_str(), 0777), 0);
    EXPECT_THAT(loadError(place / "etc/c.toml"), HasSubstr((place / "etc") + " has mode 0777"));
    ASSERT_EQ(::chmod((place / "etc").c_str(), 01777), 0);
    EXPECT_TRUE(loadConfig(place / "etc/c.toml", environment({}), Build::development).has_value());
}

TEST(ConfigFile, SymbolicAndHardLinksFifosAndDirectoriesInItsPlaceAreRefused) {
    const TemporaryDirectory place;
    writeFile(place / "real.toml", "");
    std::filesystem::create_symlink("real.toml", place / "link.toml");
    EXPECT_THAT(loadError(place / "link.toml"), HasSubstr("symbolic link"));
    std::filesystem::create_hard_link(place / "real.toml", place / "hard.toml");
    EXPECT_THAT(loadError(place / "hard.toml"), HasSubstr("hard links"));
    ASSERT_EQ(::mkfifo((place / "fifo.toml").c_str(), 0600), 0);
    EXPECT_THAT(loadError(place / "fifo.toml"), HasSubstr("not a regular file"));
    EXPECT_THAT(loadError("/dev/zero"), HasSubstr("not a regular file"));
    if (::mknod((place / "device.toml").c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0) {
        EXPECT_THAT(loadError(place / "device.toml"), HasSubstr("not a regular file"));
    }
    std::filesystem::create_directory(place / "directory.toml");
    EXPECT_THAT(loadError(place / "directory.toml"), HasSubstr("is a directory"));
}

TEST(ConfigFile, OneOfAnotherOwnerIsRefused) {
    if (!testing::weAreRoot()) GTEST_SKIP() << "giving a file away needs root";
    const TemporaryDirectory place;
    writeFile(place / "c.toml", "");
    ASSERT_EQ(::chown((place / "c.toml").c_str(), 12345, 12345), 0);
    EXPECT_THAT(loadError(place / "c.toml"), HasSubstr("belongs to user 12345"));
}

TEST(ConfigFile, AHugeOneIsNotReadIntoMemory) {
    const TemporaryDirectory place;
    writeFile(place / "c.toml", "");
    std::filesystem::resize_file(place / "c.toml", std::uintmax_t{1} << 40);
    EXPECT_THAT(loadError(place / "c.toml"), HasSubstr("larger than 65536 bytes"));
}

TEST(ConfigFile, TheRootsFileIsReadUnderTheSameRules) {
    const TemporaryDirectory place;
    writeFile(place / "roots", "acme k4.public.x\n");
    EXPECT_EQ(*readTrustedFile(place / "roots", 1024), "acme k4.public.x\n");
    EXPECT_THAT(readTrustedFile(place / "roots", 5).error(), HasSubstr("larger than 5"));
    ASSERT_EQ(::chmod((place / "roots").c_str(), 0666), 0);
    EXPECT_THAT(readTrustedFile(place / "roots", 1024).error(), HasSubstr("others may write"));
}

}  // namespace
}  // namespace entitle
