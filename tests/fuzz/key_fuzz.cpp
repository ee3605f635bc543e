// What people type as a license key.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "license/key.h"

using namespace entitle;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const KeySecrets secrets =
        *KeySecrets::parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto key = parseLicenseKey(text)) {
        const auto again = parseLicenseKey(key->text());
        require(again && *again == *key);
        // SIV: whatever opens is exactly what sealing its payload gives.
        if (const auto payload = secrets.open(*key)) require(secrets.seal(*payload) == *key);
    }
    KeySecrets::parse(text);
    return 0;
}
