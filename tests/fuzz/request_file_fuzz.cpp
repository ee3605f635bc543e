// What an operator is handed by strangers: the request file, its token, and the claims behind the device's signature.
// First byte 'f': a file; 'r': the payload of a request, signed here by the device key it should name.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "license/document.h"
#include "tests/license/signed_things.h"

using namespace entitle;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void requestFile(std::string_view text) {
    const auto token = parseRequestFile(text);
    if (!token) return;
    const auto again = parseRequestFile(printRequestFile(*token, text));
    require(again && *again == *token);
    verifyOfflineRequest(*token);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const SecretKey deviceKey = test::deviceKey();
    if (size == 0) return 0;
    const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::string label = hostLabelFrom(rest);
    require(label.size() <= 64 && hostLabelFrom(label) == label);

    if (data[0] == 'f') {
        // As a comment the text may be longer than a file may be: cut it to half.
        requestFile(rest.substr(0, maxFileBytes / 4));
        parseLicenseFile(rest);
    } else if (data[0] == 'r' && rest.size() <= 12'000) {
        const std::string token = signToken(deviceKey, rest, test::requestAssertion());
        const auto request = verifyOfflineRequest(token);
        if (request) require(signOfflineRequest(deviceKey, *request) == token);
    }
    return 0;
}
