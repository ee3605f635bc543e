// The system calls that persistence makes, one for one: the seam where tests inject ENOSPC, EIO, EINTR and death.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/stat.h>
#include <sys/types.h>

namespace entitle {

// Every method behaves as the call it is named after: the result, or -1 with errno set. Callers retry EINTR and finish
// short reads and writes themselves, so an implementation may give either at any time.
class FileCalls {
  public:
    virtual ~FileCalls() = default;
    virtual int openAt(int directory, const char* name, int flags, mode_t mode);
    virtual int fstat(int descriptor, struct stat* into);
    virtual ssize_t read(int descriptor, void* into, std::size_t size);
    virtual ssize_t write(int descriptor, const void* from, std::size_t size);
    virtual int fsync(int descriptor);
    virtual int ftruncate(int descriptor, off_t size);
    virtual int renameAt(int directory, const char* from, const char* to);  // replaces `to`
    virtual int unlinkAt(int directory, const char* name);
};

// The calls themselves; lives as long as the process.
FileCalls& systemFileCalls();

}  // namespace entitle
