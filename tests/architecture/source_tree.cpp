#include "tests/architecture/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace entitle::architecture {

namespace {

// Length of a raw string literal's prefix R"delimiter( at `at`, or 0.
std::size_t rawStringDelimiter(std::string_view text, std::size_t at, std::string& end) {
    if (text.substr(at, 2) != "R\"") return 0;
    const auto open = text.find('(', at + 2);
    if (open == std::string_view::npos || open - at > 18) return 0;
    end = ")" + std::string(text.substr(at + 2, open - at - 2)) + "\"";
    return open + 1 - at;
}

// Comments and literals become blanks, so that a word in them is not taken for code. Line ends stay.
std::string blankCommentsAndLiterals(std::string_view text, bool keepLiterals) {
    std::string out(text);
    auto blank = [&](std::size_t from, std::size_t to) {
        for (auto i = from; i < to && i < out.size(); ++i) {
            if (out[i] != '\n') out[i] = ' ';
        }
    };
    std::size_t i = 0;
    while (i < text.size()) {
        std::string rawEnd;
        if (text.substr(i, 2) == "//") {
            const auto end = std::min(text.find('\n', i), text.size());
            blank(i, end);
            i = end;
        } else if (text.substr(i, 2) == "/*") {
            const auto found = text.find("*/", i + 2);
            const auto end = found == std::string_view::npos ? text.size() : found + 2;
            blank(i, end);
            i = end;
        } else if (const auto prefix = rawStringDelimiter(text, i, rawEnd); prefix != 0) {
            const auto found = text.find(rawEnd, i + prefix);
            const auto end = found == std::string_view::npos ? text.size() : found + rawEnd.size();
            if (!keepLiterals) blank(i, end);
            i = end;
        } else if (text[i] == '"' ||
                   (text[i] == '\'' && (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))) {
            auto end = i + 1;
            while (end < text.size() && text[end] != text[i] && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
            end = std::min(end + 1, text.size());
            if (!keepLiterals) blank(i + 1, end - 1);
            i = end;
        } else {
            ++i;
        }
    }
    return out;
}

}  // namespace

std::string_view SourceFile::room() const {
    return std::string_view(path).substr(0, path.find('/'));
}

std::string_view SourceFile::stem() const {
    const auto name = std::string_view(path).substr(path.rfind('/') + 1);
    return name.substr(0, name.rfind('.'));
}

SourceFile scan(std::string path, std::string_view text) {
    SourceFile file;
    file.path = std::move(path);
    file.code = blankCommentsAndLiterals(text, false);
    file.lines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));

    const auto uncommented = blankCommentsAndLiterals(text, true);
    std::string_view rest = uncommented;
    for (int line = 1; !rest.empty(); ++line) {
        const auto end = std::min(rest.find('\n'), rest.size());
        auto words = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        auto skip = [&] { words.remove_prefix(std::min(words.find_first_not_of(" \t"), words.size())); };
        skip();
        if (!words.starts_with('#')) continue;
        words.remove_prefix(1);
        skip();
        if (!words.starts_with("include")) continue;
        words.remove_prefix(7);
        skip();
        if (words.empty() || (words[0] != '"' && words[0] != '<')) continue;
        const bool quoted = words[0] == '"';
        words.remove_prefix(1);
        file.includes.push_back({std::string(words.substr(0, words.find(quoted ? '"' : '>'))), quoted, line});
    }
    return file;
}

std::vector<SourceFile> readTree(const std::string& root) {
    std::vector<SourceFile> files;
    for (const std::string room : {"license", "proto", "daemon", "client", "server", "tests"}) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root + "/" + room)) {
            const auto extension = entry.path().extension();
            if (!entry.is_regular_file() || (extension != ".h" && extension != ".cpp" && extension != ".c")) continue;
            std::ifstream in(entry.path(), std::ios::binary);
            if (!in) throw std::runtime_error("cannot read " + entry.path().string());
            const std::string text(std::istreambuf_iterator<char>(in), {});
            files.push_back(scan(entry.path().lexically_relative(root).generic_string(), text));
        }
    }
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return files;
}

}  // namespace entitle::architecture
