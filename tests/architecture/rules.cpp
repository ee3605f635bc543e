#include "tests/architecture/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

namespace entitle::architecture {

namespace {

constexpr std::string_view pureCore = "the core is pure: time, files, sockets and threads belong to its callers";
constexpr std::string_view rooms =
    "daemon, client and server meet on the wire and in license/, never in each other's code";
constexpr std::string_view publicHeader = "what programs include brings the standard library and nothing else";
constexpr std::string_view wire = "proto/ moves bytes and names endpoints; it serves both ends and knows neither";

bool isProduct(const SourceFile& file) {
    return file.room() != "tests";
}

bool isPlatformFile(const SourceFile& file) {
    const auto stem = file.stem();
    return std::ranges::any_of(std::array{"_linux", "_unix", "_windows", "_systemd"},
                               [&](std::string_view suffix) { return stem.ends_with(suffix); });
}

bool isWordCharacter(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Where `word` stands as a whole word in code; npos if nowhere from `from` on.
std::size_t findWord(std::string_view code, std::string_view word, std::size_t from = 0) {
    for (auto at = code.find(word, from); at != std::string_view::npos; at = code.find(word, at + 1)) {
        const bool begins = at == 0 || !isWordCharacter(code[at - 1]);
        const auto end = at + word.size();
        const bool ends = end >= code.size() || !isWordCharacter(code[end]) || !isWordCharacter(word.back());
        if (begins && ends) return at;
    }
    return std::string_view::npos;
}

int lineOf(std::string_view code, std::size_t at) {
    return 1 + static_cast<int>(std::count(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

std::string breach(const SourceFile& file, int line, std::string_view what, std::string_view reason) {
    return file.path + ":" + std::to_string(line) + ": " + std::string(what) + ": " + std::string(reason);
}

// One breach per place where one of `words` stands in the code of `file`.
void forbidWords(Breaches& out, const SourceFile& file, std::initializer_list<std::string_view> words,
                 std::string_view reason) {
    for (const auto word : words) {
        for (auto at = findWord(file.code, word); at != std::string_view::npos;
             at = findWord(file.code, word, at + 1)) {
            out.push_back(breach(file, lineOf(file.code, at), word, reason));
        }
    }
}

}  // namespace

const std::vector<ForbiddenInclude>& forbiddenIncludes() {
    static const std::vector<ForbiddenInclude> table{
        {"license/", "proto/", "the core is below the wire"},
        {"license/", "daemon/", "the core is below the daemon"},
        {"license/", "client/", "the core is below the client"},
        {"license/", "server/", "the core is below the authority"},
        {"license/", "boost/asio", pureCore},
        {"license/", "kj/", pureCore},
        {"license/", "capnp/", pureCore},
        {"license/", "proto", pureCore},
        {"license/", "spdlog/", "the core answers; its callers decide what is worth a line in the log"},
        {"license/", "filesystem", pureCore},
        {"license/", "fstream", pureCore},
        {"license/", "iostream", pureCore},
        {"license/", "thread", pureCore},
        {"license/", "mutex", pureCore},
        {"license/", "atomic", pureCore},
        {"license/", "future", pureCore},
        {"license/", "condition_variable", pureCore},
        {"license/", "ctime", pureCore},
        {"license/", "random", "randomness comes from libsodium, for secrets and for everything else"},
        {"license/license.h", "sodium", "plain data knows no crypto"},
        {"license/document.", "license/lifecycle.h", "a document says what was signed, not what it means today"},
        {"license/lifecycle.", "license/document.h", "the lifecycle is given verified licenses, never bytes"},
        {"license/lifecycle.", "license/keyring.h", "the lifecycle is given verified licenses, never bytes"},
        {"license/lifecycle.", "sodium", "the lifecycle is given verified licenses, never bytes"},
        {"license/entitlements.", "license/document.h", "rights follow from state, catalogue and time alone"},
        {"license/entitlements.", "license/keyring.h", "rights follow from state, catalogue and time alone"},
        {"license/entitlements.", "sodium", "rights follow from state, catalogue and time alone"},
        {"license/slots.", "license/document.h", "the ledger counts; it asks nobody for rights"},

        {"proto/", "daemon/", wire},
        {"proto/", "client/", wire},
        {"proto/", "server/", wire},
        {"proto/kj_on_asio", "license/", "an event loop knows no licenses"},
        {"proto/message_stream", "license/", "a byte stream knows no licenses"},

        {"daemon/", "client/", rooms},
        {"daemon/", "server/", rooms},
        {"client/", "daemon/", rooms},
        {"client/client.h", "proto/", publicHeader},
        {"client/client.h", "license/", publicHeader},
        {"client/client.h", "client/", publicHeader},
        {"client/client.h", "boost/", publicHeader},
        {"client/client.h", "kj/", publicHeader},
        {"client/client.h", "capnp/", publicHeader},
        {"client/", "server/", rooms},
        {"server/", "daemon/", rooms},
        {"server/", "client/", rooms},
        {"server/", "proto/", "the authority does not speak the local wire"},
        {"server/", "kj/", "the authority does not speak the local wire"},
        {"server/", "capnp/", "the authority does not speak the local wire"},

        {"daemon/daemon.", "kj/", "the owner of the state is tested without a socket"},
        {"daemon/daemon.", "capnp/", "the owner of the state is tested without a socket"},
        {"daemon/daemon.", "proto/", "the owner of the state is tested without a socket"},
        {"daemon/daemon.", "boost/asio", "the owner of the state is tested without a socket"},
        {"daemon/access.", "daemon/daemon.h", "who may ask is decided before the state is touched"},
        {"daemon/hardware", "license/document.h", "probes read raw facts; matching is license/fingerprint's"},
        {"daemon/store.", "license/entitlements.h", "the store keeps bytes safe and decides nothing"},
        {"daemon/audit.", "license/entitlements.h", "the log records and decides nothing"},
    };
    return table;
}

Breaches includeDirection(const std::vector<SourceFile>& files) {
    Breaches out;
    for (const auto& file : files) {
        for (const auto& rule : forbiddenIncludes()) {
            if (!file.path.starts_with(rule.from)) continue;
            for (const auto& include : file.includes) {
                // "filesystem" means that header; "kj/" and "boost/asio" mean everything that begins so.
                const bool whole =
                    rule.include.find_first_of("/.") == std::string_view::npos && rule.include != "sodium";
                const bool hit = whole ? include.target == rule.include : include.target.starts_with(rule.include);
                if (hit) out.push_back(breach(file, include.line, "includes " + include.target, rule.reason));
            }
        }
    }
    return out;
}

Breaches clockReads(const std::vector<SourceFile>& files) {
    Breaches out;
    for (const auto& file : files) {
        const bool judged = file.room() == "license" || file.room() == "daemon" || file.room() == "server";
        if (!judged || file.path.starts_with("daemon/clock") || file.path == "server/main.cpp") continue;
        // sd_notify's RELOADING=1 must carry the monotonic time of the moment it is sent; nothing is decided by it.
        if (file.path == "daemon/service_systemd.cpp") continue;
        forbidWords(out, file,
                    {"system_clock::now", "steady_clock::now", "high_resolution_clock::now", "clock_gettime",
                     "gettimeofday", "std::time", "localtime", "gmtime"},
                    "time is an argument: only daemon/clock and server/main.cpp read a clock");
    }
    return out;
}

Breaches pureCalls(const std::vector<SourceFile>& files) {
    Breaches out;
    for (const auto& file : files) {
        if (file.room() != "license") continue;
        forbidWords(out, file, {"fopen", "printf", "fprintf", "puts", "getenv", "system(", "abort(", "exit("},
                    pureCore);
    }
    return out;
}

Breaches platformInclusions(const std::vector<SourceFile>& files) {
    static constexpr std::array names{"unistd.h", "fcntl.h",   "poll.h",    "signal.h",   "pwd.h",   "grp.h",
                                      "dirent.h", "spawn.h",   "termios.h", "dlfcn.h",    "netdb.h", "syslog.h",
                                      "sched.h",  "pthread.h", "windows.h", "winsock2.h", "io.h",    "cpuid.h"};
    static constexpr std::array prefixes{"sys/", "linux/", "asm/", "netinet/", "arpa/", "net/", "systemd/"};
    constexpr std::string_view reason = "system calls stand in _linux, _unix, _windows and _systemd files only";
    Breaches out;
    for (const auto& file : files) {
        if (!isProduct(file) || isPlatformFile(file)) continue;
        for (const auto& include : file.includes) {
            if (include.quoted) continue;
            const bool system =
                std::ranges::any_of(names, [&](std::string_view name) { return include.target == name; }) ||
                std::ranges::any_of(prefixes,
                                    [&](std::string_view prefix) { return include.target.starts_with(prefix); });
            if (system) out.push_back(breach(file, include.line, "includes <" + include.target + ">", reason));
        }
        forbidWords(out, file, {"__linux__", "__unix__", "_WIN32", "__APPLE__", "__FreeBSD__"}, reason);
    }
    return out;
}

Breaches ownHeaderFirst(const std::vector<SourceFile>& files) {
    std::map<std::string, const SourceFile*> byPath;
    for (const auto& file : files) byPath[file.path] = &file;
    Breaches out;
    for (const auto& file : files) {
        if (!file.path.ends_with(".cpp")) continue;
        const auto stem = file.path.substr(0, file.path.size() - 4);
        for (const std::string_view suffix : {"", "_unix", "_linux", "_windows", "_systemd"}) {
            if (!stem.ends_with(suffix)) continue;
            const auto header = stem.substr(0, stem.size() - suffix.size()) + ".h";
            if (byPath.count(header) == 0) continue;
            if (file.includes.empty() || file.includes.front().target != header) {
                out.push_back(breach(file, file.includes.empty() ? 1 : file.includes.front().line, "first include",
                                     "it must be \"" + header + "\", so that the header is proven to compile alone"));
            }
            break;
        }
    }
    return out;
}

Breaches fileNames(const std::vector<SourceFile>& files) {
    static constexpr std::array vague{"manager", "helper", "helpers", "util", "utils",
                                      "common",  "base",   "impl",    "misc"};
    Breaches out;
    for (const auto& file : files) {
        const auto stem = file.stem();
        const bool snake =
            !stem.empty() && std::islower(static_cast<unsigned char>(stem[0])) &&
            std::ranges::all_of(stem, [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_'; });
        if (!snake) out.push_back(breach(file, 1, "name", "files are named in snake_case"));
        std::string_view rest = stem;
        while (!rest.empty()) {
            const auto end = std::min(rest.find('_'), rest.size());
            const auto word = rest.substr(0, end);
            if (std::ranges::any_of(vague, [&](std::string_view name) { return word == name; })) {
                out.push_back(
                    breach(file, 1, "name", "'" + std::string(word) + "' says nothing: name what the file decides"));
            }
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return out;
}

Breaches sleepsInTests(const std::vector<SourceFile>& files) {
    Breaches out;
    for (const auto& file : files) {
        if (isProduct(file)) continue;
        forbidWords(out, file, {"sleep_for", "sleep_until", "usleep", "nanosleep", "clock_nanosleep", "sleep("},
                    "a test waits for the event itself, with a deadline");
    }
    return out;
}

Breaches headerForm(const std::vector<SourceFile>& files) {
    Breaches out;
    for (const auto& file : files) {
        if (file.isHeader() && file.code.find("#pragma once") == std::string::npos &&
            file.code.find("#ifndef") == std::string::npos) {
            out.push_back(breach(file, 1, "no #pragma once", "a header may be included twice"));
        }
        for (const auto& include : file.includes) {
            if (include.quoted && include.target.find('/') == std::string::npos) {
                out.push_back(breach(file, include.line, "includes \"" + include.target + "\"",
                                     "in-tree includes are written from the repository root"));
            }
        }
    }
    return out;
}

Breaches compositionRoot(const std::vector<SourceFile>& files) {
    Breaches out;
    for (const auto& file : files) {
        if (file.path == "daemon/main.cpp" && file.lines > 200) {
            out.push_back(
                breach(file, 201, "too long", "the composition root wires parts; past 200 lines it decides things"));
        }
    }
    return out;
}

}  // namespace entitle::architecture
