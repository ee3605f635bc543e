#include "tests/license/signed_things.h"

#include <stdexcept>

#include "license/paseto.h"

namespace entitle::test {

std::string payloadOf(std::string_view token) {
    const auto parts = splitPaseto(token);
    if (!parts) throw std::invalid_argument("not a token: " + std::string(token));
    return parts->message;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    const auto where = text.find(from);
    if (where == std::string_view::npos || text.find(from, where + 1) != std::string_view::npos)
        throw std::invalid_argument("not exactly once in the text: " + std::string(from));
    std::string out(text);
    out.replace(where, from.size(), to);
    return out;
}

}  // namespace entitle::test
