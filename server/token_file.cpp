#include "server/token_file.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "server/files.h"

namespace entitle {
namespace {

constexpr std::size_t longestFile = 4096;

std::string takeLine(std::string& text) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.erase(0, end == std::string::npos ? end : end + 1);
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

}  // namespace

Granted<SavedToken> readTokenFile(const std::filesystem::path& path) {
    auto text = readSecretFile(path, longestFile);
    if (!text) return text.error();
    SavedToken saved;
    saved.token = takeLine(*text);
    if (saved.token.starts_with("http")) saved.server = std::exchange(saved.token, takeLine(*text));
    const bool plain = std::ranges::all_of(
        saved.token, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
    if (saved.token.empty() || !plain || !text->empty())
        return Denial{DenialReason::unreadable, path.string() + " holds no token: `entitle-server login` writes one"};
    return saved;
}

Granted<void> writeTokenFile(const std::filesystem::path& path, const SavedToken& saved) {
    if (const auto parent = path.parent_path(); !parent.empty()) std::filesystem::create_directories(parent);
    return replaceFile(path, saved.server + "\n" + saved.token + "\n", 0600);
}

}  // namespace entitle
