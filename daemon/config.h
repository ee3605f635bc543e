// /etc/entitled/entitled.toml → Config. Strict: an unknown key or a value out of range is an error with its line.
// Nothing here grants a right: values set on a machine may only lower what the license gives.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "daemon/key_level.h"
#include "daemon/log.h"
#include "license/entitlements.h"

namespace entitle {

inline constexpr std::size_t maxConfigBytes = 64 * 1024;
inline constexpr const char* defaultConfigPath = "/etc/entitled/entitled.toml";

struct ConfigError {
    std::string file;
    std::uint32_t line = 0;  // from 1; 0: the file as a whole, or the environment
    std::string message;     // a sentence
    bool operator==(const ConfigError&) const = default;
};
std::string toString(const ConfigError&);  // "/etc/entitled/entitled.toml:12: …"

struct ConfigErrors {
    std::vector<ConfigError> errors;  // at least one; in the order of lines, at most 50
};
[[noreturn]] void throw_exception_from_error(const ConfigErrors&, const boost::source_location&);

template <class T>
using ConfigResult = boost::system::result<T, ConfigErrors>;

struct Config {
    std::string stateDirectory = "/var/lib/entitled";  // state_dir
    std::string runtimeDirectory = "/run/entitled";    // runtime_dir: the slot ledger

    struct Socket {
        std::string path;
        std::uint32_t mode = 0;  // 0666 and the like; never writable by more than asked
        std::string group;       // "" leaves the process's group
        bool operator==(const Socket&) const = default;
    };
    Socket query{"/run/entitled/entitled.sock", 0666, ""};                  // [query]
    Socket admin{"/run/entitled-admin/admin.sock", 0660, "entitle-admin"};  // [admin]; in a directory of its own

    // Development builds only (no ENTITLE_ROOTS compiled in); a release build ignores them and says so in `ignored`.
    std::string rootsFile;           // [development] roots: a file with the trust anchor
    std::string hardwareRoot = "/";  // [development] hardware_root: where sysfs, proc, etc and dev are looked for
    std::string tcti;                // [development] tcti: how the TPM is reached, "swtpm:path=…"; "": dev/tpmrm0

    struct Online {
        std::string url;  // checkAuthorityUrl has passed it; "": everything comes by file, nothing touches the network
        std::string caFile;  // ca_file: PEM; "": the system's trust store
        std::string proxy;   // "": as the environment says; "none"; or a URL
        bool operator==(const Online&) const = default;
    } authority;  // [authority]

    // [key] protection: how the device key rests; nothing is "auto", the best that this machine has.
    std::optional<KeyLevel> keyProtection;
    bool bus = true;  // [bus] enabled: org.cryptoorchestrator.Entitled1 on the system bus

    LogLevel logLevel = LogLevel::info;  // [log] level

    struct Limits {                                     // [limits], defaults of SECURITY.md
        std::uint32_t connections = 16'384;             // in all
        std::uint32_t connectionsPerUser = 256;         // or twice the quota; at most 3/4 of all
        std::chrono::milliseconds firstMessage{2'000};  // first_message_ms
        std::uint32_t messageWords = 8'192;
        std::uint32_t nesting = 16;
        std::uint32_t flowWords = 4'096;
        std::uint32_t openQuestions = 1'024;       // per connection
        std::uint64_t memoryPerUser = 8ull << 20;  // memory_per_user_kib
        std::uint64_t memory = 64ull << 20;        // memory_kib
        std::uint32_t activationsPerMinute = 5;    // per user
        bool operator==(const Limits&) const = default;
    } limits;

    struct Slots {                               // [slots]
        std::chrono::seconds reclaimWindow{30};  // reclaim_window_s
        std::optional<std::int64_t> perUser;     // per_user: a share of the quota for each user
        std::uint32_t entries = 65'536;          // held at once, whatever their count
        bool operator==(const Slots&) const = default;
    } slots;

    // [slots] max_bots and [demo] enabled: they lower, never raise. For entitlements.h `lowered`, and to cap a license.
    LocalLimits lower;

    struct Audit {                             // [audit]
        std::uint64_t fileBytes = 1ull << 20;  // file_kib
        std::uint32_t files = 4;
        bool operator==(const Audit&) const = default;
    } audit;

    // What was set but has no effect in this build, one sentence each: to be logged as warnings.
    std::vector<std::string> ignored;
};

// Is this binary one with roots compiled in? Then it takes none from configuration or environment.
enum class Build { development, release };

// Pure: text → Config. `file` is only for messages.
ConfigResult<Config> parseConfig(std::string_view text, std::string_view file, Build);

// ENTITLED_STATE_DIR, ENTITLED_RUNTIME_DIR, ENTITLED_SOCKET, ENTITLED_ADMIN_SOCKET, ENTITLED_AUTHORITY_URL,
// ENTITLED_LOG_LEVEL, and in development builds ENTITLED_ROOTS (a file) and ENTITLED_HARDWARE_ROOT. `lookup` gives a
// variable's value.
using Environment = std::function<std::optional<std::string>(const char* name)>;
ConfigResult<Config> applyEnvironment(Config, const Environment&, Build);
Environment processEnvironment();

// Reads, checks and parses. No path: defaultConfigPath, and defaults if that does not exist. Refused: a symlink, FIFO
// or device in its place, more than maxConfigBytes, a file or directory writable by group or others, or owned by
// anybody but root and this process's user.
ConfigResult<Config> loadConfig(const std::optional<std::string>& path, const Environment&, Build);

// A short file of the administrator (roots), under the same rules as the configuration. The error is a sentence.
boost::system::result<std::string, std::string> readTrustedFile(const std::string& path, std::size_t limit);

}  // namespace entitle
