#include "daemon/sysfs_linux.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dirent.h>

#include "daemon/owned_directory.h"

namespace entitle {

namespace {

constexpr std::size_t maxNames = 256;

}  // namespace

std::string trimmed(std::string_view text) {
    constexpr std::string_view blank(" \t\r\n\v\f\0", 7);
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(blank) - first + 1));
}

Sysfs::Sysfs(std::string root) : root_(std::move(root)) {
    while (root_.ends_with('/')) root_.pop_back();
}

std::string Sysfs::readStart(std::string_view path, std::size_t limit) const {
    // Looked at before it is opened: opening a device can have effects. O_NONBLOCK for whatever comes in between.
    struct stat status {};
    if (::stat(full(path).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    const Descriptor file(::open(full(path).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    std::string content(limit, '\0');
    std::size_t size = 0;
    while (size < limit) {
        const auto got = ::read(file.get(), content.data() + size, limit - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;  // a fault in the middle: what came before may still tell something
        size += static_cast<std::size_t>(got);
    }
    content.resize(size);
    return content;
}

std::optional<std::string> Sysfs::read(std::string_view path, std::size_t limit) const {
    const auto content = readStart(path, limit + 1);
    if (content.empty() || content.size() > limit) return std::nullopt;
    return trimmed(content);
}

bool Sysfs::exists(std::string_view path) const {
    struct stat status {};
    return ::stat(full(path).c_str(), &status) == 0;
}

bool Sysfs::deniedToUs(std::string_view path) const {
    return exists(path) && ::access(full(path).c_str(), R_OK) != 0 && errno == EACCES;
}

std::vector<std::string> Sysfs::list(std::string_view path) const {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(full(path).c_str()), &::closedir);
    std::vector<std::string> names;
    if (!directory) return names;
    while (const auto* entry = ::readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (names.size() == maxNames) break;
        names.emplace_back(name);
    }
    std::ranges::sort(names);
    return names;
}

std::string Sysfs::linkTarget(std::string_view path) const {
    char target[PATH_MAX];
    const auto size = ::readlink(full(path).c_str(), target, sizeof target);
    return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace entitle
