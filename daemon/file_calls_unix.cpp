#include "daemon/file_calls_unix.h"

#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace entitle {

int FileCalls::openAt(int directory, const char* name, int flags, mode_t mode) {
    return ::openat(directory, name, flags, mode);
}

int FileCalls::fstat(int descriptor, struct stat* into) {
    return ::fstat(descriptor, into);
}

ssize_t FileCalls::read(int descriptor, void* into, std::size_t size) {
    return ::read(descriptor, into, size);
}

ssize_t FileCalls::write(int descriptor, const void* from, std::size_t size) {
    return ::write(descriptor, from, size);
}

int FileCalls::fsync(int descriptor) {
    return ::fsync(descriptor);
}

int FileCalls::ftruncate(int descriptor, off_t size) {
    return ::ftruncate(descriptor, size);
}

int FileCalls::renameAt(int directory, const char* from, const char* to) {
    return ::renameat(directory, from, directory, to);
}

int FileCalls::unlinkAt(int directory, const char* name) {
    return ::unlinkat(directory, name, 0);
}

FileCalls& systemFileCalls() {
    static FileCalls calls;
    return calls;
}

}  // namespace entitle
