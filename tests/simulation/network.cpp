#include "tests/simulation/network.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <boost/json.hpp>

#include "license/base64url.h"
#include "license/exchange.h"

namespace entitle::simulation {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr std::size_t rememberedAnswers = 12;
constexpr std::size_t signatureBytes = 64;

Operation operationOf(const std::string& path) {
    for (const auto operation :
         {Operation::activate, Operation::renew, Operation::deactivate, Operation::reenrol, Operation::wait})
        if (path == routeOf(operation)) return operation;
    throw std::logic_error("no route: " + path);
}

}  // namespace

json::object peek(std::string_view token) {
    const auto begin = token.find('.', token.find('.') + 1) + 1;
    auto bytes = fromBase64url(token.substr(begin, token.find('.', begin) - begin));
    if (!bytes || bytes->size() < signatureBytes) throw std::logic_error("no token: " + std::string(token));
    bytes->resize(bytes->size() - signatureBytes);
    return json::parse(*bytes).as_object();
}

class Network::Line final : public Authority {
  public:
    Line(Network& network, Machine& machine) : network_(network), machine_(machine) {}

    std::unique_ptr<Asking> ask(Question question, Done done) override {
        const auto claims = peek(question.body);
        auto parcel = std::make_shared<Parcel>(Parcel{machine_, operationOf(question.path), std::move(question.body),
                                                      question.limit, std::move(done), machine_.now()});
        if (const auto* license = claims.if_contains("lic")) parcel->license = license->as_string();
        parcel->rid = claims.at("rid").as_string();
        network_.send(parcel);
        return std::make_unique<Withdrawal>(network_, parcel);
    }

  private:
    class Withdrawal final : public Asking {
      public:
        Withdrawal(Network& network, Sent parcel) : network_(network), parcel_(std::move(parcel)) {}
        ~Withdrawal() override {
            parcel_->done = nullptr;
            if (!parcel_->wait) return;
            network_.waiting_.erase(*parcel_->wait);
            network_.order({{"do", "leave"}, {"wait", *std::exchange(parcel_->wait, std::nullopt)}});
        }

      private:
        Network& network_;
        Sent parcel_;
    };
    Network& network_;
    Machine& machine_;
};

Network::Network(Stage& stage, AuthorityLink& authority, Listener& listener)
    : stage_(stage), authority_(authority), listener_(listener) {}
Network::~Network() = default;

Authority& Network::lineOf(Machine& machine) {
    auto& line = lines_[&machine];
    if (!line) line = std::make_unique<Line>(*this, machine);
    return *line;
}

json::object Network::order(json::object what) {
    json::object kept = what;
    auto out = authority_.order(std::move(what), stage_.now());
    listener_.ordered(kept, out);
    for (const auto& number : out.at("woken").as_array()) {
        const auto wait = number.to_number<std::uint64_t>();
        stage_.after(Seconds{stage_.chance.between(0, 1)}, [this, wait] { finishWait(wait); });
    }
    return out;
}

json::object Network::administer(const std::string& method, const std::string& path, const std::string& body) {
    auto out = order({{"do", "ask"}, {"method", method}, {"path", path}, {"body", body}, {"look", true}});
    stage_.tell("admin", method + " " + path + " " + body + " -> " + std::to_string(out.at("status").to_number<int>()));
    return out;
}

// --- weather ---------------------------------------------------------------------------------------------------------

void Network::cutOff(Machine& machine, Instant until) {
    cutUntil_[&machine] = until;
    for (const auto& [wait, parcel] : std::map(waiting_))
        if (&parcel->machine == &machine) giveUpAtLimit(parcel);
}

void Network::authorityDown(Instant until) {
    downUntil_ = until;
    authorityGone();
}

void Network::authorityGone() {
    for (const auto& [wait, parcel] : std::exchange(waiting_, {})) {
        parcel->wait.reset();
        giveUp(parcel, ContactFault::unconnected);
    }
}

bool Network::reaches(const Machine& machine) const {
    const auto cut = cutUntil_.find(&machine);
    return stage_.now() >= downUntil_ && (cut == cutUntil_.end() || stage_.now() >= cut->second);
}

// --- questions -------------------------------------------------------------------------------------------------------

void Network::send(const Sent& parcel) {
    Chance& chance = stage_.chance;
    if (!reaches(parcel->machine))
        return chance.percent(70) ? giveUp(parcel, ContactFault::unresolved) : giveUpAtLimit(parcel);
    if (chance.percent(weather.busy)) {
        const Seconds after{chance.percent(5) ? 1'000'000'000 : chance.between(1, 600)};
        return giveUp(parcel, ContactFault::busy, std::min(after, maxRetryAfter));
    }
    if (chance.percent(weather.lost)) return giveUpAtLimit(parcel);
    const bool late = chance.percent(weather.late);
    // It arrives after everybody has stopped to wait for it.
    if (late) giveUpAtLimit(parcel);
    const bool answerLost = late || chance.percent(weather.answerLost);
    const bool tampered = chance.percent(weather.tampered);
    if (chance.percent(weather.twice)) {
        auto copy = std::make_shared<Parcel>(*parcel);
        copy->done = nullptr;
        stage_.after(chance.percent(50) ? Seconds{chance.between(0, 3)} : chance.span(1s, 48h),
                     [this, copy] { carry(copy, true, false); });
    }
    if (answerLost && !late) giveUpAtLimit(parcel);
    stage_.after(late ? chance.span(1min, 12h) : Seconds{chance.between(0, 2)},
                 [this, parcel, answerLost, tampered] { carry(parcel, answerLost, tampered); });
}

void Network::carry(const Sent& parcel, bool answerLost, bool tampered) {
    if (stage_.now() < downUntil_) return answerLost ? void() : giveUp(parcel, ContactFault::unconnected);
    serve(parcel, answerLost, tampered);
}

void Network::serve(const Sent& parcel, bool answerLost, bool tampered) {
    if (!answerLost && !parcel->done) answerLost = true;  // withdrawn on the way
    const auto out = order({{"do", "ask"},
                            {"method", "POST"},
                            {"path", routeOf(parcel->operation)},
                            {"body", parcel->body},
                            {"look", parcel->operation != Operation::wait}});
    if (const auto* wait = out.if_contains("wait")) {
        const auto number = wait->to_number<std::uint64_t>();
        if (answerLost) return (void)order({{"do", "leave"}, {"wait", number}});
        parcel->wait = number;
        return keep(parcel);
    }
    listener_.served(*parcel, out);
    if (answerLost) return;
    stage_.after(Seconds{stage_.chance.between(0, 2)},
                 [this, parcel, out, tampered] { deliver(parcel, out, tampered); });
}

// Waits far longer than a real line would: a day of waiting would else be thousands of requests that tell nothing.
void Network::keep(const Sent& parcel) {
    const auto wait = *parcel->wait;
    waiting_[wait] = parcel;
    stage_.after(Seconds{stage_.chance.between(3600, 12 * 3600)}, [this, wait] {
        const auto found = waiting_.find(wait);
        if (found == waiting_.end()) return;
        if (stage_.chance.percent(80)) return finishWait(wait);
        const auto parcel = found->second;  // the line was silent for too long
        giveUp(parcel, ContactFault::silent);
    });
}

void Network::finishWait(std::uint64_t wait) {
    const auto found = waiting_.find(wait);
    if (found == waiting_.end()) return;
    const auto parcel = found->second;
    waiting_.erase(found);
    parcel->wait.reset();
    const auto out = order({{"do", "answer"}, {"wait", wait}});
    listener_.served(*parcel, out);
    deliver(parcel, out, stage_.chance.percent(weather.tampered));
}

// --- answers ---------------------------------------------------------------------------------------------------------

void Network::giveUp(const Sent& parcel, ContactFault fault, std::optional<Seconds> retryAfter) {
    if (parcel->wait) {
        const auto wait = *std::exchange(parcel->wait, std::nullopt);
        waiting_.erase(wait);
        order({{"do", "leave"}, {"wait", wait}});
    }
    stage_.after(Seconds{stage_.chance.between(0, 2)}, [this, parcel, fault, retryAfter] {
        hand(parcel, ContactFailure{fault, "Nobody is there.", retryAfter}, false);
    });
}

void Network::giveUpAtLimit(const Sent& parcel) {
    stage_.after(std::chrono::ceil<Seconds>(parcel->limit), [this, parcel] {
        if (!parcel->done) return;
        if (parcel->wait) {
            waiting_.erase(*parcel->wait);
            order({{"do", "leave"}, {"wait", *std::exchange(parcel->wait, std::nullopt)}});
        }
        hand(parcel, ContactFailure{ContactFault::silent, "Nobody answers.", std::nullopt}, false);
    });
}

void Network::deliver(const Sent& parcel, const json::object& out, bool tampered) {
    const int status = out.at("status").to_number<int>();
    std::string body(out.at("body").as_string());
    if (status != 200 || out.at("type").as_string() != answerContentType) {
        const bool busy = status == 429 || status >= 500;
        if (!busy) stage_.fail("the authority calls a daemon's request unacceptable: " + body);
        return hand(parcel, ContactFailure{busy ? ContactFault::busy : ContactFault::notAuthority, body, std::nullopt},
                    false);
    }
    answers_.push_back(body);
    if (answers_.size() > rememberedAnswers) answers_.erase(answers_.begin());
    if (!reaches(parcel->machine)) return giveUpAtLimit(parcel);
    if (!tampered) return hand(parcel, body, true);
    const std::string bad = spoiled(parcel, body);
    hand(parcel, bad, bad == body);
}

// A portal, a forger, a mirror of old answers, a damaged line.
std::string Network::spoiled(const Sent& parcel, std::string answer) {
    Chance& chance = stage_.chance;
    switch (chance.between(0, 4)) {
        case 0:
            return "<html><body>Welcome to our network</body></html>";
        case 1:
            return R"({"answer":{"outcome":"denied","code":"license_revoked","ended":"revoked"}})";
        case 2:
            return chance.among(answers_);
        case 3: {
            // The words of a real answer, with another verdict, under a signature of nobody's.
            ExchangeAnswer forged;
            forged.authority = "desk";
            forged.rid = parcel->rid;
            forged.time = stage_.now();
            forged.outcome = Outcome::denied;
            forged.code = "license_revoked";
            forged.license = {parcel->license};
            forged.ended = parcel->license.empty() ? SignedEnd::none : SignedEnd::revoked;
            ExchangeReply reply;
            reply.answer = signAnswer(SecretKey::generate(), parcel->operation, parcel->machine.device(), forged);
            return printReply(reply);
        }
        default: {
            // Within a token, where every character counts.
            auto& damaged = answer[static_cast<std::size_t>(chance.between(30, 200))];
            damaged = damaged == 'A' ? 'B' : 'A';
            return answer;
        }
    }
}

void Network::hand(const Sent& parcel, Authority::Result result, bool intact) {
    if (!parcel->done) return;
    Machine& machine = parcel->machine;
    if (machine.power() == Machine::Power::asleep) {
        // Whatever came lies in the socket's buffer, or the line is found dead, when it wakes.
        if (stage_.chance.percent(70)) result = ContactFailure{ContactFault::silent, "It slept.", std::nullopt};
        intact = intact && result;
        return stage_.after(60s, [this, parcel, result, intact] { hand(parcel, result, intact); });
    }
    auto done = std::exchange(parcel->done, nullptr);
    const std::optional<std::string> answer = intact ? std::optional(*result) : std::nullopt;
    if (!intact && result && parcel->operation != Operation::wait)
        stage_.tell(machine.name, std::string(toString(parcel->operation)) + ": a spoiled answer");
    listener_.heard(*parcel, answer);
    machine.with([&](Daemon&) { done(std::move(result)); });
}

}  // namespace entitle::simulation
