#include "daemon/rpc_query.h"

#include <algorithm>

#include "daemon/rpc_convert.h"
#include "daemon/rpc_guard.h"

namespace entitle {
namespace {

class SlotServer final : public wire::Slot::Server {
  public:
    SlotServer(std::shared_ptr<Session> session, const Held& held)
        : holding_(std::move(session), held.id, held.generation) {}

    // A slot that ended, by whatever hand, is told as count 0.
    kj::Promise<void> info(InfoContext context) override {
        return guarded("Slot.info", [&] {
            auto out = context.getResults().initSlot();
            if (const Slot* slot = holding_.slot()) {
                fill(out, *slot);
            } else {
                out.setId(holding_.id());
            }
        });
    }

    kj::Promise<void> release(ReleaseContext) override {
        return guarded("Slot.release", [&] { holding_.release(); });
    }

  private:
    Session::Holding holding_;
};

// At most one call in flight; what changes meanwhile is told by the next call, whole.
class SubscriptionServer final : public wire::Subscription::Server, public ChangeWatcher, kj::TaskSet::ErrorHandler {
  public:
    SubscriptionServer(std::shared_ptr<Session> session, Session::Place place, wire::Observer::Client observer)
        : session_(std::move(session)),
          place_(std::move(place)),
          observer_(kj::mv(observer)),
          watching_(session_->daemon(), *this),
          calls_(*this) {
        tell();
    }

    void answersChanged() override { tell(); }

  private:
    // Ends even when the constructor does not come to its end: telling may run out of memory.
    struct Watching {
        Watching(Daemon& d, ChangeWatcher& w) : daemon(d), watcher(w) { daemon.watch(watcher); }
        ~Watching() { daemon.unwatch(watcher); }
        Watching(const Watching&) = delete;
        Watching& operator=(const Watching&) = delete;
        Daemon& daemon;
        ChangeWatcher& watcher;
    };

    void tell() {
        Daemon& daemon = session_->daemon();
        if (inFlight_ || told_ == daemon.generation()) return;
        auto request = observer_.changedRequest();
        auto status = daemon.status();
        auto change = request.initChange();
        change.setGeneration(status.generation);
        change.setStanding(static_cast<wire::Standing>(status.standing));
        fill(change.initStatus(), status);
        calls_.add(request.send().then([this](capnp::Response<wire::Observer::ChangedResults>&&) {
            inFlight_ = false;
            tell();
        }));
        told_ = status.generation;
        inFlight_ = true;
    }

    // The observer threw or its connection broke: it is not called again. The latter ends us as well.
    void taskFailed(kj::Exception&& exception) override {
        log().debug("an observer failed: {}", exception.getDescription().cStr());
    }

    std::shared_ptr<Session> session_;
    Session::Place place_;
    wire::Observer::Client observer_;
    Watching watching_;
    std::uint64_t told_ = 0;
    bool inFlight_ = false;
    kj::TaskSet calls_;  // last: a dying call must not see the rest gone
};

const Verdict& checked(Daemon& daemon, wire::Entitled::CheckParams::Reader params) {
    return daemon.check(view(params.getFeature()));
}

class QueryServer final : public wire::Entitled::Server {
  public:
    explicit QueryServer(std::shared_ptr<Session> session) : session_(std::move(session)) {}

    kj::Promise<void> status(StatusContext context) override {
        return guarded("status", [&] { fill(context.getResults().initStatus(), daemon().status()); });
    }

    kj::Promise<void> check(CheckContext context) override {
        return guarded("check", [&] {
            const Verdict& verdict = checked(daemon(), context.getParams());
            capnp::MessageSize size{8 + verdict.message.size() / sizeof(capnp::word), 0};
            fill(context.getResults(size).initVerdict(), verdict);
        });
    }

    kj::Promise<void> features(FeaturesContext context) override {
        return guarded("features", [&] {
            auto answers = daemon().features();
            auto out = context.getResults().initFeatures(static_cast<unsigned>(answers.size()));
            for (unsigned i = 0; i < answers.size(); ++i) fill(out[i], answers[i]);
        });
    }

    kj::Promise<void> quota(QuotaContext context) override {
        return guarded("quota", [&] {
            fill(context.getResults().initQuota(),
                 daemon().quota(view(context.getParams().getName()), session_->peer().uid));
        });
    }

    kj::Promise<void> acquire(AcquireContext context) override {
        return guarded("acquire", [&] {
            auto params = context.getParams();
            auto held = daemon().acquire(view(params.getQuota()), params.getCount(), view(params.getLabel()),
                                         session_->holder());
            if (held) {
                auto slot = holderOf(*held);
                give(context.getResults().initOutcome().initHeld(), *held, kj::mv(slot));
            } else {
                fill(context.getResults().initOutcome().initDenied(), held.error());
            }
        });
    }

    kj::Promise<void> reclaim(ReclaimContext context) override {
        return guarded("reclaim", [&] {
            auto bytes = context.getParams().getSecret();
            auto outcome = context.getResults().initOutcome();
            SlotSecret secret;
            if (bytes.size() != secret.size()) return outcome.setUnknownSecret();
            std::copy(bytes.begin(), bytes.end(), secret.begin());
            auto held = daemon().reclaim(secret, session_->holder());
            if (held) {
                auto slot = holderOf(*held);
                give(outcome.initHeld(), *held, kj::mv(slot));
            } else if (held.error() == ReclaimRefusal::otherUser) {
                outcome.setOtherUser();
            } else {
                outcome.setUnknownSecret();
            }
        });
    }

    kj::Promise<void> slots(SlotsContext context) override {
        return guarded("slots", [&] {
            auto params = context.getParams();
            auto page = daemon().slots(params.getAfter(), params.getMost(), session_->peer().uid);
            auto out = context.getResults().initSlots(static_cast<unsigned>(page.slots.size()));
            for (unsigned i = 0; i < page.slots.size(); ++i) fill(out[i], page.slots[i]);
            context.getResults().setNext(page.next);
        });
    }

    kj::Promise<void> subscribe(SubscribeContext context) override {
        auto place = session_->placeForSubscription();
        if (!place) {
            return KJ_EXCEPTION(FAILED, "too many subscriptions on one connection", Session::maxSubscriptions);
        }
        return guarded("subscribe", [&] {
            context.getResults().setSubscription(
                kj::heap<SubscriptionServer>(session_, *std::move(place), context.getParams().getObserver()));
        });
    }

    kj::Promise<void> fingerprint(FingerprintContext context) override {
        return guarded("fingerprint", [&] { fill(context.getResults().initFingerprint(), daemon().fingerprint()); });
    }

    kj::Promise<void> diagnose(DiagnoseContext context) override {
        return guarded("diagnose", [&] {
            auto findings = daemon().diagnose();
            auto out = context.getResults().initFindings(static_cast<unsigned>(findings.size()));
            for (unsigned i = 0; i < findings.size(); ++i) fill(out[i], findings[i]);
        });
    }

  private:
    Daemon& daemon() { return session_->daemon(); }

    // At once, before anything else may fail: what is held has a holder, and is free again when that goes.
    kj::Own<SlotServer> holderOf(const Held& held) {
        try {
            return kj::heap<SlotServer>(session_, held);
        } catch (...) {
            daemon().release(held.id, held.generation);
            throw;
        }
    }
    static void give(wire::Held::Builder out, const Held& held, kj::Own<SlotServer> slot) {
        out.setSlot(kj::mv(slot));
        out.setId(held.id);
        out.setSecret(capnp::Data::Reader(held.secret.data(), held.secret.size()));
    }

    std::shared_ptr<Session> session_;
};

}  // namespace

wire::Entitled::Client makeQueryServer(std::shared_ptr<Session> session) {
    return kj::heap<QueryServer>(std::move(session));
}

std::vector<QuickMethod> quickQueries(Daemon& daemon) {
    constexpr std::uint16_t check = 1;  // its ordinal in the schema
    return {{capnp::typeId<wire::Entitled>(), check,
             [&daemon](capnp::AnyPointer::Reader params, capnp::AnyPointer::Builder results) {
                 const Verdict& verdict = checked(daemon, params.getAs<wire::Entitled::CheckParams>());
                 fill(results.initAs<wire::Entitled::CheckResults>().initVerdict(), verdict);
             }}};
}

}  // namespace entitle
