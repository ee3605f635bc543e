// One file of tests/vectors: header lines "name: value", a blank line, then the bytes under test up to the file's end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace entitle::test {

struct VectorFile {
    std::string path;                                          // below tests/vectors
    std::vector<std::pair<std::string, std::string>> headers;  // in order
    std::string body;

    std::string print() const;
};

// The headers by name; nullopt when a line is not "name: value" (or "name:"), a name comes twice, or there is no blank
// line.
struct ReadVector {
    std::map<std::string, std::string> headers;
    std::string body;
};
std::optional<ReadVector> readVector(std::string_view text);

// Every vector of our own formats, made from the fixed keys of signed_things.h. The public ones, tests/vectors/paseto
// and tests/vectors/paserk, are kept as they were published and are not made here.
std::vector<VectorFile> madeVectors();
void addExchanges(std::vector<VectorFile>&);  // the part of them that is the device protocol's

}  // namespace entitle::test
