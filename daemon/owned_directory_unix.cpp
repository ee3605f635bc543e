#include "daemon/owned_directory.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/file_calls_unix.h"
#include "daemon/file_checks_unix.h"

namespace entitle {

namespace {

// A file of ours is nobody else's to read, let alone to write.
constexpr mode_t forbiddenForFiles = 0077;
constexpr unsigned asideNames = 16;

// O_NONBLOCK: opening a FIFO that stands in a file's place must not wait for its other end.
constexpr int carefully = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

std::string withoutTrailingSlashes(std::string path) {
    // "dir/" would follow a symlink that "dir" with O_NOFOLLOW refuses.
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

// A parent that anybody may write lets anybody put another directory in the place of ours, unless it is sticky.
std::optional<FileProblem> checkParent(int directory, const std::string& path) {
    struct stat parent {};
    if (::fstatat(directory, "..", &parent, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;  // not ours to look at
    if ((parent.st_mode & S_IWOTH) && !(parent.st_mode & S_ISVTX)) {
        return FileProblem{
            FileFault::insecure,
            "the directory that holds " + path + " may be written by everybody; anybody could replace what is in it"};
    }
    return std::nullopt;
}

FileResult<void> writeWhole(FileCalls& calls, int descriptor, const std::string& path, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = retrying([&] { return calls.write(descriptor, bytes.data(), bytes.size()); });
        if (written < 0) return problemFromErrno(errno, "write", path);
        if (written == 0) return problemFromErrno(EIO, "write", path);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

FileResult<void> syncFile(FileCalls& calls, int descriptor, const std::string& path) {
    if (retrying([&] { return calls.fsync(descriptor); }) != 0) return problemFromErrno(errno, "write", path);
    return {};
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        if (value_ >= 0) ::close(value_);
        value_ = other.release();
    }
    return *this;
}

Descriptor::~Descriptor() {
    if (value_ >= 0) ::close(value_);
}

int Descriptor::release() {
    return std::exchange(value_, -1);
}

FileResult<std::unique_ptr<OwnedDirectory>> OwnedDirectory::open(const std::string& given, Privacy privacy,
                                                                 FileCalls& calls) {
    const auto path = withoutTrailingSlashes(given);
    const mode_t wanted = privacy == Privacy::secret ? 0700 : 0755;
    std::unique_ptr<OwnedDirectory> self(new OwnedDirectory(path, calls));
    const auto openIt = [&] {
        return retrying([&] { return calls.openAt(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | carefully, 0); });
    };
    int descriptor = openIt();
    if (descriptor < 0 && errno == ENOENT) {
        if (::mkdir(path.c_str(), wanted) != 0 && errno != EEXIST) return problemFromErrno(errno, "create", path);
        descriptor = openIt();
    }
    if (descriptor < 0) {
        // With O_DIRECTORY and O_NOFOLLOW together the kernel calls a symlink "not a directory".
        struct stat status {};
        if (errno == ENOTDIR && ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) errno = ELOOP;
        return problemFromErrno(errno, "open", path);
    }
    self->directory_ = Descriptor(descriptor);

    struct stat status {};
    if (calls.fstat(descriptor, &status) != 0) return problemFromErrno(errno, "examine", path);
    if (auto problem = checkDirectory(status, path, 0777 & ~wanted)) return *std::move(problem);
    if (auto problem = checkParent(descriptor, path)) return *std::move(problem);
    if (retrying([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) != 0) {
        if (errno != EWOULDBLOCK) return problemFromErrno(errno, "lock", path);
        return FileProblem{FileFault::locked, path +
                                                  " is in use by another entitled. Stop that one, or give this one a "
                                                  "directory of its own"};
    }
    return self;
}

std::string OwnedDirectory::pathOf(std::string_view name) const {
    return path_ + "/" + std::string(name);
}

FileResult<Descriptor> OwnedDirectory::openChecked(std::string_view name, int flags, std::uint64_t* size) const {
    const std::string file(name);
    const auto path = pathOf(name);
    Descriptor descriptor(
        retrying([&] { return calls_.openAt(directory_.get(), file.c_str(), flags | carefully, 0600); }));
    if (!descriptor) return problemFromErrno(errno, "open", path);
    struct stat status {};
    if (calls_.fstat(descriptor.get(), &status) != 0) return problemFromErrno(errno, "examine", path);
    if (auto problem = checkFile(status, path, forbiddenForFiles)) return *std::move(problem);
    if (size) *size = static_cast<std::uint64_t>(status.st_size);
    return descriptor;
}

FileResult<std::optional<std::string>> OwnedDirectory::read(std::string_view name, std::size_t limit) const {
    auto descriptor = openChecked(name, O_RDONLY, nullptr);
    if (descriptor.has_error()) {
        if (descriptor.error().fault == FileFault::missing) return std::optional<std::string>();
        return descriptor.error();
    }
    auto content = readAll(calls_, descriptor->get(), pathOf(name), limit);
    if (content.has_error()) return content.error();
    return std::optional<std::string>(*std::move(content));
}

FileResult<void> OwnedDirectory::writeNew(const std::string& temporary, std::string_view bytes) {
    // A stale one of a crashed write, or anything else that somebody put there: O_EXCL then makes it ours.
    if (auto removed = remove(temporary); removed.has_error()) return removed;
    Descriptor descriptor(retrying([&] {
        return calls_.openAt(directory_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | carefully, 0600);
    }));
    const auto path = pathOf(temporary);
    if (!descriptor) return problemFromErrno(errno, "create", path);
    if (auto written = writeWhole(calls_, descriptor.get(), path, bytes); written.has_error()) return written;
    return syncFile(calls_, descriptor.get(), path);
}

FileResult<void> OwnedDirectory::syncSelf() {
    return syncFile(calls_, directory_.get(), path_);
}

FileResult<void> OwnedDirectory::replace(std::string_view name, std::string_view bytes) {
    const auto temporary = std::string(name) + ".new";
    if (auto written = writeNew(temporary, bytes); written.has_error()) {
        (void)remove(temporary);  // gives the space back; a failure to do so loses nothing
        return written;
    }
    return rename(temporary, name);
}

FileResult<void> OwnedDirectory::rename(std::string_view from, std::string_view to) {
    const std::string source(from), target(to);
    if (retrying([&] { return calls_.renameAt(directory_.get(), source.c_str(), target.c_str()); }) != 0) {
        return problemFromErrno(errno, "rename " + pathOf(from) + " to", pathOf(to));
    }
    return syncSelf();
}

FileResult<void> OwnedDirectory::renameOver(std::string_view from, std::string_view to) {
    std::uint64_t size = 0;
    const auto before = openChecked(to, O_WRONLY, &size);
    if (auto renamed = rename(from, to); renamed.has_error()) return renamed;
    // It has no name any more. That it cannot be overwritten undoes nothing.
    if (before) {
        const std::string zeros(static_cast<std::size_t>(std::min<std::uint64_t>(size, 1 << 20)), '\0');
        if (writeWhole(calls_, before->get(), pathOf(to), zeros)) (void)calls_.fsync(before->get());
    }
    return {};
}

FileResult<void> OwnedDirectory::remove(std::string_view name) {
    const std::string file(name);
    if (retrying([&] { return calls_.unlinkAt(directory_.get(), file.c_str()); }) != 0 && errno != ENOENT) {
        return problemFromErrno(errno, "remove", pathOf(name));
    }
    return {};
}

FileResult<std::string> OwnedDirectory::setAside(std::string_view name) {
    for (unsigned n = 1; n <= asideNames; ++n) {
        const auto target = std::string(name) + ".corrupt-" + std::to_string(n);
        struct stat status {};
        if (::fstatat(directory_.get(), target.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) continue;
        if (errno != ENOENT) return problemFromErrno(errno, "examine", pathOf(target));
        if (auto renamed = rename(name, target); renamed.has_error()) return renamed.error();
        return target;
    }
    return FileProblem{FileFault::full, pathOf(name) + " is damaged, and " + std::to_string(asideNames) +
                                            " damaged ones before it are kept beside it (" + std::string(name) +
                                            ".corrupt-1 and so on). Look at the disk, then move them away: none is "
                                            "deleted by itself"};
}

FileResult<std::unique_ptr<AppendFile>> OwnedDirectory::openAppend(std::string_view name) {
    std::uint64_t size = 0;
    auto descriptor = openChecked(name, O_WRONLY | O_APPEND, &size);
    if (descriptor.has_error() && descriptor.error().fault == FileFault::missing) {
        descriptor = openChecked(name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, &size);
        if (descriptor.has_error()) return descriptor.error();
        // What is appended may be synced as often as you like: without its name on the disk all of it can be gone.
        if (auto lasting = syncSelf(); lasting.has_error()) {
            (void)remove(name);  // so that the next try is one again
            return lasting.error();
        }
    }
    if (descriptor.has_error()) return descriptor.error();
    return std::make_unique<AppendFile>(calls_, *std::move(descriptor), pathOf(name), size);
}

FileResult<Descriptor> OwnedDirectory::openReadWrite(std::string_view name) {
    return openChecked(name, O_RDWR | O_CREAT, nullptr);
}

FileResult<void> AppendFile::append(std::string_view bytes) {
    if (torn_) {
        if (auto cut = truncate(size_); cut.has_error()) return cut;
    }
    if (auto written = writeWhole(calls_, descriptor_.get(), path_, bytes); written.has_error()) {
        torn_ = true;
        (void)truncate(size_);  // clears torn_ when it works; else the next append tries again
        return written;
    }
    size_ += bytes.size();
    return {};
}

FileResult<void> AppendFile::sync() {
    return syncFile(calls_, descriptor_.get(), path_);
}

FileResult<void> AppendFile::truncate(std::uint64_t size) {
    if (retrying([&] { return calls_.ftruncate(descriptor_.get(), static_cast<off_t>(size)); }) != 0) {
        return problemFromErrno(errno, "shorten", path_);
    }
    size_ = size;
    torn_ = false;
    return {};
}

}  // namespace entitle
