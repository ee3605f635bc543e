#include "daemon/connections.h"

#include <optional>

#include "daemon/log.h"
#include "daemon/rpc_admin.h"
#include "daemon/rpc_query.h"

namespace entitle {
namespace {

constexpr Admission::Limits adminLimits{32, 256};

WireLimits wireLimits(const Config::Limits& limits) {
    WireLimits wire;
    wire.maxMessageWords = limits.messageWords;
    wire.traversalWords = limits.messageWords;
    wire.maxOpenQuestions = limits.openQuestions;
    wire.firstMessage = limits.firstMessage;
    wire.nesting = static_cast<int>(limits.nesting);
    wire.flowWords = limits.flowWords;
    return wire;
}

}  // namespace

// Destroyed from the last to the first: the connection drops what the peer holds of us while the session is there.
struct Connections::Open {
    Open(Admission::Ticket t, std::shared_ptr<Session> s) : ticket(std::move(t)), session(std::move(s)) {}
    ~Open() { session->detach(); }
    Admission::Ticket ticket;
    std::shared_ptr<Session> session;
    std::optional<Connection> connection;
};

Connections::Connections(KjLoop& loop, Daemon& daemon, const Config::Limits& limits, AccessPolicy policy)
    : loop_(loop),
      daemon_(daemon),
      limits_(limits),
      policy_(policy),
      queries_(Admission::sharing(limits.connections, limits.connectionsPerUser, 0)),
      admins_(adminLimits),
      budget_(std::make_shared<Budget>(limits.memory)) {}

Connections::~Connections() = default;

void Connections::serve(Door door, Accepted accepted) {
    ++daemon_.counters().connections;
    const std::uint32_t uid = accepted.peer.uid;
    if (!allowed(accepted.peer, door, policy_)) {
        return refuse(accepted.peer, door == Door::admin ? "admin-socket" : "query-socket");
    }
    auto& admission = door == Door::admin ? admins_ : queries_;
    if (door == Door::query) {
        const auto bots = daemon_.entitlements().maxBots;  // the license's: it changes
        admission.setLimits(Admission::sharing(limits_.connections, limits_.connectionsPerUser, bots));
    }
    auto ticket = admission.admit(uid);
    if (!ticket) return refuse(accepted.peer, "connections");

    const Number number = ++last_;
    auto session = std::make_shared<Session>(
        daemon_, std::move(accepted.peer), std::move(accepted.process.handle),
        [this](Descriptor process, std::function<void()> ended) {
            return watchProcess(loop_.context(), std::move(process),
                                [this, ended = std::move(ended)] { loop_.enter([&] { ended(); }); });
        },
        [this, number] {
            if (auto found = open_.find(number); found != open_.end()) found->second->connection->close();
        });
    auto open = std::make_unique<Open>(std::move(*ticket), session);
    capnp::Capability::Client bootstrap =
        door == Door::admin ? capnp::Capability::Client(makeAdminServer(session, [this] { return metrics(); }))
                            : capnp::Capability::Client(makeQueryServer(session));
    open->connection.emplace(
        loop_, std::move(accepted.socket), wireLimits(limits_),
        Connection::Serving{kj::mv(bootstrap), budgetOf(uid),
                            door == Door::query ? quickQueries(daemon_) : std::vector<QuickMethod>()},
        [this, number](CloseReason why) { closed(number, why); });
    open_.emplace(number, std::move(open));
}

void Connections::refuse(const Peer& peer, const char* why) {
    ++daemon_.counters().connectionsRefused;
    log().debug("a connection of process {} of user {} was refused: {}", peer.pid, peer.uid, why);
    daemon_.countDenial(peer.uid, why);
}

void Connections::closed(Number number, CloseReason why) {
    auto found = open_.find(number);
    if (found == open_.end()) return;
    auto open = std::move(found->second);
    open_.erase(found);
    if (why != CloseReason::local && why != CloseReason::peerClosed && why != CloseReason::ioError) {
        ++daemon_.counters().connectionsBroken;
        const Peer& peer = open->session->peer();
        log().debug("the connection of process {} of user {} was closed: {}", peer.pid, peer.uid, toString(why));
        daemon_.countDenial(peer.uid, toString(why));
    }
}

std::shared_ptr<Budget> Connections::budgetOf(std::uint32_t uid) {
    auto& known = budgets_[uid];
    if (auto budget = known.lock()) return budget;
    std::erase_if(budgets_, [&](const auto& entry) { return entry.first != uid && entry.second.expired(); });
    auto budget = std::make_shared<Budget>(limits_.memoryPerUser, budget_);
    budgets_[uid] = budget;
    return budget;
}

void Connections::reconfigure(const Config::Limits& limits, AccessPolicy policy) {
    limits_ = limits;
    policy_ = policy;
    // The budgets stay: what present connections hold counts on.
    budget_->setCeiling(limits.memory);
    for (auto& [uid, known] : budgets_) {
        if (auto budget = known.lock()) budget->setCeiling(limits.memoryPerUser);
    }
}

std::vector<Metric> Connections::metrics() const {
    return metricsOf(daemon_, open_.size(), budget_->used());
}

}  // namespace entitle
