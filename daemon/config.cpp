#include "daemon/config.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <utility>

#include <boost/throw_exception.hpp>

#include "daemon/authority.h"
#include "daemon/config_section.h"

namespace entitle {

namespace {

constexpr std::size_t maxErrors = 50;
constexpr std::size_t maxSocketPathBytes = 107;  // sun_path of sockaddr_un, less its terminator
constexpr std::uint32_t kibi = 1024;

std::string querySocketIn(const std::string& runtimeDirectory) {
    return runtimeDirectory + "/entitled.sock";
}

// In a directory of its own beside the other: it is never mounted into a container.
std::string adminSocketBeside(const std::string& runtimeDirectory) {
    return runtimeDirectory + "-admin/admin.sock";
}

std::string directoryOf(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

// Sockets that nobody named follow the runtime directory.
void moveRuntimeDirectory(Config& config, std::string directory) {
    if (config.query.path == querySocketIn(config.runtimeDirectory)) config.query.path = querySocketIn(directory);
    if (config.admin.path == adminSocketBeside(config.runtimeDirectory))
        config.admin.path = adminSocketBeside(directory);
    config.runtimeDirectory = std::move(directory);
}

// What no single key can tell. An empty list: all is well.
std::vector<std::string> contradictions(const Config& config) {
    std::vector<std::string> found;
    for (const auto* socket : {&config.query, &config.admin}) {
        if (socket->path.size() > maxSocketPathBytes) {
            found.push_back("the socket path " + printable(socket->path) + " is longer than " +
                            std::to_string(maxSocketPathBytes) + " bytes, the most the system takes");
        }
    }
    const auto adminDirectory = directoryOf(config.admin.path);
    if (adminDirectory == directoryOf(config.query.path) || adminDirectory == config.runtimeDirectory) {
        found.push_back(
            "the admin socket must have a directory of its own, apart from the query socket and runtime_dir: " +
            printable(config.admin.path));
    }
    if (config.stateDirectory == config.runtimeDirectory) {
        found.emplace_back(
            "state_dir and runtime_dir must be two directories: one outlives a reboot, the other must not");
    }
    if (config.limits.memoryPerUser > config.limits.memory) {
        found.emplace_back("limits.memory_per_user_kib is more than limits.memory_kib, the memory for all users");
    }
    return found;
}

// What libcurl is given as a proxy: a scheme it knows, then no blank and nothing that is not printable.
bool isProxy(std::string_view text) {
    if (text == "none" || text.empty()) return true;
    const bool known = std::ranges::any_of(std::array{"http://", "https://", "socks5://", "socks5h://"},
                                           [&](const char* scheme) { return text.starts_with(scheme); });
    return known && text.size() <= 512 && !text.ends_with("//") &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

void readAuthority(ConfigSection& section, Config::Online& authority) {
    section.text("url", [&](const std::string& value) -> std::string {
        if (!value.empty()) {
            if (const auto wrong = checkAuthorityUrl(value)) return *wrong;
        }
        authority.url = value;
        return {};
    });
    section.path("ca_file", authority.caFile);
    section.text("proxy", [&](const std::string& value) -> std::string {
        // Not shown: it may hold a password.
        if (!isProxy(value)) return "must be \"none\", or begin with http://, https://, socks5:// or socks5h://";
        authority.proxy = value;
        return {};
    });
}

void readLimits(ConfigSection& section, Config::Limits& limits) {
    section.number("connections", limits.connections, 1, 1'000'000);
    section.number("connections_per_user", limits.connectionsPerUser, 1, 1'000'000);
    auto firstMessage = limits.firstMessage.count();
    section.number("first_message_ms", firstMessage, 100, 60'000);
    limits.firstMessage = std::chrono::milliseconds(firstMessage);
    section.number("message_words", limits.messageWords, 1'024, 65'536);
    section.number("nesting", limits.nesting, 8, 64);
    section.number("flow_words", limits.flowWords, 512, 1'048'576);
    section.number("open_questions", limits.openQuestions, 4, 65'536);
    section.number("memory_per_user_kib", limits.memoryPerUser, 256, 4'194'304, kibi);
    section.number("memory_kib", limits.memory, 1'024, 16'777'216, kibi);
    section.number("activations_per_minute", limits.activationsPerMinute, 1, 1'000);
}

void readSlots(ConfigSection& section, Config& config) {
    auto window = config.slots.reclaimWindow.count();
    section.number("reclaim_window_s", window, 0, 3'600);
    config.slots.reclaimWindow = std::chrono::seconds(window);
    section.number("per_user", config.slots.perUser, 1, std::numeric_limits<std::int32_t>::max());
    section.number("entries", config.slots.entries, 1, 65'536);
    section.number("max_bots", config.lower.maxBots, 0, std::numeric_limits<std::int32_t>::max());
}

void readKey(ConfigSection& section, Config& config) {
    section.text("protection", [&](const std::string& word) -> std::string {
        config.keyProtection = parseKeyLevel(word);
        if (config.keyProtection || word == "auto") return {};
        return "must be \"auto\", \"tpm2\", \"systemd-creds\" or \"file\", not \"" + printable(word, 32) + "\"";
    });
}

// "swtpm:path=/run/swtpm.sock", "device:/dev/tpmrm0": a module of tpm2-tss, and what it is told.
bool isTcti(std::string_view text) {
    return text.size() <= 256 && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

void readDevelopment(ConfigSection& section, Config& config, Build build) {
    Config wanted;
    section.path("roots", wanted.rootsFile);
    section.path("hardware_root", wanted.hardwareRoot);
    section.text("tcti", [&](const std::string& value) -> std::string {
        if (!isTcti(value)) return "must be a module of tpm2-tss with its settings: \"swtpm:path=/run/swtpm.sock\"";
        wanted.tcti = value;
        return {};
    });
    if (build == Build::development) {
        config.rootsFile = wanted.rootsFile;
        config.hardwareRoot = wanted.hardwareRoot;
        config.tcti = wanted.tcti;
        return;
    }
    constexpr std::string_view why = " has no effect: this build has its roots compiled in";
    if (!wanted.rootsFile.empty()) config.ignored.push_back("development.roots" + std::string(why));
    if (wanted.hardwareRoot != "/") config.ignored.push_back("development.hardware_root" + std::string(why));
    if (!wanted.tcti.empty()) config.ignored.push_back("development.tcti" + std::string(why));
}

// The first line, from 1, that is no comment and holds anything but printable ASCII; 0 if there is none. toml++ 3.3 has
// undefined behaviour for letters where a blank may stand; found by config_fuzz.
std::uint32_t lineBeyondAscii(std::string_view text) {
    std::uint32_t line = 1;
    for (std::size_t start = 0; start < text.size(); ++line) {
        const auto end = std::min(text.find('\n', start), text.size());
        const auto content = text.substr(start, end - start);
        const auto first = content.find_first_not_of(" \t");
        const bool comment = first != std::string_view::npos && content[first] == '#';
        const auto foreign = [](unsigned char c) { return (c < 0x20 && c != '\t' && c != '\r') || c > 0x7e; };
        if (!comment && std::ranges::any_of(content, foreign)) return line;
        start = end + 1;
    }
    return 0;
}

}  // namespace

std::string toString(const ConfigError& error) {
    auto place = error.file;
    if (error.line != 0) place += ":" + std::to_string(error.line);
    return place + ": " + error.message;
}

void throw_exception_from_error(const ConfigErrors& errors, const boost::source_location& where) {
    std::string message;
    for (const auto& error : errors.errors) message += (message.empty() ? "" : "\n") + toString(error);
    boost::throw_exception(std::runtime_error(message), where);
}

ConfigResult<Config> parseConfig(std::string_view text, std::string_view file, Build build) {
    const std::string name(file);
    if (text.size() > maxConfigBytes) {
        return ConfigErrors{{{name, 0, "is larger than " + std::to_string(maxConfigBytes) + " bytes"}}};
    }
    if (const auto line = lineBeyondAscii(text)) {
        return ConfigErrors{{{name, line,
                              "holds a character that is not printable ASCII: such letters may stand in lines of "
                              "comment, and in a text as \\u00E9"}}};
    }
    const auto parsed = toml::parse(text);
    if (!parsed) {
        const auto& error = parsed.error();
        return ConfigErrors{{{name, error.source().begin.line, printable(error.description(), 400)}}};
    }

    Config config;
    std::vector<ConfigError> errors;
    std::vector<ConfigSection> sections;
    sections.reserve(12);  // references into it are held below
    auto& top = sections.emplace_back(&parsed.table(), "", name, errors);
    const auto section = [&](const char* key) -> ConfigSection& {
        return sections.emplace_back(top.table(key), key, name, errors);
    };

    top.path("state_dir", config.stateDirectory);
    auto runtimeDirectory = config.runtimeDirectory;
    top.path("runtime_dir", runtimeDirectory);
    moveRuntimeDirectory(config, std::move(runtimeDirectory));
    section("query").socket(config.query, 0666, "may open the socket for reading and writing only, 0o666 at most");
    section("admin").socket(config.admin, 0660, "must not open the admin socket to others: 0o660 at most");
    readAuthority(section("authority"), config.authority);
    readKey(section("key"), config);
    section("log").text("level", [&](const std::string& word) -> std::string {
        const auto level = parseLogLevel(word);
        if (!level) return "must be \"debug\", \"info\", \"warning\" or \"error\", not \"" + printable(word, 32) + "\"";
        config.logLevel = *level;
        return {};
    });
    section("bus").flag("enabled", config.bus);
    readLimits(section("limits"), config.limits);
    readSlots(section("slots"), config);
    section("demo").flag("enabled", config.lower.demoEnabled);
    auto& audit = section("audit");
    audit.number("file_kib", config.audit.fileBytes, 16, 65'536, kibi);
    audit.number("files", config.audit.files, 2, 64);
    readDevelopment(section("development"), config, build);

    for (const auto& each : sections) each.complainOfUnknown(sections);
    if (errors.empty()) {
        for (auto& message : contradictions(config)) errors.push_back({name, 0, std::move(message)});
    }
    if (errors.empty()) return config;
    std::ranges::stable_sort(errors, {}, &ConfigError::line);
    if (errors.size() > maxErrors) errors.resize(maxErrors);
    return ConfigErrors{std::move(errors)};
}

ConfigResult<Config> applyEnvironment(Config config, const Environment& lookup, Build build) {
    std::vector<ConfigError> errors;
    const auto complain = [&](const char* name, const std::string& what) {
        errors.push_back({"environment", 0, std::string(name) + " " + what});
    };
    // An empty variable is as good as none.
    const auto path = [&](const char* name) -> std::optional<std::string> {
        auto value = lookup(name);
        if (!value || value->empty()) return std::nullopt;
        if (!isPlainPath(*value)) {
            complain(name, "must be an absolute path, not \"" + printable(*value) + "\"");
            return std::nullopt;
        }
        while (value->size() > 1 && value->back() == '/') value->pop_back();
        return value;
    };
    if (auto value = path("ENTITLED_STATE_DIR")) config.stateDirectory = *std::move(value);
    if (auto value = path("ENTITLED_RUNTIME_DIR")) moveRuntimeDirectory(config, *std::move(value));
    if (auto value = path("ENTITLED_SOCKET")) config.query.path = *std::move(value);
    if (auto value = path("ENTITLED_ADMIN_SOCKET")) config.admin.path = *std::move(value);
    if (const auto value = lookup("ENTITLED_AUTHORITY_URL"); value && !value->empty()) {
        if (const auto wrong = checkAuthorityUrl(*value)) {
            complain("ENTITLED_AUTHORITY_URL", *wrong);
        } else {
            config.authority.url = *value;
        }
    }
    if (const auto value = lookup("ENTITLED_LOG_LEVEL"); value && !value->empty()) {
        if (const auto level = parseLogLevel(*value)) {
            config.logLevel = *level;
        } else {
            complain("ENTITLED_LOG_LEVEL",
                     "must be debug, info, warning or error, not \"" + printable(*value, 32) + "\"");
        }
    }
    for (const auto& [name, member] : {std::pair{"ENTITLED_ROOTS", &Config::rootsFile},
                                       std::pair{"ENTITLED_HARDWARE_ROOT", &Config::hardwareRoot}}) {
        auto value = path(name);
        if (!value) continue;
        if (build == Build::release) {
            config.ignored.push_back(std::string(name) + " has no effect: this build has its roots compiled in");
        } else {
            config.*member = *std::move(value);
        }
    }
    if (errors.empty()) {
        for (auto& message : contradictions(config)) errors.push_back({"environment", 0, std::move(message)});
    }
    if (!errors.empty()) return ConfigErrors{std::move(errors)};
    return config;
}

}  // namespace entitle
