#include "tests/license/vector_file.h"

#include <algorithm>

namespace entitle::test {

std::string VectorFile::print() const {
    std::string text;
    for (const auto& [name, value] : headers)
        text.append(name).append(value.empty() ? ":" : ": ").append(value).append("\n");
    return text + "\n" + body;
}

std::optional<ReadVector> readVector(std::string_view text) {
    ReadVector read;
    while (true) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        const auto line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (line.empty()) break;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) return std::nullopt;
        std::string_view value = line.substr(colon + 1);
        if (!value.empty() && value.front() != ' ') return std::nullopt;
        value.remove_prefix(std::min<std::size_t>(1, value.size()));
        if (!read.headers.emplace(line.substr(0, colon), value).second) return std::nullopt;
    }
    read.body = text;
    return read;
}

}  // namespace entitle::test
