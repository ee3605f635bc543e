#include "client/core.h"

#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>

#include "client/convert.h"
#include "client/core_io.h"
#include "client/fallback.h"
#include "client/process.h"
#include "proto/endpoint.h"

namespace entitle {
inline namespace v0 {

namespace {

using namespace std::chrono_literals;

// Changes of the daemon come in bursts; our slots are looked after once for each.
constexpr auto sweepDelay = 50ms;

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

template <class T>
T remembered(T value, const Origin& origin) {
    value.origin = {Source::remembered, origin.why, origin.detail};
    return value;
}

}  // namespace

Origin forkedOrigin() {
    return {Source::demo, Unavailable::forked,
            "This Client was made by the parent process; make a new one in the child."};
}

ClientCore::Io::Io(KjLoop& kjLoop, ClientCore& client)
    : loop(kjLoop),
      core(client),
      link(loop, settingsFor(client.options_), client.reachability_, *this),
      slots([this] { core.watches_.changed(); }),
      sweep(loop.context()) {}

void ClientCore::Io::opened(int socket) {
    const auto name = nameOf(socket);
    core.socketDevice_ = name.device;
    core.socketInode_ = name.inode;
    core.socket_ = name.fd;
}

void ClientCore::Io::told(const Status& status) {
    core.memory_.keep(status, Memory::readClocks());
    core.watches_.changed();
    sweepSoon();
}

void ClientCore::Io::ended() {
    core.socket_ = -1;
    slots.disconnected();
}

void ClientCore::Io::settled() {
    core.watches_.open();
    core.watches_.changed();
}

void ClientCore::Io::sweepSoon() {
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
