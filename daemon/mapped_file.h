// A file mapped into memory, shared with whoever maps it next. Not fsynced: it is for what need not outlive a reboot.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "daemon/file_problem.h"
#include "daemon/owned_directory.h"

namespace entitle {

class MappedFile {
  public:
    // Takes the descriptor of a file opened for reading and writing; maps what is there.
    static FileResult<std::unique_ptr<MappedFile>> map(Descriptor, std::string path, std::size_t largest);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    // Valid until the next resize.
    std::span<std::byte> bytes() const { return {data_, size_}; }

    // New bytes are zero and their space is reserved: touching them cannot fail later. After an error the old mapping
    // stands. 0 empties the file.
    FileResult<void> resize(std::size_t);

  private:
    MappedFile(Descriptor descriptor, std::string path);
    void unmap();
    Descriptor descriptor_;
    std::string path_;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace entitle
