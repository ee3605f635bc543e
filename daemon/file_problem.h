// Why a file could not be used, in words a person can act on.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace entitle {

enum class FileFault {
    missing = 1,
    insecure,    // wrong owner or mode, a symlink, a second hard link: somebody else may have written it
    notRegular,  // a FIFO, device, socket or directory stands in its place
    tooLarge,
    locked,       // another process holds it
    full,         // ENOSPC, EDQUOT
    readOnly,     // EROFS, EACCES, EPERM
    io,           // anything else the kernel said
    corrupt,      // readable, but its checksum or form is wrong
    newerFormat,  // written by a newer entitled
    unavailable,  // what the configuration asks for is not there
};
std::string_view toString(FileFault);  // "missing", "insecure", …

struct FileProblem {
    FileFault fault = FileFault::io;
    std::string message;  // one sentence with the path, and what to do where that is known
    bool operator==(const FileProblem&) const = default;
};

template <class T>
using FileResult = boost::system::result<T, FileProblem>;

// Found by argument-dependent lookup when somebody calls .value() on a refusal: throws std::runtime_error(message).
[[noreturn]] void throw_exception_from_error(const FileProblem&, const boost::source_location&);

}  // namespace entitle
