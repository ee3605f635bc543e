// A directory that belongs to the daemon alone, held open and locked for life: every file in it is reached through its
// descriptor, never by path, and is refused when anybody else could have put it there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/file_problem.h"

namespace entitle {

class FileCalls;  // file_calls_unix.h
FileCalls& systemFileCalls();

// A file descriptor with one owner. Closed by ::close: losing a close fault of a read descriptor loses nothing, and
// writers fsync first.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
    Descriptor& operator=(Descriptor&&) noexcept;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor();
    int get() const { return value_; }
    int release();
    explicit operator bool() const { return value_ >= 0; }

  private:
    int value_ = -1;
};

class AppendFile;

class OwnedDirectory {
  public:
    // Who may look in: `secret` is 0700 (the state), `shared` must not be writable by others (the runtime directory).
    enum class Privacy { secret, shared };

    // Opens `path`, creating its last part if missing (0700 or 0755). Refused: a symlink as the last part, a directory
    // owned by anybody but this process's user or root, one with more access than `Privacy` allows, or one that another
    // process holds (`locked`). The lock is a flock on the directory itself, kept until destruction: it needs no file,
    // so it works on a full or read-only disk too. `calls` must outlive the directory.
    static FileResult<std::unique_ptr<OwnedDirectory>> open(const std::string& path, Privacy,
                                                            FileCalls& calls = systemFileCalls());

    // The whole of a regular file of ours, at most `limit` bytes; nullopt if there is none.
    FileResult<std::optional<std::string>> read(std::string_view name, std::size_t limit) const;

    // Replaces `name` atomically and durably: write "<name>.new" (0600), fsync, rename, fsync the directory. After an
    // error the old content stands, unless the fault came after the rename: then the new one does. Never neither.
    FileResult<void> replace(std::string_view name, std::string_view bytes);

    // Renames `name` to the first free "<name>.corrupt-<n>" (n from 1) and gives that name. Nothing is ever deleted by
    // it: where 16 stand already, `name` stays where it is and the words ask somebody to look.
    FileResult<std::string> setAside(std::string_view name);

    // Atomic, replaces `to`. `missing` if there is no `from`.
    FileResult<void> rename(std::string_view from, std::string_view to);
    // The same, and the bytes that `to` held are overwritten afterwards, as far as the file system does that in place.
    FileResult<void> renameOver(std::string_view from, std::string_view to);
    FileResult<void> remove(std::string_view name);  // a missing one is success

    // For logs: created 0600 if missing, durably, checked like every file of ours, written at its end.
    FileResult<std::unique_ptr<AppendFile>> openAppend(std::string_view name);

    // For mapped files: created 0600 if missing, checked, opened for reading and writing.
    FileResult<Descriptor> openReadWrite(std::string_view name);

    const std::string& path() const { return path_; }

  private:
    OwnedDirectory(std::string path, FileCalls& calls) : path_(std::move(path)), calls_(calls) {}
    std::string pathOf(std::string_view name) const;
    FileResult<Descriptor> openChecked(std::string_view name, int flags, std::uint64_t* size) const;
    FileResult<void> writeNew(const std::string& temporary, std::string_view bytes);
    FileResult<void> syncSelf();

    std::string path_;
    FileCalls& calls_;
    Descriptor directory_;
};

// A growing file. An append is all or nothing: after a fault what was half written is cut off again, or, where even
// that fails, before the next append.
class AppendFile {
  public:
    AppendFile(FileCalls& calls, Descriptor descriptor, std::string path, std::uint64_t size)
        : calls_(calls), descriptor_(std::move(descriptor)), path_(std::move(path)), size_(size) {}
    FileResult<void> append(std::string_view bytes);
    FileResult<void> sync();
    FileResult<void> truncate(std::uint64_t size);
    std::uint64_t size() const { return size_; }

  private:
    FileCalls& calls_;
    Descriptor descriptor_;
    std::string path_;
    std::uint64_t size_ = 0;  // of whole appends; the file may be longer after a fault
    bool torn_ = false;
};

}  // namespace entitle
