#include "daemon/file_problem.h"

#include <stdexcept>

#include <boost/throw_exception.hpp>

namespace entitle {

std::string_view toString(FileFault fault) {
    switch (fault) {
        case FileFault::missing:
            return "missing";
        case FileFault::insecure:
            return "insecure";
        case FileFault::notRegular:
            return "not-regular";
        case FileFault::tooLarge:
            return "too-large";
        case FileFault::locked:
            return "locked";
        case FileFault::full:
            return "full";
        case FileFault::readOnly:
            return "read-only";
        case FileFault::io:
            return "io";
        case FileFault::corrupt:
            return "corrupt";
        case FileFault::newerFormat:
            return "newer-format";
        case FileFault::unavailable:
            return "unavailable";
    }
    return "io";
}

void throw_exception_from_error(const FileProblem& problem, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(problem.message), where);
}

}  // namespace entitle
