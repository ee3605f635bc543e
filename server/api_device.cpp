#include <algorithm>

#include "license/exchange.h"
#include "license/printable.h"
#include "license/request.h"
#include "license/rolling_token.h"
#include "server/api.h"
#include "server/device_news.h"
#include "server/hardware.h"
#include "server/mint.h"

namespace entitle {
namespace {

constexpr Seconds mostWait = std::chrono::seconds(50);

// One request, opened, and what its answer is made with.
struct Question {
    const Api& api;
    Store& store;
    ExchangeRequest request;
    Instant now{};
    DeviceId device() const { return request.device(); }
};

HttpResponse reply(const Question& question, const Signer::Ready& ready, const ExchangeDecision& decision,
                   const LicenseId& license, std::uint64_t revocationEpoch) {
    const auto& request = question.request;
    ExchangeAnswer answer;
    answer.authority = ready.set.authority;
    answer.rid = request.rid;
    answer.time = question.now;
    answer.outcome = decision.outcome;
    answer.code = decision.code;
    answer.message = printableFrom(decision.message, maxAnswerMessage);
    answer.license = license;
    answer.after = decision.after;
    answer.ended = decision.ended;
    if (answer.ended != SignedEnd::none) answer.windDown = question.api.policy.windDown;
    if (decision.token)
        answer.token = printRollingToken(question.api.secrets.all(), *decision.token, license, question.device());
    ExchangeReply body;
    if (decision.document) {
        answer.sequence = decision.document->sequence;
        body.document = signLicense(ready.key, *decision.document);
    }
    body.answer = signAnswer(ready.key, request.operation, question.device(), answer);
    if (ready.set.version > request.keySetVersion) body.keySet = ready.setToken;
    if (revocationEpoch > request.revocationEpoch)
        body.revocations = question.api.signer->revocations(ready, revocationEpoch, question.now, [&] {
            return question.store.revocations(static_cast<int>(maxRevocations));
        });
    HttpResponse response;
    response.contentType = answerContentType;
    response.body = printReply(body);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

// A signed no, of what the store knows nothing of.
HttpResponse refuse(const Question& question, std::string_view code, std::string message) {
    const auto ready = question.api.signer->at(question.store.keySet(), question.now);
    if (!ready) return problemOf(ready.error());
    ExchangeDecision decision;
    decision.outcome = Outcome::denied;
    decision.code = code;
    decision.message = std::move(message);
    return reply(question, **ready, decision, question.request.license, 0);
}

std::variant<Question, HttpResponse> open(const Api& api, Worker& worker, const Call& call, Operation operation) {
    std::string_view token = call.request.body;
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.remove_suffix(1);
    auto request = verifyRequest(token, api.authority.roots().authority, operation);
    if (!request)
        return problem(400, "bad-envelope",
                       "The request is not acceptable (" + std::string(toString(request.error())) + ").");
    return Question{api, worker.store, std::move(*request), call.request.now};
}

// The rolling token it presents; none: not of the form.
std::optional<PresentedToken> presentedBy(const Question& question) {
    const auto& request = question.request;
    if (request.token.empty()) return PresentedToken{};
    return readRollingToken(question.api.secrets.all(), request.token, request.license, question.device());
}

HttpResponse exchange(const Api& api, Worker& worker, const Call& call, Operation operation) {
    auto opened = open(api, worker, call, operation);
    if (auto* bad = std::get_if<HttpResponse>(&opened)) return std::move(*bad);
    const auto& question = std::get<Question>(opened);
    const auto& request = question.request;

    ExchangeQuery query;
    query.license = request.license;
    query.device = question.device();
    query.now = question.now;
    query.countFrom = question.now - api.policy.window;
    if (operation == Operation::activate || operation == Operation::reenrol) query.enrols = request.rid;
    if (operation == Operation::activate) {
        const auto row = licenseOfKey(worker.store, api.secrets, request.key);
        if (!row) {
            worker.store.recordRefusal(query.device, std::string(toString(row.error().reason)), question.now);
            auto response = refuse(question, exchange_code::badKey, "This is no license key of this authority.");
            response.wrongSecret = true;
            return response;
        }
        query.license = row->id;
        if (row->type == "trial") query.trialMarks = trialMarksOf(request.fingerprint);
    }
    ExchangeMeans means;
    const auto presented = presentedBy(question);
    if (!presented) return problem(400, "bad-envelope", "The rolling token is not of its form.");
    means.presented = *presented;
    means.sawOthers = operation != Operation::renew && operation != Operation::deactivate;

    ExchangeDecision decision;
    std::shared_ptr<const Signer::Ready> ready;
    std::uint64_t epoch = 0;
    const auto decide = [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        const auto signer = api.signer->at(facts.keySet, question.now);
        if (!signer) return signer.error();
        ready = *signer;
        epoch = facts.revocationEpoch;
        means.fresh = freshNonce();
        means.signingKeyId = ready->keyId;
        decision = decideExchange(facts, request, means, api.policy, question.now);
        return decision.write;
    };
    query.withOthers = means.sawOthers;
    auto done = worker.store.exchange(query, decide);
    if (done && decision.needsOthers) {
        query.withOthers = means.sawOthers = true;
        done = worker.store.exchange(query, decide);
    }
    if (!done && done.error().reason == DenialReason::unknownLicense)
        return refuse(question, exchange_code::unknownLicense, "This authority knows no such license.");
    if (!done) return problemOf(done.error());
    return reply(question, *ready, decision, query.license, epoch);
}

// A change since the wait began, behind the one with the number `seen`, is news whatever the clock says; an earlier one
// if it is later than the device's document.
std::optional<Instant> changeOf(const Question& question, std::int64_t seen) {
    const auto change = question.api.push->lastChange(question.request.license);
    if (!change) return std::nullopt;
    return change->number != seen ? latestInstant : change->at;
}

std::int64_t lastSeen(const Question& question) {
    const auto change = question.api.push->lastChange(question.request.license);
    return change ? change->number : 0;
}

ExchangeDecision lookForNews(const Question& question, const WaitFacts& facts, std::int64_t seen) {
    return decideWait(*facts.license, facts.device, changeOf(question, seen),
                      question.request.revocationEpoch == facts.revocationEpoch);
}

HttpResponse answerWait(const Question& question, const WaitFacts& facts, std::int64_t seen) {
    const auto ready = question.api.signer->at(facts.keySet, question.now);
    if (!ready) return problemOf(ready.error());
    const auto presented = presentedBy(question);
    if (!facts.license || !presented || (!facts.device && !presented->authentic))
        return refuse(question, exchange_code::unknownDevice, "This authority knows no such device of this license.");
    return reply(question, **ready, lookForNews(question, facts, seen), question.request.license,
                 facts.revocationEpoch);
}

// "retry" is the one answer that may come later.
bool saysNothing(const Question& question, const WaitFacts& facts, std::int64_t seen) {
    return facts.license && facts.device && lookForNews(question, facts, seen).outcome == Outcome::retry;
}

Reply wait(const Api& api, Worker& worker, const Call& call) {
    auto opened = open(api, worker, call, Operation::wait);
    if (auto* bad = std::get_if<HttpResponse>(&opened)) return std::move(*bad);
    auto& question = std::get<Question>(opened);
    const auto seen = lastSeen(question);
    // Registered before the look: what happens in between fires the wake.
    const Wake wake;
    auto registration = api.push->listen(question.request.license, wake);
    const auto facts = question.store.waitFacts(question.request.license, question.device());
    if (!saysNothing(question, facts, seen)) return answerWait(question, facts, seen);
    Waiting waiting;
    waiting.wake = wake;
    waiting.registration = std::move(registration);
    waiting.atMost = mostWait;
    // Kept small: thousands wait. Another worker answers, with its own session.
    waiting.answer = [&api, seen, request = std::make_shared<const ExchangeRequest>(std::move(question.request))](
                         Worker& later, bool, Instant now) {
        const Question question{api, later.store, *request, now};
        return answerWait(question, later.store.waitFacts(request->license, question.device()), seen);
    };
    return waiting;
}

}  // namespace

std::vector<Route> deviceRoutes(const Api& api) {
    std::vector<Route> routes;
    for (const auto operation : {Operation::activate, Operation::renew, Operation::deactivate, Operation::reenrol}) {
        auto made = route("POST", std::string(routeOf(operation)), Access::device,
                          [&api, operation](Worker& worker, const Call& call) -> Reply {
                              return exchange(api, worker, call, operation);
                          });
        if (operation == Operation::activate) made.rate = Rate::secret;
        routes.push_back(std::move(made));
    }
    routes.push_back(route("POST", std::string(routeOf(Operation::wait)), Access::device,
                           [&api](Worker& worker, const Call& call) { return wait(api, worker, call); }));
    for (auto& each : routes) each.accepts = requestContentType;
    return routes;
}

}  // namespace entitle
