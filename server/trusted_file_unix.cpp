#include "server/trusted_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace entitle {

Granted<std::string> readTrustedFile(const std::filesystem::path& path, std::size_t limit) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        const std::string why =
            errno == ELOOP ? "is a symbolic link" : std::string("cannot be read: ") + strerror(errno);
        return Denial{errno == ELOOP ? DenialReason::unsafeFile : DenialReason::unreadable, path.string() + " " + why};
    }
    const struct Closer {
        int fd;
        ~Closer() { ::close(fd); }
    } closer{fd};
    struct stat is {};
    if (::fstat(fd, &is) != 0 || !S_ISREG(is.st_mode))
        return Denial{DenialReason::unsafeFile, path.string() + " is no regular file"};
    if (is.st_uid != 0 && is.st_uid != ::geteuid())
        return Denial{DenialReason::unsafeFile, path.string() + " belongs to another user: chown it to root"};
    if ((is.st_mode & 022) != 0)
        return Denial{DenialReason::unsafeFile,
                      path.string() + " can be written by others: chmod go-w " + path.string()};
    std::string text(limit + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const auto got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Denial{DenialReason::unreadable, path.string() + " cannot be read: " + strerror(errno)};
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > limit)
        return Denial{DenialReason::unsafeFile, path.string() + " is larger than " + std::to_string(limit) + " bytes"};
    text.resize(size);
    return text;
}

}  // namespace entitle
