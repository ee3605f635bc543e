#include "proto/shortcut.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <kj/exception.h>

namespace entitle {
namespace {

using capnp::rpc::Call;
using capnp::rpc::Message;

// Flags of a Call that ask for nothing but an answer to its sender. A later protocol may add flags whose meaning we
// cannot know; of today's (Cap'n Proto 1.x), only noPromisePipelining changes nothing for us.
bool plain(Call::Reader call) {
    constexpr std::size_t knownBytes = 16;  // question, method, sendResultsTo, interface
    constexpr unsigned noPromisePipelining = 1u << 1;
    const capnp::Data::Reader data = capnp::AnyStruct::Reader(call).getDataSection();
    for (std::size_t i = knownBytes; i < data.size(); ++i) {
        const unsigned harmless = i == knownBytes ? noPromisePipelining : 0;
        if ((data[i] & ~harmless) != 0) return false;
    }
    return call.getSendResultsTo().isCaller();
}

}  // namespace

Shortcut::Outcome Shortcut::receive(capnp::MessageReader& message, capnp::MessageBuilder& answer) {
    try {
        const auto root = message.getRoot<Message>();
        switch (root.which()) {
            case Message::CALL:
                return receive(root.getCall(), answer);
            case Message::FINISH:
                return receive(root.getFinish());
            case Message::BOOTSTRAP:
                if (!bootstrap_ && !target_ && !off_) bootstrap_ = root.getBootstrap().getQuestionId();
                break;
            case Message::RELEASE:
                if (target_ == root.getRelease().getId()) turnOff();
                break;
            case Message::UNIMPLEMENTED:
                // libcapnp takes that of a Resolve for a Release of what the Resolve carries.
                turnOff();
                break;
            default:
                break;
        }
    } catch (...) {
        // libcapnp refused what it read, or the method failed. The RPC system comes to the same end and can say so.
    }
    return Outcome::passed;
}

Shortcut::Outcome Shortcut::receive(Call::Reader call, capnp::MessageBuilder& answer) {
    const auto to = call.getTarget();
    if (to.isPromisedAnswer() && answeredHere(to.getPromisedAnswer().getQuestionId())) return Outcome::broken;
    if (!target_ || !to.isImportedCap() || to.getImportedCap() != *target_ || !plain(call)) return Outcome::passed;
    const QuickMethod* method = find(call);
    if (method == nullptr) return Outcome::passed;
    const auto params = call.getParams();
    if (params.getCapTable().size() != 0) return Outcome::passed;

    const std::uint32_t question = call.getQuestionId();
    auto back = answer.initRoot<Message>().initReturn();
    back.setAnswerId(question);
    back.setReleaseParamCaps(false);
    method->answer(params.getContent(), back.initResults().getContent());
    answered_.insert(std::lower_bound(answered_.begin(), answered_.end(), question), question);
    return Outcome::answered;
}

Shortcut::Outcome Shortcut::receive(capnp::rpc::Finish::Reader finish) {
    const std::uint32_t question = finish.getQuestionId();
    if (const auto at = std::lower_bound(answered_.begin(), answered_.end(), question);
        at != answered_.end() && *at == question) {
        answered_.erase(at);
        return Outcome::finished;
    }
    if (bootstrap_ == question) {
        bootstrap_.reset();
        if (target_ && finish.getReleaseResultCaps()) turnOff();
    }
    return Outcome::passed;
}

void Shortcut::sent(capnp::MessageReader& message) {
    const auto root = message.getRoot<Message>();
    if (!root.isReturn() || root.getReturn().getAnswerId() != bootstrap_) return;
    const auto answer = root.getReturn();
    if (answer.isResults()) {
        const auto table = answer.getResults().getCapTable();
        if (table.size() == 1 && table[0].isSenderHosted()) target_ = table[0].getSenderHosted();
    }
    if (!target_) bootstrap_.reset();  // nothing to be had from this one
}

void Shortcut::turnOff() {
    target_.reset();
    off_ = true;
}

const QuickMethod* Shortcut::find(Call::Reader call) const {
    const std::uint64_t interfaceId = call.getInterfaceId();
    const std::uint16_t methodId = call.getMethodId();
    const auto at = std::find_if(methods_.begin(), methods_.end(), [&](const QuickMethod& method) {
        return method.interfaceId == interfaceId && method.methodId == methodId;
    });
    return at == methods_.end() ? nullptr : &*at;
}

bool Shortcut::answeredHere(std::uint32_t question) const {
    return std::binary_search(answered_.begin(), answered_.end(), question);
}

}  // namespace entitle
