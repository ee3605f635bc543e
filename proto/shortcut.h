// Calls answered before the RPC system sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/rpc.capnp.h>

namespace entitle {

// A method of the bootstrap capability that can be answered at once: no capability either way, no promise, and nothing
// that depends on the calls before it.
struct QuickMethod {
    std::uint64_t interfaceId;
    std::uint16_t methodId;
    // Fills the results as the capability's own method would. May throw: what it filled is dropped then and the call
    // goes to the capability, which says what is wrong with it.
    std::function<void(capnp::AnyPointer::Reader params, capnp::AnyPointer::Builder results)> answer;
};

// Stands between one peer and one RPC system, and answers plain calls of quick methods itself: those addressed to the
// bootstrap capability by its export id. That skips some fifteen promises and as many allocations, half of what a call
// costs. Everything else, and everything unusual or malformed, is the RPC system's.
//
// The export id is learnt from the first Return to a Bootstrap. As soon as the peer gives back a reference to it, by a
// Release, a Finish that releases or an Unimplemented, the id may come to mean something else: no call is answered here
// from then on.
//
// What is answered here must be a new question: whoever asks checks that no open question has its id. An answer may
// overtake those of calls that came before.
class Shortcut {
  public:
    explicit Shortcut(std::vector<QuickMethod> methods) : methods_(std::move(methods)) {}

    enum class Outcome : std::uint8_t {
        passed,    // it is the RPC system's
        answered,  // `answer` is the Return to be sent
        finished,  // it ends a question that was answered here
        broken,    // it breaks a rule the RPC system could not see broken
    };
    // A message of the peer, which is read here within its own limits. `answer` is empty, and useless unless answered.
    Outcome receive(capnp::MessageReader&, capnp::MessageBuilder& answer);

    // A message of the RPC system, which need be shown only while it is watched for the answer to a Bootstrap.
    bool watching() const { return bootstrap_ && !target_ && !off_; }
    void sent(capnp::MessageReader&);

  private:
    Outcome receive(capnp::rpc::Call::Reader, capnp::MessageBuilder& answer);
    Outcome receive(capnp::rpc::Finish::Reader);
    void turnOff();
    const QuickMethod* find(capnp::rpc::Call::Reader) const;
    bool answeredHere(std::uint32_t question) const;

    const std::vector<QuickMethod> methods_;
    std::optional<std::uint32_t> bootstrap_;  // the open question that is, or was, answered with the target
    std::optional<std::uint32_t> target_;     // the export id
    bool off_ = false;
    std::vector<std::uint32_t> answered_;  // ascending. Questions answered here whose Finish has not come
};

}  // namespace entitle
