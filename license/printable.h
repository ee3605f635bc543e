// Text from anywhere, made fit to be signed, shown and logged.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace entitle {

// What is not printable UTF-8 is left out, the rest cut at `most` bytes, never within a letter. Control characters (C0,
// DEL, C1), surrogates, overlong forms, non-characters, what turns text around and what breaks lines are not printable.
std::string printableFrom(std::string_view, std::size_t most);

}  // namespace entitle
