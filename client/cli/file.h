// The files entitlectl reads and writes for a person.
#pragma once

#include <cstddef>
#include <string>

namespace entitle::cli {

// The whole of a file, or of standard input for "-". Throws Failure if it cannot be read or has more than `limit`
// bytes.
std::string readInput(const std::string& path, std::size_t limit);

// Replaces the file as a whole or not at all, readable by everyone: the text is not secret. A symbolic link, or
// anything else that is not a regular file, is refused: it would be replaced in a place nobody thinks of.
void writeFile(const std::string& path, const std::string& text);

// Asks the person at the terminal. Without a terminal there is nobody to ask: throws Failure, for silence is no
// consent.
bool confirmed(const std::string& question);

}  // namespace entitle::cli
