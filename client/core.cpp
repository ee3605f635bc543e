#include "client/core.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "client/convert.h"
#include "client/fallback.h"
#include "client/process.h"
#include "client/slot_table.h"
#include "proto/endpoint.h"
#include "proto/kj_on_asio.h"

namespace entitle {
inline namespace v0 {

namespace {

using namespace std::chrono_literals;

// Changes of the daemon come in bursts; our slots are looked after once for each.
constexpr auto sweepDelay = 50ms;
// While the daemon is silent, one caller in this many time limits is made to wait for it, to see whether it is back.
constexpr int patience = 5;

Link::Settings settingsFor(const Options& options) {
    Link::Settings out;
    out.allowDevelopment = options.allowDevelopment || developmentAllowedByEnvironment();
    out.handshake = options.timeout;
    const auto endpoint = options.systemOnly        ? queryEndpoint({})
                          : !options.socket.empty() ? userEndpoint(options.socket)
                                                    : queryEndpoint(endpointVariable(querySocketVariable));
    if (endpoint)
        out.endpoint = *endpoint;
    else
        out.endpointProblem = "The daemon's socket cannot be used: " + std::string(toString(endpoint.error())) + ".";
    return out;
}

Origin forkedOrigin() {
    return {Source::demo, Unavailable::forked,
            "This Client was made by the parent process; make a new one in the child."};
}

template <class T>
T remembered(T value, const Origin& origin) {
    value.origin = {Source::remembered, origin.why, origin.detail};
    return value;
}

}  // namespace

// All that lives on the client's thread.
struct ClientCore::Io final : Link::Events {
    Io(KjLoop& kjLoop, ClientCore& client)
        : loop(kjLoop),
          core(client),
          link(loop, settingsFor(client.options_), client.reachability_, *this),
          slots([this] { core.watches_.changed(); }),
          sweep(loop.context()) {}

    void opened(int socket) override {
        const auto name = nameOf(socket);
        core.socketDevice_ = name.device;
        core.socketInode_ = name.inode;
        core.socket_ = name.fd;
    }
    void established(wire::Entitled::Client& daemon) override { link.background(slots.restore(daemon)); }
    void told(const Status& status) override {
        core.memory_.keep(status, Memory::readClocks());
        core.watches_.changed();
        sweepSoon();
    }
    void ended() override {
        core.socket_ = -1;
        slots.disconnected();
    }
    void settled() override {
        core.watches_.open();
        core.watches_.changed();
    }

    void sweepSoon() {
        if (sweeping || slots.empty()) return;
        sweeping = true;
        sweep.expires_after(sweepDelay);
        sweep.async_wait([this](boost::system::error_code error) {
            if (error) return;
            loop.enter([this] {
                sweeping = false;
                if (auto* daemon = link.daemon()) link.background(slots.sweep(*daemon));
            });
        });
    }

    KjLoop& loop;
    ClientCore& core;
    Link link;
    SlotTable slots;
    boost::asio::steady_timer sweep;
    bool sweeping = false;
};

std::shared_ptr<ClientCore> ClientCore::start(Options options) {
    auto core = std::make_shared<ClientCore>(std::move(options));
    const SignalsBlocked blocked;
    core->thread_ = std::thread([raw = core.get()] { raw->serve(); });
    return core;
}

ClientCore::ClientCore(Options options)
    : options_(std::move(options)),
      process_(processId()),
      watches_([this] { return present(); }),
      context_(oneIoThread) {}

ClientCore::~ClientCore() = default;

void ClientCore::serve() {
    KjLoop loop(context_);
    Io io(loop, *this);
    io_ = &io;
    boost::asio::post(context_, [&] { loop.enter([&] { io.link.connect(); }); });
    while (!context_.stopped()) {
        try {
            loop.run();
        } catch (...) {
            // A fault on our side or out of memory: begin anew with an empty table of calls.
            loop.enter(
                [&] { io.link.end(Unavailable::protocol, "The connection failed on this side; reconnecting."); });
        }
    }
    io.slots.loseAll("The Client that held these slots has ended.");
    io_ = nullptr;
}

void ClientCore::stop() {
    // First, so that a callback under way may still ask.
    watches_.stop();
    boost::asio::post(context_, [this] { context_.stop(); });
    if (thread_.joinable()) thread_.join();
}

bool ClientCore::forked() const {
    return process_ != processId();
}

void ClientCore::abandon() const {
    closeIfStill({socket_.load(), socketDevice_.load(), socketInode_.load()});
}

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
        const auto outcome =
            reply->wait(deadline, [&] { reachability_.markUnresponsive(deadline + patience * options_.timeout); });
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

Answer ClientCore::check(std::string_view feature) {
    if (forked()) return fallback::check(feature, forkedOrigin());
    Origin origin;
    const auto known = [&] { return memory_.answer(feature, Memory::readClocks()); };
    if (auto answer = ask<Answer>(
            origin, [&] { return known().has_value(); },
            [name = std::string(feature)](Io&, wire::Entitled::Client& daemon, const auto& sender) {
                auto request = daemon.checkRequest();
                request.setFeature(name);
                return request.send().then([sender](capnp::Response<wire::Entitled::CheckResults> response) {
                    sender->send(fromWire(response.getVerdict()));
                });
            })) {
        memory_.keep(feature, *answer, Memory::readClocks());
        return *answer;
    }
    if (auto before = known()) return remembered(std::move(*before), origin);
    return fallback::check(feature, origin);
}

Features ClientCore::features() {
    if (forked()) return fallback::features(forkedOrigin());
    Origin origin;
    const auto known = [&] { return memory_.features(Memory::readClocks()); };
    if (auto features = ask<Features>(
            origin, [&] { return known().has_value(); },
            [](Io&, wire::Entitled::Client& daemon, const auto& sender) {
                return daemon.featuresRequest().send().then(
                    [sender](capnp::Response<wire::Entitled::FeaturesResults> response) {
                        sender->send(fromWire(response.getFeatures()));
                    });
            })) {
        memory_.keep(*features, Memory::readClocks());
        return std::move(*features);
    }
    if (auto before = known()) {
        for (auto& feature : before->list) feature.answer = remembered(std::move(feature.answer), origin);
        return remembered(std::move(*before), origin);
    }
    return fallback::features(origin);
}

Quota ClientCore::quota(std::string_view name) {
    if (forked()) return fallback::quota(name, 0, forkedOrigin());
    Origin origin;
    const auto known = [&] { return memory_.quota(name, Memory::readClocks()); };
    if (auto quota = ask<Quota>(
            origin, [&] { return known().has_value(); },
            [wanted = std::string(name)](Io&, wire::Entitled::Client& daemon, const auto& sender) {
                auto request = daemon.quotaRequest();
                request.setName(wanted);
                return request.send().then([sender](capnp::Response<wire::Entitled::QuotaResults> response) {
                    sender->send(fromWire(response.getQuota()));
                });
            })) {
        memory_.keep(*quota, Memory::readClocks());
        return std::move(*quota);
    }
    if (auto before = known()) {
        before->oneMore = remembered(std::move(before->oneMore), origin);
        return remembered(std::move(*before), origin);
    }
    const std::lock_guard lock(handlesMutex_);
    return fallback::quota(name, provisionalUnits(), origin);
}

Status ClientCore::status() {
    if (forked()) return fallback::status(forkedOrigin());
    Origin origin;
    const auto known = [&] { return memory_.status(Memory::readClocks()); };
    if (auto status = ask<Status>(
            origin, [&] { return known().has_value(); },
            [](Io&, wire::Entitled::Client& daemon, const auto& sender) {
                return daemon.statusRequest().send().then(
                    [sender](capnp::Response<wire::Entitled::StatusResults> response) {
                        sender->send(fromWire(response.getStatus()));
                    });
            })) {
        memory_.keep(*status, Memory::readClocks());
        return std::move(*status);
    }
    if (auto before = known()) return remembered(std::move(*before), origin);
    return fallback::status(origin);
}

Fingerprint ClientCore::fingerprint() {
    Fingerprint out;
    if (forked()) {
        out.origin = forkedOrigin();
        return out;
    }
    Origin origin;
    if (auto fingerprint = ask<Fingerprint>(
            origin, [] { return false; },
            [](Io&, wire::Entitled::Client& daemon, const auto& sender) {
                return daemon.fingerprintRequest().send().then(
                    [sender](capnp::Response<wire::Entitled::FingerprintResults> response) {
                        sender->send(fromWire(response.getFingerprint()));
                    });
            }))
        return std::move(*fingerprint);
    out.origin = origin;
    return out;
}

std::shared_ptr<SlotRecord> ClientCore::newRecord(std::string_view quota, std::uint32_t count, std::string_view label) {
    return std::make_shared<SlotRecord>(weak_from_this(), process_, std::string(quota), count, std::string(label));
}

Acquired ClientCore::acquire(std::string_view quota, std::uint32_t count, std::string_view label) {
    Acquired out;
    if (forked()) {
        out.answer.origin = forkedOrigin();
        out.answer.message = out.answer.origin.detail;
        return out;
    }
    Origin origin;
    const auto record = newRecord(quota, count, label);
    const auto answer = ask<Answer>(
        origin, [] { return false; },
        [record](Io& io, wire::Entitled::Client& daemon, const auto& sender) {
            auto request = daemon.acquireRequest();
            request.setQuota(record->quota);
            request.setCount(record->count);
            request.setLabel(record->label);
            return request.send().then([&io, record, sender](capnp::Response<wire::Entitled::AcquireResults> response) {
                const auto outcome = response.getOutcome();
                Answer answer;
                if (outcome.isHeld()) {
                    io.slots.add(record, outcome.getHeld());
                    answer.allowed = true;
                    answer.reason = Answer::Reason::granted;
                    answer.origin.source = Source::daemon;
                } else if (outcome.isDenied()) {
                    answer = fromWire(outcome.getDenied());
                    answer.allowed = false;
                } else {
                    return sender->refuse();
                }
                sender->send(std::move(answer));
            });
        });
    if (answer) {
        out.answer = *answer;
        if (answer->allowed) {
            remember(record);
            out.slots = Slots(record);
        }
        return out;
    }
    // The answer may still come: then the slots go back at once.
    drop(record);
    return acquireProvisionally(newRecord(quota, count, label), origin);
}

Acquired ClientCore::acquireProvisionally(const std::shared_ptr<SlotRecord>& record, Origin origin) {
    Acquired out;
    {
        const std::lock_guard lock(handlesMutex_);
        out.answer = fallback::acquire(record->quota, record->count, record->label, provisionalUnits(), origin);
        if (!out.answer.allowed) return out;
        record->become(Slots::State::provisional, origin.detail);
        handles_.push_back(record);
    }
    out.slots = Slots(record);
    post([record](Io& io) {
        io.slots.addProvisional(record);
        // It may have come back meanwhile.
        if (auto* daemon = io.link.daemon()) io.link.background(io.slots.restoreOne(*daemon, record));
    });
    return out;
}

bool ClientCore::release(const std::shared_ptr<SlotRecord>& record) {
    const auto before = record->release();
    if (before == Slots::State::released || before == Slots::State::lost) return true;
    auto reply = std::make_shared<Reply<bool>>();
    post([record, sender = std::make_shared<ReplySender<bool>>(reply)](Io& io) {
        const bool connected = io.link.daemon() != nullptr;
        auto removed = io.slots.remove(record);
        if (!connected) return;  // nobody to say so
        io.link.background(removed.then([sender] { sender->send(true); }));
    });
    const auto outcome = reply->wait(Reachability::Clock::now() + options_.timeout, [] {});
    return outcome == ReplyOutcome::answered || before == Slots::State::provisional;
}

void ClientCore::drop(const std::shared_ptr<SlotRecord>& record) {
    const auto before = record->release();
    if (before == Slots::State::released || before == Slots::State::lost) return;
    post([record](Io& io) { io.link.background(io.slots.remove(record)); });
}

void ClientCore::remember(const std::shared_ptr<SlotRecord>& record) {
    const std::lock_guard lock(handlesMutex_);
    if (handles_.size() >= tidyAt_) {
        std::erase_if(handles_, [](const auto& handle) { return handle.expired(); });
        tidyAt_ = std::max<std::size_t>(64, handles_.size() * 2);
    }
    handles_.push_back(record);
}

std::uint32_t ClientCore::provisionalUnits() const {
    std::uint32_t units = 0;
    for (const auto& handle : handles_) {
        const auto record = handle.lock();
        if (record && record->state() == Slots::State::provisional) units += record->count;
    }
    return units;
}

Watch ClientCore::onChange(std::function<void(const Change&)> callback) {
    if (forked()) return {};
    return Watch(watches_.add(std::move(callback), process_));
}

Change ClientCore::present() const {
    Change out;
    const auto reach = reachability_.now();
    Origin origin{Source::demo, reach.why, reach.detail};
    if (auto status = memory_.status(Memory::readClocks())) {
        out.status = std::move(*status);
        if (reach.phase != Reach::Phase::ready) out.status = remembered(std::move(out.status), origin);
    } else {
        out.status = fallback::status(origin);
    }
    const std::lock_guard lock(handlesMutex_);
    for (const auto& handle : handles_) {
        const auto record = handle.lock();
        if (!record) continue;
        const auto state = record->state();
        if (state == Slots::State::lost) ++out.slotsLost;
        if (state == Slots::State::reconnecting || state == Slots::State::provisional) ++out.slotsAway;
    }
    return out;
}

}  // namespace v0
}  // namespace entitle
