// The daemon with an authority whose answers a test writes, signed as the real one's are.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/authority.h"
#include "license/exchange.h"
#include "license/key.h"
#include "tests/daemon/core_fixture.h"

namespace entitle::testing {

class FakeAuthority final : public Authority {
  public:
    struct Asked {
        Question question;
        Done done;  // empty: answered or withdrawn
        bool open() const { return done != nullptr; }
    };

    std::unique_ptr<Asking> ask(Question question, Done done) override {
        if (onAsk) onAsk(question);
        all.push_back(std::make_shared<Asked>(Asked{std::move(question), std::move(done)}));
        return std::make_unique<Withdrawal>(all.back());
    }

    std::vector<std::shared_ptr<Asked>> open(Operation operation) const {
        std::vector<std::shared_ptr<Asked>> found;
        for (const auto& asked : all)
            if (asked->open() && asked->question.path == routeOf(operation)) found.push_back(asked);
        return found;
    }
    std::size_t sent(Operation operation) const {
        return static_cast<std::size_t>(std::count_if(
            all.begin(), all.end(), [&](const auto& asked) { return asked->question.path == routeOf(operation); }));
    }
    static void answer(const std::shared_ptr<Asked>& asked, Result result) {
        auto done = std::exchange(asked->done, nullptr);
        done(std::move(result));
    }

    std::vector<std::shared_ptr<Asked>> all;
    std::function<void(const Question&)> onAsk;

  private:
    class Withdrawal final : public Asking {
      public:
        explicit Withdrawal(std::shared_ptr<Asked> asked) : asked_(std::move(asked)) {}
        ~Withdrawal() override { asked_->done = nullptr; }

      private:
        std::shared_ptr<Asked> asked_;
    };
};

struct FollowingWatcher final : ContactWatcher {
    void contactNews(const ContactNews& told) override { news.push_back(told); }
    void contactEnded(const ContactEnd& told) override { ends.push_back(told); }
    std::vector<ContactNews> news;
    std::vector<ContactEnd> ends;
};

class OnlineTest : public DaemonTest {
  protected:
    void SetUp() override {
        DaemonTest::SetUp();
        daemon->ready();
        connect();
    }
    void TearDown() override {
        if (daemon) daemon->unfollow(watcher);
        DaemonTest::TearDown();
    }
    void connect() { daemon->connect(&authority, "https://licenses.example"); }
    // As after kill -9: nothing is said to anybody.
    void restartOnline() {
        restart();
        connect();
    }

    std::string activateRefusal(const std::string& key) {
        auto done = daemon->activate(key, 1000, watcher);
        return done ? "" : done.error().code;
    }
    // Exactly one question of this kind is open.
    std::shared_ptr<FakeAuthority::Asked> asked(Operation operation) {
        const auto open = authority.open(operation);
        EXPECT_EQ(open.size(), 1u) << toString(operation);
        if (open.empty()) throw std::runtime_error("nothing was asked");
        return open.back();
    }
    ExchangeRequest read(const std::shared_ptr<FakeAuthority::Asked>& asked, Operation operation) const {
        return verifyRequest(asked->question.body, issuer.authority_, operation).value();
    }

    // An answer to this request; the caller says what it is.
    ExchangeAnswer answerTo(const ExchangeRequest& request, Outcome outcome) const {
        ExchangeAnswer answer;
        answer.authority = issuer.authority_;
        answer.rid = request.rid;
        answer.time = clock.now_.wall;
        answer.outcome = outcome;
        answer.license = {"lic_0123456789abcdef"};
        if (outcome != Outcome::granted) answer.code = "for_a_reason";
        return answer;
    }
    std::string reply(const ExchangeRequest& request, const ExchangeAnswer& answer,
                      const std::optional<License>& license = std::nullopt) const {
        ExchangeReply reply;
        reply.answer = signAnswer(issuer.signing_, request.operation, request.device(), answer);
        if (license) reply.document = signLicense(issuer.signing_, *license);
        if (request.keySetVersion < issuer.keySet_.version) reply.keySet = signKeySet(issuer.root_, issuer.keySet_);
        if (list) reply.revocations = signRevocations(issuer.signing_, *list);
        return printReply(reply);
    }
    std::string granting(const ExchangeRequest& request, std::uint64_t sequence) {
        issuer.today_ = clock.now_.wall;
        License license = pro(sequence);
        auto answer = answerTo(request, Outcome::granted);
        answer.token = "token" + std::to_string(sequence);
        answer.sequence = sequence;
        return reply(request, answer, license);
    }
    void grant(Operation operation) {
        const auto question = asked(operation);
        FakeAuthority::answer(question, granting(read(question, operation), ++sequence));
    }
    void settle(Operation operation, Outcome outcome, const std::function<void(ExchangeAnswer&)>& edit = {}) {
        const auto question = asked(operation);
        const auto request = read(question, operation);
        auto answer = answerTo(request, outcome);
        if (edit) edit(answer);
        FakeAuthority::answer(question, reply(request, answer));
    }
    void fail(Operation operation, ContactFault fault = ContactFault::unconnected,
              std::optional<Seconds> retryAfter = std::nullopt) {
        FakeAuthority::answer(asked(operation), ContactFailure{fault, "Nobody is there.", retryAfter});
    }
    void activated() {
        ASSERT_EQ(activateRefusal(key_), "");
        grant(Operation::activate);
        ASSERT_EQ(daemon->status().standing, Standing::active);
    }
    // To the moment the timer is set to.
    void wakeWhenDue() {
        ASSERT_TRUE(armed);
        if (*armed > clock.now_.wall) clock.pass(*armed - clock.now_.wall);
        daemon->wake();
    }
    void wakeAfter(Seconds span) {
        clock.pass(span);
        daemon->wake();
    }
    const std::vector<Attempt>& storedAttempts() const { return store.saved->state.attempts; }

    static std::string keyOf(std::uint64_t serial) {
        KeyPayload payload;
        payload.serial = serial;
        return KeySecrets::parse(std::string(64, 'a'))->seal(payload).text();
    }

    FakeAuthority authority;
    FollowingWatcher watcher;
    std::optional<RevocationList> list;
    std::uint64_t sequence = 0;
    const std::string key_ = keyOf(7);
};

}  // namespace entitle::testing
