// A fresh directory for one test, 0700, removed with everything in it afterwards. In memory where there is such a
// place: these tests fsync by the thousand.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include <stdlib.h>

namespace entitle::testing {

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        const bool inMemory = ::access("/dev/shm", W_OK | X_OK) == 0 && !::getenv("TMPDIR");
        std::string pattern = inMemory ? "/dev/shm" : std::filesystem::temp_directory_path().string();
        pattern += "/entitled-test-XXXXXX";
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
        path_ = pattern;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  private:
    std::string path_;
};

inline std::string readFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Private like the daemon's own files, parents made as needed.
inline void writeFile(const std::string& path, std::string_view bytes) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) throw std::runtime_error("cannot write " + path);
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

inline bool weAreRoot() {
    return ::geteuid() == 0;
}

}  // namespace entitle::testing
