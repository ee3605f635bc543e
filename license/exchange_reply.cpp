// The body around an answer, and what a device makes of all of it.
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "license/claims.h"
#include "license/document.h"
#include "license/exchange.h"

namespace entitle {
namespace {

namespace json = boost::json;

ClaimLimits replyLimits() {
    ClaimLimits limits;
    limits.bytes = maxReplyBytes;
    return limits;
}

// The key set to read the rest with: the one delivered, unless it is older than what was seen, else the one held.
DocumentResult<KeySet> keySetFor(const ExchangeReply& reply, const ReplyContext& context, bool& delivered) {
    delivered = false;
    if (!reply.keySet.empty()) {
        auto set = verifyKeySet(reply.keySet, context.roots, context.minimumKeySet);
        if (set) {
            delivered = context.keySet == nullptr || set->version > context.keySet->version;
            return delivered ? std::move(set) : DocumentResult<KeySet>(*context.keySet);
        }
        if (set.error() != DocumentError::rollback) return set.error();
    }
    if (context.keySet == nullptr) return DocumentError::unknownKey;
    return *context.keySet;
}

}  // namespace

std::string printReply(const ExchangeReply& reply) {
    json::object body;
    const auto add = [&](std::string_view name, const std::string& token) {
        if (!token.empty()) body.emplace(name, token);
    };
    add("answer", reply.answer);
    add("document", reply.document);
    add("key_set", reply.keySet);
    add("revocations", reply.revocations);
    return json::serialize(body);
}

DocumentResult<ExchangeReply> parseReply(std::string_view text) {
    if (text.size() > maxReplyBytes) return DocumentError::tooLong;
    const auto members = readClaims(text, replyLimits());
    if (!members) return DocumentError::badForm;
    ClaimReader reader(*members);
    ExchangeReply reply;
    reply.answer = reader.text("answer");
    reply.document = reader.optionalText("document");
    reply.keySet = reader.optionalText("key_set");
    reply.revocations = reader.optionalText("revocations");
    reader.require(!reply.answer.empty());
    if (!reader.good()) return DocumentError::badForm;
    return reply;
}

DocumentResult<OpenedReply> openReply(std::string_view text, const ReplyContext& context) {
    const auto reply = parseReply(text);
    if (!reply) return reply.error();
    OpenedReply opened;
    bool delivered = false;
    auto keySet = keySetFor(*reply, context, delivered);
    if (!keySet) return keySet.error();
    opened.keySet = std::move(*keySet);
    if (delivered) opened.keySetToken = reply->keySet;

    auto answer = verifyAnswer(reply->answer, opened.keySet, context.operation, context.device, context.rid);
    if (!answer) return answer.error();
    opened.answer = std::move(*answer);
    const bool named = !opened.answer.license.value.empty() && !context.license.value.empty();
    if (named && opened.answer.license != context.license) return DocumentError::badClaims;

    // Exactly when the answer speaks of a document, one comes, and it is that one.
    if (reply->document.empty() != (opened.answer.sequence == 0)) return DocumentError::badClaims;
    if (!reply->document.empty()) {
        auto license = verifyLicense(reply->document, opened.keySet, context.device);
        if (!license) return license.error();
        if (license->id != opened.answer.license || license->sequence != opened.answer.sequence)
            return DocumentError::badClaims;
        opened.license = std::move(*license);
        opened.documentToken = reply->document;
    }
    if (!reply->revocations.empty()) {
        auto list = verifyRevocations(reply->revocations, opened.keySet, context.revocationEpoch);
        if (list)
            opened.revocations = std::move(*list);
        else if (list.error() != DocumentError::rollback)
            return list.error();
    }
    return opened;
}

}  // namespace entitle
