#include "daemon/file_checks_unix.h"

#include <system_error>

#include <unistd.h>

namespace entitle {

namespace {

bool ownerIsTrusted(uid_t owner) {
    return owner == 0 || owner == ::geteuid();
}

std::string octal(mode_t mode) {
    std::string out = "0000";
    for (std::size_t i = 4; i-- > 0; mode >>= 3) out[i] = static_cast<char>('0' + (mode & 7));
    return out;
}

FileProblem wrongOwner(const std::string& path, uid_t owner) {
    return {FileFault::insecure, path + " belongs to user " + std::to_string(owner) +
                                     "; it must belong to root or to user " + std::to_string(::geteuid()) +
                                     ", who runs entitled"};
}

FileProblem wrongMode(const std::string& path, mode_t mode, mode_t forbidden) {
    const mode_t present = mode & 07777;
    const bool writable = (present & forbidden & 0022) != 0;
    return {FileFault::insecure, path + " has mode " + octal(present) + ": others may " +
                                     (writable ? "write" : "read") + " it. Check that nobody did, then: chmod " +
                                     octal(present & ~forbidden & 0777) + " " + path};
}

}  // namespace

FileProblem problemFromErrno(int error, std::string_view action, const std::string& path) {
    std::string message = "cannot " + std::string(action) + " " + path + ": " + std::generic_category().message(error);
    switch (error) {
        case ENOENT:
            return {FileFault::missing, std::move(message)};
        case ELOOP:
            return {FileFault::insecure,
                    path + " is a symbolic link; entitled follows none here. Put the file itself there"};
        case ENXIO:
            return {FileFault::notRegular, path + " is not a regular file"};
        case EISDIR:
            return {FileFault::notRegular, path + " is a directory, a file is expected"};
        case ENOTDIR:
            return {FileFault::notRegular, path + " is not a directory"};
        case ENOSPC:
        case EDQUOT:
            return {FileFault::full, message + ". Free some space there"};
        case EROFS:
            return {FileFault::readOnly, message + ". Mount it for writing"};
        case EACCES:
        case EPERM:
            return {FileFault::readOnly, std::move(message)};
        default:
            return {FileFault::io, std::move(message)};
    }
}

std::optional<FileProblem> checkFile(const struct stat& status, const std::string& path, mode_t forbidden) {
    if (S_ISDIR(status.st_mode))
        return FileProblem{FileFault::notRegular, path + " is a directory, a file is expected"};
    if (!S_ISREG(status.st_mode)) return FileProblem{FileFault::notRegular, path + " is not a regular file"};
    if (!ownerIsTrusted(status.st_uid)) return wrongOwner(path, status.st_uid);
    if (status.st_mode & forbidden) return wrongMode(path, status.st_mode, forbidden);
    if (status.st_nlink > 1) {
        return FileProblem{FileFault::insecure,
                           path + " has " + std::to_string(status.st_nlink) +
                               " names (hard links); somebody else may write it. Replace it by a copy"};
    }
    return std::nullopt;
}

std::optional<FileProblem> checkDirectory(const struct stat& status, const std::string& path, mode_t forbidden) {
    if (!S_ISDIR(status.st_mode)) return FileProblem{FileFault::notRegular, path + " is not a directory"};
    if (!ownerIsTrusted(status.st_uid)) return wrongOwner(path, status.st_uid);
    if (status.st_mode & forbidden) return wrongMode(path, status.st_mode, forbidden);
    return std::nullopt;
}

FileResult<std::string> readAll(FileCalls& calls, int descriptor, const std::string& path, std::size_t limit) {
    std::string content;
    char block[16 * 1024];
    for (;;) {
        const auto got = retrying([&] { return calls.read(descriptor, block, sizeof block); });
        if (got < 0) return problemFromErrno(errno, "read", path);
        if (got == 0) return content;
        content.append(block, static_cast<std::size_t>(got));
        if (content.size() > limit) {
            return FileProblem{FileFault::tooLarge, path + " is larger than " + std::to_string(limit) + " bytes"};
        }
    }
}

}  // namespace entitle
