// The source files of this repository as the architecture test sees them: their includes and their code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace entitle::architecture {

struct Include {
    std::string target;  // what stands between the quotes or brackets
    bool quoted = false;
    int line = 0;
};

struct SourceFile {
    std::string path;  // from the repository root, with '/'
    std::vector<Include> includes;
    std::string code;  // comments, string and character literals blanked; line ends kept
    int lines = 0;

    std::string_view room() const;  // "license", "proto", …: the first part of the path
    std::string_view stem() const;  // the file's name without its extension
    bool isHeader() const { return path.ends_with(".h"); }
};

// Reads one file's text. Pure: the tests of the rules invent their files with it.
SourceFile scan(std::string path, std::string_view text);

// Every .h and .cpp below the rooms of `root`, ordered by path. Throws when a room is missing or a file unreadable.
std::vector<SourceFile> readTree(const std::string& root);

}  // namespace entitle::architecture
