// vectors_make DIR: writes the vectors of our own formats below DIR (tests/vectors). Run it after a deliberate change
// of a format; a test fails while the files differ from what it makes.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/license/vector_file.h"

int main(int argc, char** argv) {
    namespace fs = std::filesystem;
    if (argc != 2) {
        std::fprintf(stderr, "usage: vectors_make DIR\n");
        return 2;
    }
    for (const auto& vector : entitle::test::madeVectors()) {
        const fs::path path = fs::path(argv[1]) / vector.path;
        fs::create_directories(path.parent_path());
        std::ofstream file(path, std::ios::binary);
        file << vector.print();
        if (!file.flush()) {
            std::fprintf(stderr, "cannot write %s\n", path.c_str());
            return 1;
        }
    }
    return 0;
}
