// What makes a file or directory trustworthy, and what the kernel's refusals are called. Shared by the owned directory
// and by the reading of configuration.
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/file_calls_unix.h"
#include "daemon/file_problem.h"

namespace entitle {

// Repeats a call that a signal interrupted.
template <class Call>
auto retrying(Call call) {
    for (;;) {
        const auto result = call();
        if (result >= 0 || errno != EINTR) return result;
    }
}

// "cannot <action> <path>: <reason>" and, where one is known, what to do.
FileProblem problemFromErrno(int error, std::string_view action, const std::string& path);

// A regular file with one name, owned by root or this process's user, without any of the `forbidden` mode bits.
std::optional<FileProblem> checkFile(const struct stat&, const std::string& path, mode_t forbidden);
std::optional<FileProblem> checkDirectory(const struct stat&, const std::string& path, mode_t forbidden);

// To the end of the file; `tooLarge` past `limit` bytes, whatever fstat said.
FileResult<std::string> readAll(FileCalls&, int descriptor, const std::string& path, std::size_t limit);

}  // namespace entitle
