#include "server/files.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace entitle {
namespace {

namespace fs = std::filesystem;

class Fd {
  public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&&) = delete;
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_;
};

[[noreturn]] void fail(const fs::path& path, const char* what) {
    throw std::system_error(errno, std::generic_category(), path.string() + ": " + what);
}

Fd openFile(const fs::path& path, int flags, mode_t mode = 0) {
    int fd = -1;
    do fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return Fd(fd);
}

Denial cannotOpen(const fs::path& path, int error) {
    if (error == ELOOP)
        return {DenialReason::unsafeFile, path.string() + " is a symbolic link: put the file itself there"};
    return {DenialReason::unreadable, path.string() + ": " + std::generic_category().message(error)};
}

Granted<std::string> readAll(const Fd& fd, const fs::path& path, std::size_t limit) {
    std::string bytes;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannotOpen(path, errno);
        if (got == 0) return bytes;
        bytes.append(buffer, static_cast<std::size_t>(got));
        if (bytes.size() > limit)
            return Denial{DenialReason::unsafeFile,
                          path.string() + " holds more than " + std::to_string(limit) + " bytes"};
    }
}

Granted<void> checkOwnerAndMode(const struct stat& facts, const fs::path& path, bool directory) {
    if (S_ISLNK(facts.st_mode))
        return Denial{DenialReason::unsafeFile, path.string() + " is a symbolic link: name what it points to"};
    if (directory ? !S_ISDIR(facts.st_mode) : !S_ISREG(facts.st_mode))
        return Denial{DenialReason::unsafeFile,
                      path.string() + " is not a " + (directory ? "directory" : "regular file")};
    if (facts.st_uid != ::geteuid())
        return Denial{DenialReason::unsafeFile,
                      path.string() + " belongs to uid " + std::to_string(facts.st_uid) + ", and this runs as uid " +
                          std::to_string(::geteuid()) +
                          ": run it as the owner, or chown the directory to the user it runs as"};
    if ((facts.st_mode & 077) != 0)
        return Denial{DenialReason::unsafeFile,
                      path.string() + " can be reached by other users. If nobody has read it, type: chmod " +
                          (directory ? "700 " : "600 ") + path.string()};
    return {};
}

void writeAll(const Fd& fd, const fs::path& path, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) fail(path, "cannot write");
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void syncPath(const fs::path& path, int flags) {
    const Fd fd = openFile(path, flags);
    if (!fd) fail(path, "cannot open");
    if (::fsync(fd.get()) != 0) fail(path, "cannot sync");
}

fs::path parentOf(const fs::path& path) {
    const auto parent = path.parent_path();
    return parent.empty() ? fs::path(".") : parent;
}

}  // namespace

void keepNewFilesPrivate() {
    ::umask(077);
}

bool runsAsSuperuser() {
    return ::geteuid() == 0;
}

Granted<std::string> readSecretFile(const fs::path& path, std::size_t limit) {
    // Never blocks on a pipe that somebody put in the file's place.
    const Fd fd = openFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return cannotOpen(path, errno);
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0) fail(path, "cannot stat");
    if (auto fine = checkOwnerAndMode(facts, path, false); !fine) return fine.error();
    return readAll(fd, path, limit);
}

Granted<std::string> readPlainFile(const fs::path& path, std::size_t limit) {
    if (path == "-") return readAll(Fd(::dup(STDIN_FILENO)), "standard input", limit);
    const Fd fd = openFile(path, O_RDONLY);
    if (!fd) return cannotOpen(path, errno);
    return readAll(fd, path, limit);
}

Granted<void> checkPrivateDirectory(const fs::path& path) {
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) != 0) return cannotOpen(path, errno);
    return checkOwnerAndMode(facts, path, true);
}

Granted<void> checkPrivateFile(const fs::path& path) {
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) != 0) return cannotOpen(path, errno);
    return checkOwnerAndMode(facts, path, false);
}

Granted<void> makePrivateDirectory(const fs::path& path) {
    std::error_code error;
    if (const auto parent = path.parent_path(); !parent.empty()) fs::create_directories(parent, error);
    if (error) return Denial{DenialReason::unreadable, path.parent_path().string() + ": " + error.message()};
    if (::mkdir(path.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return cannotOpen(path, errno);
    return checkPrivateDirectory(path);
}

void writeNewFile(const fs::path& path, std::string_view bytes, int mode) {
    const Fd fd = openFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!fd) fail(path, "cannot create");
    writeAll(fd, path, bytes);
    if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) fail(path, "cannot set its mode");
    if (::fsync(fd.get()) != 0) fail(path, "cannot sync");
}

Granted<void> replaceFile(const fs::path& path, std::string_view bytes, int mode) {
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode))
        return Denial{DenialReason::unsafeFile,
                      path.string() + " exists and is not a regular file: choose another name"};
    std::string pattern = (parentOf(path) / ("." + path.filename().string() + ".XXXXXX")).string();
    const Fd fd(::mkostemp(pattern.data(), O_CLOEXEC));
    if (!fd) return cannotOpen(path, errno);
    try {
        writeAll(fd, pattern, bytes);
        if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) fail(pattern, "cannot set its mode");
        if (::fsync(fd.get()) != 0) fail(pattern, "cannot sync");
        if (::rename(pattern.c_str(), path.c_str()) != 0) fail(path, "cannot replace");
    } catch (...) {
        ::unlink(pattern.c_str());
        throw;
    }
    syncDirectory(parentOf(path));
    return {};
}

fs::path unfinishedNameOf(const fs::path& path) {
    const fs::path name = parentOf(path) / ("." + path.filename().string() + ".unfinished");
    for (const auto* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(name.string() + suffix);
    return name;
}

Granted<void> publishFile(const fs::path& unfinished, const fs::path& path) {
    if (::chmod(unfinished.c_str(), 0600) != 0) fail(unfinished, "cannot set its mode");
    syncFile(unfinished);
    if (::link(unfinished.c_str(), path.c_str()) != 0) {
        const int why = errno;
        ::unlink(unfinished.c_str());
        if (why == EEXIST)
            return Denial{DenialReason::databaseExists, path.string() + " exists: it is never overwritten"};
        return cannotOpen(path, why);
    }
    ::unlink(unfinished.c_str());
    syncDirectory(parentOf(path));
    return {};
}

void syncFile(const fs::path& path) {
    syncPath(path, O_RDONLY | O_NOFOLLOW);
}

void syncDirectory(const fs::path& path) {
    syncPath(path, O_RDONLY | O_DIRECTORY);
}

std::optional<DirectoryLock> DirectoryLock::tryTake(const fs::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) fail(directory, "cannot open");
    DirectoryLock lock(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return std::nullopt;
        fail(directory, "cannot lock");
    }
    return lock;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

DirectoryLock::~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace entitle
