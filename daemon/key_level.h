// How the device key rests, from the weakest to the strongest. The numbers stand in files: never reused.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace entitle {

enum class KeyLevel : std::uint8_t {
    file = 0,          // readable by the daemon's user alone
    systemdCreds = 1,  // closed with a credential that systemd encrypts with this system's own key
    tpm2 = 2,          // closed by this machine's TPM
};
std::string_view toString(KeyLevel);                      // "file", "systemd-creds", "tpm2"
std::optional<KeyLevel> parseKeyLevel(std::string_view);  // exactly one of those words

}  // namespace entitle
