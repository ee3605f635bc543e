// Bounded reads of small kernel files below a root. What is not there, not regular or too large reads as nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace entitle {

class Sysfs {
  public:
    static constexpr std::size_t attributeBytes = 4096;  // sysfs gives at most a page
    // `root` as in HardwareSource: "/" or a directory that stands for it.
    explicit Sysfs(std::string root);

    // The file's bytes, white space and NULs at both ends removed; at most `limit` of them, larger files are nothing.
    std::optional<std::string> read(std::string_view path, std::size_t limit = attributeBytes) const;
    // The first `limit` bytes, whatever the size.
    std::string readStart(std::string_view path, std::size_t limit) const;
    bool exists(std::string_view path) const;
    bool deniedToUs(std::string_view path) const;                // it is there, but we may not read it
    std::vector<std::string> list(std::string_view path) const;  // names, sorted, at most 256
    std::string linkTarget(std::string_view path) const;         // "" if it is no symlink
    bool isRealRoot() const { return root_.empty(); }

  private:
    std::string full(std::string_view path) const { return root_ + std::string(path); }
    std::string root_;  // without a trailing slash
};

std::string trimmed(std::string_view);

}  // namespace entitle
