// The few things the authority does with files: secrets that nobody else can read, writes that survive a crash.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "server/denial.h"

namespace entitle {

// Everything this process creates from now on is its owner's alone, unless a call below says otherwise.
void keepNewFilesPrivate();

// True when this process is the superuser: the default directory then is the system's.
bool runsAsSuperuser();

// A secret of at most `limit` bytes. Refused: a symbolic link, anything but a regular file, another owner, any right
// for group or others. The words say which chmod or chown helps.
Granted<std::string> readSecretFile(const std::filesystem::path&, std::size_t limit);

// A file that is no secret (a request, the roots) of at most `limit` bytes; "-" reads standard input.
Granted<std::string> readPlainFile(const std::filesystem::path&, std::size_t limit);

// Refused unless it is a directory (no link), ours, with no right for group or others.
Granted<void> checkPrivateDirectory(const std::filesystem::path&);

// Refused unless it is a regular file (no link), ours, with no right for group or others.
Granted<void> checkPrivateFile(const std::filesystem::path&);

// Makes the directory 0700 with its missing parents; one that exists must pass checkPrivateDirectory.
Granted<void> makePrivateDirectory(const std::filesystem::path&);

// Creates a file that must not exist, writes and fsyncs it. Throws std::system_error. Syncing the directory is the
// caller's, once for several files.
void writeNewFile(const std::filesystem::path&, std::string_view bytes, int mode);

// Puts `bytes` in the place of `path` in one step: after a crash it holds the old content or the new.
// A link, pipe or device in its place is refused, not written through.
Granted<void> replaceFile(const std::filesystem::path&, std::string_view bytes, int mode);

// A new file's unfinished name beside `path`, cleared of what a killed run left there.
std::filesystem::path unfinishedNameOf(const std::filesystem::path& path);

// Syncs an unfinished file and gives it its name, which nobody may have taken: nothing is overwritten. Its mode is
// 0600.
Granted<void> publishFile(const std::filesystem::path& unfinished, const std::filesystem::path& path);

void syncFile(const std::filesystem::path&);
void syncDirectory(const std::filesystem::path&);

// Held while its owner lives, also across kill -9: the kernel drops it with the process.
class DirectoryLock {
  public:
    static std::optional<DirectoryLock> tryTake(const std::filesystem::path& directory);  // none: somebody holds it
    DirectoryLock(DirectoryLock&&) noexcept;
    DirectoryLock& operator=(DirectoryLock&&) noexcept;
    ~DirectoryLock();

  private:
    explicit DirectoryLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace entitle
