#include "daemon/key_level.h"

#include <stdexcept>

namespace entitle {

std::string_view toString(KeyLevel level) {
    switch (level) {
        case KeyLevel::file:
            return "file";
        case KeyLevel::systemdCreds:
            return "systemd-creds";
        case KeyLevel::tpm2:
            return "tpm2";
    }
    throw std::invalid_argument("a key level outside of its enumeration");
}

std::optional<KeyLevel> parseKeyLevel(std::string_view word) {
    for (const auto level : {KeyLevel::file, KeyLevel::systemdCreds, KeyLevel::tpm2}) {
        if (toString(level) == word) return level;
    }
    return std::nullopt;
}

}  // namespace entitle
