#include "daemon/config.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/file_calls_unix.h"
#include "daemon/file_checks_unix.h"
#include "daemon/owned_directory.h"

namespace entitle {

namespace {

constexpr mode_t writableByOthers = 0022;

// The directory too: whoever may write there may put another file in this one's place.
FileResult<Descriptor> openTrusted(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto directoryPath = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
    const Descriptor directory(
        retrying([&] { return ::open(directoryPath.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!directory) return problemFromErrno(errno, "open", directoryPath);
    struct stat status {};
    if (::fstat(directory.get(), &status) != 0) return problemFromErrno(errno, "examine", directoryPath);
    // In a sticky directory like /tmp nobody can replace what is another's.
    const mode_t forbidden = (status.st_mode & S_ISVTX) ? 0 : writableByOthers;
    if (auto problem = checkDirectory(status, directoryPath, forbidden)) return *std::move(problem);

    constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    Descriptor file(retrying([&] { return ::openat(directory.get(), name.c_str(), flags); }));
    if (!file) return problemFromErrno(errno, "open", path);
    if (::fstat(file.get(), &status) != 0) return problemFromErrno(errno, "examine", path);
    if (auto problem = checkFile(status, path, writableByOthers)) return *std::move(problem);
    return file;
}

FileResult<std::string> readTrusted(const std::string& path, std::size_t limit) {
    const auto file = openTrusted(path);
    if (file.has_error()) return file.error();
    return readAll(systemFileCalls(), file->get(), path, limit);
}

}  // namespace

Environment processEnvironment() {
    return [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        if (!value) return std::nullopt;
        return std::string(value);
    };
}

ConfigResult<Config> loadConfig(const std::optional<std::string>& path, const Environment& environment, Build build) {
    const auto file = path.value_or(defaultConfigPath);
    const auto text = readTrusted(file, maxConfigBytes);
    const bool absent = text.has_error() && text.error().fault == FileFault::missing && !path;
    if (text.has_error() && !absent) return ConfigErrors{{{file, 0, text.error().message}}};
    auto config = parseConfig(absent ? std::string() : *text, file, build);
    if (config.has_error()) return config;
    return applyEnvironment(*std::move(config), environment, build);
}

boost::system::result<std::string, std::string> readTrustedFile(const std::string& path, std::size_t limit) {
    using Result = boost::system::result<std::string, std::string>;
    auto content = readTrusted(path, limit);
    if (content.has_error()) return Result(boost::system::in_place_error, content.error().message);
    return Result(boost::system::in_place_value, *std::move(content));
}

}  // namespace entitle
