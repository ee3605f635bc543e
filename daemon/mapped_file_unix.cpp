#include "daemon/mapped_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/file_checks_unix.h"

namespace entitle {

namespace {

void* mapShared(int descriptor, std::size_t size) {
    return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
}

}  // namespace

MappedFile::MappedFile(Descriptor descriptor, std::string path)
    : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

MappedFile::~MappedFile() {
    unmap();
}

void MappedFile::unmap() {
    if (data_) ::munmap(data_, size_);
    data_ = nullptr;
    size_ = 0;
}

FileResult<std::unique_ptr<MappedFile>> MappedFile::map(Descriptor descriptor, std::string path, std::size_t largest) {
    std::unique_ptr<MappedFile> self(new MappedFile(std::move(descriptor), std::move(path)));
    struct stat status {};
    if (::fstat(self->descriptor_.get(), &status) != 0) return problemFromErrno(errno, "examine", self->path_);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > largest) return FileProblem{FileFault::tooLarge, self->path_ + " is larger than it can be"};
    if (size == 0) return self;
    void* data = mapShared(self->descriptor_.get(), size);
    if (data == MAP_FAILED) return problemFromErrno(errno, "map", self->path_);
    self->data_ = static_cast<std::byte*>(data);
    self->size_ = size;
    return self;
}

FileResult<void> MappedFile::resize(std::size_t size) {
    const int descriptor = descriptor_.get();
    if (size == 0) {
        unmap();
        if (::ftruncate(descriptor, 0) != 0) return problemFromErrno(errno, "empty", path_);
        return {};
    }
    // Reserved, not merely lengthened: writing to a hole of a full file system would be a SIGBUS.
    int error = 0;
    do {
        error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size));
    } while (error == EINTR);
    if (error != 0) return problemFromErrno(error, "enlarge", path_);
    void* data = mapShared(descriptor, size);
    if (data == MAP_FAILED) return problemFromErrno(errno, "map", path_);
    unmap();
    data_ = static_cast<std::byte*>(data);
    size_ = size;
    return {};
}

}  // namespace entitle
