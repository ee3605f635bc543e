#include "tests/proto/wire_fixture.h"

#include <fstream>

#include <unistd.h>

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>

namespace entitle::test {
namespace {

capnp::rpc::Call::Builder initCall(capnp::MessageBuilder& message, std::uint32_t question, std::uint16_t method) {
    auto call = message.initRoot<capnp::rpc::Message>().initCall();
    call.setQuestionId(question);
    call.initTarget().initPromisedAnswer().setQuestionId(0);
    call.setInterfaceId(capnp::typeId<wire::Entitled>());
    call.setMethodId(method);
    return call;
}

}  // namespace

Bytes flat(capnp::MessageBuilder& message) {
    const auto words = capnp::messageToFlatArray(message);
    const auto bytes = words.asBytes();
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.begin());
    return Bytes(begin, begin + bytes.size());
}

kj::Promise<bool> check(wire::Entitled::Client client, const std::string& feature) {
    auto request = client.checkRequest();
    request.setFeature(feature.c_str());
    return request.send().then(
        [](capnp::Response<wire::Entitled::CheckResults>&& response) { return response.getVerdict().getAllowed(); });
}

Bytes bootstrapMessage(std::uint32_t question) {
    capnp::MallocMessageBuilder message;
    message.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(question);
    return flat(message);
}

Bytes checkMessage(std::uint32_t question, const std::string& feature) {
    capnp::MallocMessageBuilder message;
    initCall(message, question, 1)
        .initParams()
        .getContent()
        .initAs<wire::Entitled::CheckParams>()
        .setFeature(feature.c_str());
    return flat(message);
}

Bytes statusMessage(std::uint32_t question) {
    capnp::MallocMessageBuilder message;
    initCall(message, question, 0).initParams().getContent().initAs<wire::Entitled::StatusParams>();
    return flat(message);
}

Bytes finishMessage(std::uint32_t question) {
    capnp::MallocMessageBuilder message;
    message.initRoot<capnp::rpc::Message>().initFinish().setQuestionId(question);
    return flat(message);
}

Bytes abortMessage() {
    capnp::MallocMessageBuilder message;
    message.initRoot<capnp::rpc::Message>().initAbort().setReason("enough");
    return flat(message);
}

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

std::size_t sendAll(KjLoop& loop, Socket& socket, const Bytes& bytes) {
    socket.non_blocking(true);
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        boost::system::error_code error;
        sent += socket.write_some(boost::asio::buffer(bytes.data() + sent, bytes.size() - sent), error);
        if (error && error != boost::asio::error::would_block) return sent;
        if (!error) continue;
        loop.poll();
        // Full, and still full after the other side has done all it wants to do.
        sent += socket.write_some(boost::asio::buffer(bytes.data() + sent, bytes.size() - sent), error);
        if (error) return sent;
    }
    return sent;
}

Bytes readSome(KjLoop& loop, Socket& socket) {
    socket.non_blocking(true);
    Bytes all;
    while (true) {
        loop.poll();
        std::byte chunk[16'384];
        boost::system::error_code error;
        const std::size_t size = socket.read_some(boost::asio::buffer(chunk), error);
        if (error) return all;
        all.insert(all.end(), chunk, chunk + size);
    }
}

std::size_t residentBytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace entitle::test
