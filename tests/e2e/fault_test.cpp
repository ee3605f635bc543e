// What a network can do to one exchange between a real daemon and a real authority. Whatever it is: no right is lost,
// no seat is taken twice, and the next question is answered.
#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string answer(const std::string& status, const std::string& type, const std::string& body,
                   const std::string& more = "") {
    return "HTTP/1.1 " + status + "\r\nContent-Type: " + type + "\r\n" + more +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Faults : public Online {
  protected:
    using Deed = FaultProxy::Deed;

    void SetUp() override {
        Online::SetUp();
        license = server.license();
        activate(license);
    }
    // The parts of the last exchange of a path, to know where it can be cut.
    std::pair<std::size_t, std::size_t> sizesOf(const std::string& path) {
        const auto last = proxy->exchanges(path).back();
        return {last.request.size(), last.answer.size()};
    }
    std::size_t dones(const std::string& path) const {
        const auto all = proxy->exchanges(path);
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [](const auto& each) { return each.done; }));
    }
    // One activation of a fresh license that meets the fault, and is asked again.
    void activationMeets(const Deed& deed) {
        const auto next = server.license();
        const auto old = license;
        const auto before = failures();
        const auto from = proxy->exchanges(activatePath).size();
        const auto count = dones(activatePath);
        proxy->plan(activatePath, deed);
        auto first = machine.startCtl({"activate", next.key});
        ASSERT_TRUE(proxy->waitDone(activatePath, count + 1));
        ASSERT_TRUE(noticed(before)) << proxy->told() << machine.log();
        ASSERT_EQ(standing(), "active");  // by the license before
        proxy->plan({});
        activate(next);
        ASSERT_EQ(first.wait(), 0) << machine.read(machine.directory() + "/ctl.log");
        license = next;
        ASSERT_NO_FATAL_FAILURE(settled(license));
        EXPECT_EQ(rids(activatePath, from).size(), 1u);
        // The license before has given its seat back.
        EXPECT_TRUE(eventually([&] { return server.seats(old).empty(); }));
    }
    void renewalMeets(const Deed& deed) {
        const auto before = failures();
        const auto from = proxy->exchanges(renewPath).size();
        const auto count = dones(renewPath);
        proxy->plan(renewPath, deed);
        auto first = machine.startCtl({"refresh"});
        ASSERT_TRUE(proxy->waitDone(renewPath, count + 1));
        ASSERT_TRUE(noticed(before));
        ASSERT_EQ(standing(), "active");
        proxy->plan({});
        const auto again = machine.ctl({"refresh"});
        ASSERT_EQ(again.status, 0) << again.both();
        ASSERT_EQ(first.wait(), 0);
        // The one after it is the same question. It may come by itself, before us: then ours is a renewal of its own.
        EXPECT_EQ(rids(renewPath, from, 2).size(), 1u);
        ASSERT_NO_FATAL_FAILURE(settled(license));
    }

    License license;
};

TEST_F(Faults, ActivationCutAnywhereInItsRequest) {
    for (const auto at : offsets(sizesOf(activatePath).first)) {
        SCOPED_TRACE(at);
        ASSERT_NO_FATAL_FAILURE(activationMeets({Kind::cutRequest, at, ""}));
    }
}

TEST_F(Faults, ActivationCutAnywhereInItsAnswer) {
    license = server.license();
    activate(license);  // the first brings the key set, which the others do not
    for (const auto at : offsets(sizesOf(activatePath).second)) {
        SCOPED_TRACE(at);
        ASSERT_NO_FATAL_FAILURE(activationMeets({Kind::cutAnswer, at, ""}));
    }
}

TEST_F(Faults, RenewalCutAnywhereInItsRequest) {
    ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    for (const auto at : offsets(sizesOf(renewPath).first)) {
        SCOPED_TRACE(at);
        ASSERT_NO_FATAL_FAILURE(renewalMeets({Kind::cutRequest, at, ""}));
    }
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.start();
    settled(license);
}

TEST_F(Faults, RenewalCutAnywhereInItsAnswer) {
    ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    for (const auto at : offsets(sizesOf(renewPath).second)) {
        SCOPED_TRACE(at);
        ASSERT_NO_FATAL_FAILURE(renewalMeets({Kind::cutAnswer, at, ""}));
    }
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.start();
    settled(license);
}

TEST_F(Faults, WhateverElseAnswersIsNotTheAuthority) {
    ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    const std::string ours(answerContentType);
    const auto earlier = proxy->exchanges(renewPath).back().answer;
    const auto activation = proxy->exchanges(activatePath).back().answer;
    auto body = earlier.substr(earlier.find("\r\n\r\n") + 4);
    const auto otherLetter = [](std::string of) {
        auto& letter = of[of.find("v4.public.") + 300];
        letter = letter == 'A' ? 'B' : 'A';
        return of;
    };
    const std::vector<std::pair<std::string, std::string>> answers{
        {"a portal's page", answer("200 OK", "text/html", "<html>Accept our terms</html>")},
        {"a portal's page under our type", answer("200 OK", ours, "<html>Accept our terms</html>")},
        {"a redirect", answer("302 Found", "text/html", "", "Location: http://portal.example/\r\n")},
        {"a redirect that keeps the method",
         answer("307 Temporary Redirect", "text/html", "", "Location: " + proxy->url() + activatePath + "\r\n")},
        {"an answer of an earlier time", earlier},
        {"an answer to another question", activation},
        {"an answer of which one letter is another", answer("200 OK", ours, otherLetter(body))},
        {"half an answer", answer("200 OK", ours, body.substr(0, body.size() / 2))},
        {"nothing", answer("200 OK", ours, "")},
        {"an empty object", answer("200 OK", ours, "{}")},
        {"a list a million deep", answer("200 OK", ours, std::string(60'000, '['))},
        {"another type", answer("200 OK", "application/json", body)},
        {"a fault", answer("500 Internal Server Error", "application/problem+json", "{}")},
        {"work at it", answer("503 Service Unavailable", "text/plain", "back soon")},
        {"an unsigned no", answer("403 Forbidden", "application/problem+json",
                                  R"({"status":403,"code":"license_revoked","title":"Revoked"})")},
        {"a gigabyte announced", "HTTP/1.1 200 OK\r\nContent-Type: " + ours + "\r\nContent-Length: 1073741824\r\n\r\n" +
                                     std::string(100'000, 'x')},
        {"more than any answer", answer("200 OK", ours, std::string(70'000, 'x'))},
        {"no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
    };
    for (const auto& [name, bytes] : answers) {
        SCOPED_TRACE(name);
        ASSERT_NO_FATAL_FAILURE(renewalMeets({Kind::say, 0, bytes}));
    }
    // The same, when the authority has granted what the answer would have brought.
    for (const auto& which : {0, 4, 12}) {
        SCOPED_TRACE(answers[static_cast<std::size_t>(which)].first);
        ASSERT_NO_FATAL_FAILURE(renewalMeets({Kind::sayInstead, 0, answers[static_cast<std::size_t>(which)].second}));
    }
}

TEST_F(Faults, BusyAuthorityIsLeftAloneForAsLongAsItAsksAndForADayAtMost) {
    const auto busy = [](const std::string& after) {
        return answer("429 Too Many Requests", "application/problem+json", "{}", "Retry-After: " + after + "\r\n");
    };
    // Up to a fifth later than it asks, as it asks everybody the same.
    for (const auto& [said, least, most] : {std::tuple{"3600", 3500, 4320}, std::tuple{"1000000000", 71'900, 86'400}}) {
        SCOPED_TRACE(said);
        const auto before = failures();
        const auto count = dones(renewPath);
        proxy->plan(renewPath, {Kind::say, 0, busy(said)});
        const auto first = machine.ctl({"refresh"});  // nobody waits for an hour
        EXPECT_EQ(first.status, 5) << first.both();
        EXPECT_THAT(first.err, HasSubstr("busy"));
        ASSERT_TRUE(noticed(before));
        EXPECT_EQ(dones(renewPath), count + 1);
        const auto now = status();
        const auto next =
            fromRfc3339(text(now, "next_contact")).value() - fromRfc3339(text(now, "daemon_time")).value();
        EXPECT_GE(next.count(), least);
        EXPECT_LE(next.count(), most);
        EXPECT_EQ(text(now, "standing"), "active");
        proxy->plan({});
        ASSERT_EQ(machine.ctl({"refresh"}).status, 0);  // a person may ask nevertheless
        ASSERT_NO_FATAL_FAILURE(settled(license));
    }
}

TEST_F(Faults, AnswerThatDripsArrives) {
    proxy->plan(renewPath, {Kind::pieces, 7, ""});
    ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    settled(license);
}

TEST_F(Faults, AnswerThatComesLateIsTakenAndItsQuestionNotSentTwice) {
    const auto from = proxy->exchanges(renewPath).size();
    proxy->plan(renewPath, {Kind::holdAnswer, 0, ""});
    auto first = machine.startCtl({"refresh"});
    ASSERT_TRUE(proxy->waitAnswered(renewPath, from + 1));
    auto second = machine.startCtl({"refresh"});
    ASSERT_EQ(standing(), "active");
    proxy->release();
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(second.wait(), 0);
    EXPECT_EQ(rids(renewPath, from).size(), proxy->exchanges(renewPath).size() - from);
    settled(license);
}

TEST_F(Faults, RequestThatArrivesTwiceIsOneRenewal) {
    proxy->plan(renewPath, {Kind::cutAnswer, 0, ""});
    auto first = machine.startCtl({"refresh"});
    ASSERT_TRUE(proxy->waitAnswered(renewPath, 3))
        << proxy->told() << machine.log();  // by itself, a second after the first
    proxy->plan({});
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(rids(renewPath).size(), 1u);
    settled(license);
}

TEST_F(Faults, DeactivationWhoseAnswerIsLostGivesOneSeatBack) {
    const auto before = failures();
    proxy->plan(deactivatePath, {Kind::cutAnswer, 10, ""});
    ASSERT_EQ(machine.ctl({"deactivate", "--yes"}).status, 0);
    ASSERT_TRUE(proxy->waitDone(deactivatePath, 1));
    EXPECT_EQ(standing(), "demo");
    EXPECT_TRUE(is(status(), "returning_seat"));
    EXPECT_TRUE(server.seats(license).empty());
    ASSERT_TRUE(noticed(before));
    proxy->plan({});
    EXPECT_EQ(machine.ctl({"refresh"}).status, 0);
    EXPECT_FALSE(is(status(), "returning_seat"));
    EXPECT_EQ(rids(deactivatePath).size(), 1u);
    // And it can be had again.
    activate(license);
    settled(license);
}

TEST_F(Faults, PushThatIsCutOffIsOnlySlower) {
    ASSERT_TRUE(proxy->waitArrived(waitPath, 1));
    const auto before = failures();
    proxy->plan(waitPath, {Kind::say, 0, answer("502 Bad Gateway", "text/html", "")});
    proxy->breakConnections();
    ASSERT_TRUE(noticed(before));
    EXPECT_EQ(standing(), "active");
    server.decide(license, "revoke");
    const auto refreshed = machine.ctl({"refresh"});
    EXPECT_EQ(refreshed.status, 1) << refreshed.both();
    EXPECT_EQ(standing(), "revoked");
}

// --- the authority itself
// ---------------------------------------------------------------------------------------------

TEST_F(Faults, AuthorityThatIsAwayForTheWholeGraceEndsRightsToTheSecondAndHeals) {
    server.stop();
    server.configure("[documents]\ncheck_s = 1\nfresh_s = 3\ngrace_s = 2\n");
    server.start();
    ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    server.stop();
    const auto last = status();
    const auto grace = text(last, "grace_until");
    ASSERT_EQ(fromRfc3339(grace).value() - fromRfc3339(text(last, "fresh_until")).value(), Seconds{2});
    ASSERT_TRUE(eventually([&] {
        const auto now = status();
        const auto is = text(now, "standing");
        // Whoever reads the clock and then the standing may see the second in between.
        if (text(now, "daemon_time") > grace) {
            EXPECT_EQ(is, "expired") << now;
        }
        if (text(now, "daemon_time") < grace) {
            EXPECT_THAT(is, testing::AnyOf("active", "grace")) << now;
        }
        if (is == "grace") {
            const auto checked = machine.ctl({"check", "live_trading"});
            if (text(status(), "daemon_time") < grace) {
                EXPECT_EQ(checked.status, 0) << checked.out;
            }
            EXPECT_EQ(text(now, "grace_until"), grace);
        }
        return is == "expired";
    }));
    const auto denied = machine.ctl({"check", "live_trading"});
    EXPECT_EQ(denied.status, 1);
    EXPECT_THAT(denied.out, HasSubstr("expired"));
    EXPECT_FALSE(text(status(), "last_failure").empty());
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_EQ(doctor.status, 1);
    EXPECT_THAT(doctor.out, HasSubstr("was not reached"));
    server.configure("");
    server.start();
    ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 0);
    settled(license);
}

TEST_F(Faults, AuthorityRestartedIsFoundAgainByWhoeverWaits) {
    const auto before = failures();
    server.stop();
    ASSERT_TRUE(noticed(before));
    auto waiting = machine.startCtl({"refresh"});
    EXPECT_EQ(standing(), "active");
    server.start();
    EXPECT_EQ(waiting.wait(), 0);  // a second, two, four after it was refused
    settled(license);
}

}  // namespace
}  // namespace entitle::e2e
