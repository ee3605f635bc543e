#include "tests/server/test_device.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>

#include "license/fingerprint.h"
#include "tests/server/desk.h"

namespace entitle::testing {

TestDevice TestDevice::number(int number) {
    TestDevice device;
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "4c4c4544-004b-3510-804a-%012d", number + 1);
    device.uuid = text.data();
    return device;
}

std::string TestDevice::request(Operation operation, const std::string& rid, const std::string& licenseKey) const {
    ExchangeRequest request;
    request.authority = "desk";
    request.operation = operation;
    request.license = operation == Operation::activate ? LicenseId{} : license;
    request.key = licenseKey;
    request.token = operation == Operation::activate || operation == Operation::reenrol ? "" : token;
    request.rid = rid;
    request.sentAt = noon;
    request.fingerprint = enroll({false, false, {{"product_uuid", {uuid}}, {"cpu", {"intel/6/158"}}}});
    request.hostLabel = "host";
    request.productVersion = "0.2.0";
    request.highestSequence = operation == Operation::activate ? 0 : sequence;
    request.keySetVersion = keySet.version;
    request.revocationEpoch = epoch;
    request.keyLevel = "file";
    return signRequest(*key, request);
}

OpenedReply TestDevice::take(Operation operation, const std::string& rid, const std::string& reply,
                             const Roots& roots) {
    const ReplyContext context{roots,     keySet.version == 0 ? nullptr : &keySet,
                               0,         epoch,
                               operation, id(),
                               rid,       operation == Operation::activate ? LicenseId{} : license};
    auto opened = openReply(reply, context);
    if (!opened) throw std::runtime_error("a reply no daemon takes: " + std::string(toString(opened.error())) + reply);
    keySet = opened->keySet;
    if (!opened->answer.token.empty()) token = opened->answer.token;
    if (opened->license) {
        if (opened->license->sequence < sequence) throw std::runtime_error("a document older than the last one");
        license = opened->license->id;
        sequence = opened->license->sequence;
    }
    if (opened->revocations) epoch = opened->revocations->epoch;
    return std::move(*opened);
}

}  // namespace entitle::testing
