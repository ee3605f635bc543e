#include "client/link.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "client/convert.h"
#include "client/process.h"

namespace entitle {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds firstDelay = 10ms;
constexpr std::chrono::milliseconds longestDelay = 5s;
// A connection that ends before the first answer is made again this often before anybody is told: a daemon is being
// restarted on a socket that its supervisor keeps.
constexpr unsigned unheardTries = 4;
constexpr std::chrono::milliseconds steadyAfter = 1s;  // a connection that lasted this long starts back-off afresh
// Below the daemon's limit of 1,024 open calls, with room for slots being reclaimed and listed.
constexpr std::size_t callsAtOnce = 512;

}  // namespace

// Everything that dies with a connection, in the order of its making.
struct Link::Session final : kj::TaskSet::ErrorHandler {
    // A failed task ends nothing: whoever waits for its answer is told by its sender, and a broken connection by
    // onClosed.
    void taskFailed(kj::Exception&&) override {}

    std::unique_ptr<Connection> connection;
    int fd = -1;
    bool ready = false;
    std::optional<wire::Entitled::Client> daemon;
    std::optional<wire::Subscription::Client> subscription;
    std::deque<Call> waiting;
    std::size_t open = 0;
    kj::TaskSet tasks{*this};
};

// The daemon's `changed` calls land here. Outlives the link if the daemon keeps the capability: then it is silent.
class Link::Told final : public wire::Observer::Server {
  public:
    Told(Link& link, std::uint64_t session) : link_(link), session_(session) {}

  protected:
    kj::Promise<void> changed(ChangedContext context) override {
        // Our vats end before the link does, and a capability of ours is called only by them.
        if (link_.sessions_ == session_) link_.events_.told(fromWire(context.getParams().getChange().getStatus()));
        return kj::READY_NOW;
    }

  private:
    Link& link_;
    const std::uint64_t session_;
};

Link::Link(KjLoop& loop, Settings settings, Reachability& reachability, Events& events)
    : loop_(loop),
      settings_(std::move(settings)),
      reachability_(reachability),
      events_(events),
      retry_(loop.context()),
      handshake_(loop.context()),
      delay_(firstDelay) {}

Link::~Link() {
    if (session_) shutDown(session_->fd);
}

void Link::connect() {
    if (!settings_.endpoint) return away(Unavailable::badAddress, settings_.endpointProblem);
    auto opened = openDaemon(*settings_.endpoint, Accounts::ofThisProcess());
    if (!opened.socket) {
        away(opened.why, std::move(opened.detail));
        return schedule();
    }
    using Local = boost::asio::local::stream_protocol;
    Local::socket socket(loop_.context());
    boost::system::error_code error;
    socket.assign(Local(), opened.socket.get(), error);
    if (error) {
        away(Unavailable::notRunning, "Cannot use the socket: " + error.message() + ".");
        return schedule();
    }
    session_ = std::make_unique<Session>();
    session_->fd = opened.socket.release();
    events_.opened(session_->fd);
    session_->connection = std::make_unique<Connection>(
        loop_, std::move(socket), WireLimits::client(), [this, number = ++sessions_](CloseReason why) {
            if (number != sessions_) return;
            const bool broken =
                why != CloseReason::peerClosed && why != CloseReason::ioError && why != CloseReason::local;
            end(broken ? Unavailable::protocol : Unavailable::disconnected,
                broken ? "What listens on " + settings_.endpoint->path + " does not speak the daemon's language."
                       : "The daemon closed the connection; reconnecting.");
        });
    greet();
}

void Link::greet() {
    auto& daemon = session_->daemon.emplace(session_->connection->bootstrap<wire::Entitled>());
    session_->tasks.add(daemon.statusRequest().send().then(
        [this](capnp::Response<wire::Entitled::StatusResults> response) { greeted(response.getStatus()); },
        [this](kj::Exception&& failure) {
            // A broken connection is reported by the connection itself.
            if (failure.getType() != kj::Exception::Type::DISCONNECTED)
                endLater(Unavailable::protocol, "The daemon does not answer `status`; is it older than this program?");
        }));
    handshake_.expires_after(settings_.handshake);
    handshake_.async_wait([this, number = sessions_](boost::system::error_code error) {
        // The connection stays: an answer may still come. Only nobody is made to wait for it.
        if (!error && number == sessions_ && session_ && !session_->ready)
            away(Unavailable::unresponsive, "The daemon accepted the connection but does not answer.");
    });
}

void Link::greeted(wire::Status::Reader reader) {
    handshake_.cancel();
    const auto status = fromWire(reader);
    if (status.development && !settings_.allowDevelopment) {
        return endLater(Unavailable::development,
                        "The daemon is a development build: its trust does not come from compiled-in roots. Set "
                        "ENTITLED_ALLOW_DEVELOPMENT=1 to believe it nevertheless.");
    }
    auto& daemon = *session_->daemon;
    session_->ready = true;
    unheard_ = 0;
    readySince_ = std::chrono::steady_clock::now();
    // Slots are asked back first: what callers ask after setReady stands behind that on the wire.
    events_.established(daemon);
    events_.told(status);
    auto request = daemon.subscribeRequest();
    request.setObserver(kj::heap<Told>(*this, sessions_));
    session_->tasks.add(request.send().then([this](capnp::Response<wire::Entitled::SubscribeResults> response) {
        session_->subscription.emplace(response.getSubscription());
    }));
    reachability_.setReady();
    events_.settled();
}

void Link::ask(Call call) {
    if (!session_ || !session_->ready) return;
    if (session_->open >= callsAtOnce) return session_->waiting.push_back(kj::mv(call));
    ++session_->open;
    auto& daemon = *session_->daemon;
    session_->tasks.add(kj::evalNow([&] { return call(daemon); })
                            .attach(kj::mv(call))
                            .then([this] { answered(); }, [this](kj::Exception&&) { answered(); }));
}

void Link::answered() {
    --session_->open;
    reachability_.heardFrom();
    if (session_->waiting.empty()) return;
    auto next = kj::mv(session_->waiting.front());
    session_->waiting.pop_front();
    ask(kj::mv(next));
}

void Link::background(kj::Promise<void> work) {
    if (session_) session_->tasks.add(kj::mv(work));
}

wire::Entitled::Client* Link::daemon() {
    if (!session_ || !session_->ready) return nullptr;
    return &*session_->daemon;
}

void Link::endLater(Unavailable why, std::string detail) {
    boost::asio::post(loop_.context(), [this, why, detail = std::move(detail), number = sessions_]() mutable {
        loop_.enter([&] {
            if (number == sessions_ && session_) end(why, std::move(detail));
        });
    });
}

void Link::end(Unavailable why, std::string detail) {
    if (!session_) return;
    handshake_.cancel();
    // One that ends as soon as it begins is no reason to hurry.
    if (session_->ready && std::chrono::steady_clock::now() - readySince_ > steadyAfter) delay_ = firstDelay;
    ++sessions_;
    const auto ended = std::move(session_);
    shutDown(ended->fd);
    events_.ended();
    const bool cutShort = !ended->ready && why == Unavailable::disconnected && ++unheard_ < unheardTries;
    if (!cutShort) away(why, std::move(detail));
    schedule();
}

void Link::away(Unavailable why, std::string detail) {
    if (reachability_.setAway(why, std::move(detail))) events_.settled();
}

void Link::schedule() {
    retry_.expires_after(delay_);
    delay_ = std::min(delay_ * 2, longestDelay);
    retry_.async_wait([this](boost::system::error_code error) {
        if (!error) loop_.enter([this] { connect(); });
    });
}

}  // namespace entitle
