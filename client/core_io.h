// The client's thread, and how questions get there and answers back. core.cpp's and core_slots.cpp's own.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "client/core.h"
#include "client/slot_table.h"
#include "proto/kj_on_asio.h"

namespace entitle {
inline namespace v0 {

Origin forkedOrigin();  // of every answer in a forked child

// All that lives on the client's thread.
struct ClientCore::Io final : Link::Events {
    Io(KjLoop&, ClientCore&);

    void opened(int socket) override;
    void established(wire::Entitled::Client& daemon) override { link.background(slots.restore(daemon)); }
    void told(const Status&) override;
    void ended() override;
    void settled() override;
    void sweepSoon();

    KjLoop& loop;
    ClientCore& core;
    Link link;
    SlotTable slots;
    boost::asio::steady_timer sweep;
    bool sweeping = false;
};

// While the daemon is silent, one caller in this many time limits is made to wait for it, to see whether it is back.
inline constexpr int timeLimitsOfSilence = 5;

template <class F>
void ClientCore::post(F function) {
    boost::asio::post(context_, [this, function = std::move(function)]() mutable {
        if (io_ != nullptr) io_->loop.enter([&] { function(*io_); });
    });
}

template <class T, class Known, class Call>
std::optional<T> ClientCore::ask(Origin& origin, Known known, Call call) {
    const auto deadline = Reachability::Clock::now() + options_.timeout;
    auto reach = reachability_.waitUntilTried(deadline);
    for (;;) {
        // It has been here before: most likely it is being restarted.
        if (reach.phase == Reach::Phase::away && reach.connection != 0 && !known())
            reach = reachability_.waitUntilReady(deadline, 0);
        if (reach.phase == Reach::Phase::away) {
            origin = {Source::demo, reach.why, reach.detail};
            return {};
        }
        if (reach.phase == Reach::Phase::starting || reach.unresponsive) break;

        auto reply = std::make_shared<Reply<T>>();
        post([call, sender = std::make_shared<ReplySender<T>>(reply)](Io& io) {
            io.link.ask([&io, call, sender](wire::Entitled::Client& daemon) {
                return kj::evalNow([&] { return call(io, daemon, sender); }).catch_([sender](kj::Exception&& failure) {
                    if (failure.getType() != kj::Exception::Type::DISCONNECTED) sender->refuse();
                });
            });
        });
        const auto outcome = reply->wait(
            deadline, [&] { reachability_.markUnresponsive(deadline + timeLimitsOfSilence * options_.timeout); });
        if (outcome == ReplyOutcome::answered) return reply->take();
        if (outcome == ReplyOutcome::timedOut) break;
        if (outcome == ReplyOutcome::refused) {
            origin = {Source::demo, Unavailable::protocol, "The daemon could not answer this question; is it older?"};
            return {};
        }
        // The connection broke under the question.
        if (known()) {
            origin = {Source::demo, Unavailable::disconnected, "The daemon closed the connection; reconnecting."};
            return {};
        }
        reach = reachability_.waitUntilReady(deadline, reach.connection);
        if (reach.phase == Reach::Phase::ready && Reachability::Clock::now() >= deadline) break;
    }
    origin = {Source::demo, Unavailable::unresponsive, "The daemon does not answer in time."};
    return {};
}

}  // namespace v0
}  // namespace entitle
