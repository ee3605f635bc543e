#include "client/cli/file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/text.h"
#include "client/identity.h"

namespace entitle::cli {

namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path, int error) {
    throw Failure(exitFault, "file", "Cannot " + what + " " + escaped(path) + ": " + std::strerror(error) + ".");
}

void writeAll(int fd, const std::string& text, const std::string& path) {
    for (std::size_t done = 0; done < text.size();) {
        const auto wrote = write(fd, text.data() + done, text.size() - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) fail("write", path, errno);
        done += static_cast<std::size_t>(wrote);
    }
}

}  // namespace

std::string readInput(const std::string& path, std::size_t limit) {
    const bool standardInput = path == "-";
    Descriptor file;
    if (!standardInput) {
        file = Descriptor{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (!file) fail("read", path, errno);
    }
    const int fd = standardInput ? STDIN_FILENO : file.get();
    std::string out;
    std::array<char, 4096> chunk{};
    for (;;) {
        const auto size = read(fd, chunk.data(), chunk.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) fail("read", path, errno);
        if (size == 0) return out;
        out.append(chunk.data(), static_cast<std::size_t>(size));
        if (out.size() > limit)
            throw Failure(
                exitFault, "too-large",
                escaped(path) + " has more than " + std::to_string(limit / 1024) + " KiB: it is no license file.");
    }
}

void writeFile(const std::string& path, const std::string& text) {
    struct stat present {};
    if (lstat(path.c_str(), &present) == 0 && !S_ISREG(present.st_mode))
        throw Failure(exitFault, "file", escaped(path) + " is not a regular file: it is left alone.",
                      "Name another file, or pipe the output: entitlectl request > FILE");
    auto temporary = path + ".XXXXXX";
    const Descriptor file{mkostemp(temporary.data(), O_CLOEXEC)};
    if (!file) fail("write", path, errno);
    try {
        writeAll(file.get(), text, path);
        if (fchmod(file.get(), 0644) != 0 || fsync(file.get()) != 0 || rename(temporary.c_str(), path.c_str()) != 0)
            fail("write", path, errno);
    } catch (...) {
        unlink(temporary.c_str());
        throw;
    }
}

bool confirmed(const std::string& question) {
    if (isatty(STDIN_FILENO) != 1)
        throw Failure(exitUsage, "not-confirmed", "Nobody can be asked here: standard input is no terminal.",
                      "Say --yes if it is meant.");
    std::cerr << question << " [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace entitle::cli
