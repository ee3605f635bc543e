#include "daemon/rpc_admin.h"

#include "daemon/rpc_convert.h"
#include "daemon/rpc_guard.h"
#include "daemon/rpc_query.h"

namespace entitle {
namespace {

// A page must fit into one message of 64 KiB with room to spare.
constexpr std::size_t maxAuditPageBytes = 40 * 1024;
constexpr std::size_t auditEntryOverhead = 128;

// A call whose caller has gone ends at once. Cap'n Proto 1.x wants an annotation in the schema for it, which 0.9.2 does
// not know: there it ends with the question.
template <class Context>
void endWithTheCall([[maybe_unused]] Context& context) {
#if CAPNP_VERSION < 1000000
    context.allowCancellation();
#endif
}

// Waits for the end of one question to the authority, and tells the caller meanwhile how it goes on. Dropped with the
// call: the daemon goes on asking.
class Follower final : public ContactWatcher, kj::TaskSet::ErrorHandler {
  public:
    Follower(std::shared_ptr<Session> session, std::optional<wire::ContactProgress::Client> progress,
             kj::Own<kj::PromiseFulfiller<kj::Own<ContactEnd>>> end)
        : session_(std::move(session)), progress_(std::move(progress)), end_(kj::mv(end)), calls_(*this) {}
    ~Follower() {
        // The call may be dropped with the event loop, after the daemon: which has told us its end then.
        if (!ended_) session_->daemon().unfollow(*this);
    }

    void contactNews(const ContactNews& news) override {
        if (!progress_ || inFlight_) return;
        auto request = progress_->triedRequest();
        fill(request.initAttempt(), news);
        calls_.add(
            request.send().then([this](capnp::Response<wire::ContactProgress::TriedResults>&&) { inFlight_ = false; }));
        inFlight_ = true;
    }
    void contactEnded(const ContactEnd& end) override {
        ended_ = true;
        end_->fulfill(kj::heap<ContactEnd>(end));
    }

  private:
    void taskFailed(kj::Exception&&) override {}  // it is not called again

    std::shared_ptr<Session> session_;
    std::optional<wire::ContactProgress::Client> progress_;
    // On the heap: g++ 12 sees uninitialised strings in a promise of the value itself.
    kj::Own<kj::PromiseFulfiller<kj::Own<ContactEnd>>> end_;
    bool inFlight_ = false, ended_ = false;
    kj::TaskSet calls_;  // last: a dying call must not see the rest gone
};

class AdminServer final : public wire::Admin::Server {
  public:
    AdminServer(std::shared_ptr<Session> session, std::function<std::vector<Metric>()> metrics)
        : session_(std::move(session)), metrics_(std::move(metrics)), queries_(makeQueryServer(session_)) {}

    kj::Promise<void> request(RequestContext context) override {
        return guarded("request", [&] {
            auto params = context.getParams();
            auto file = daemon().request(view(params.getHostLabel()), params.getFresh(), uid());
            auto outcome = context.getResults().initOutcome();
            if (file) {
                outcome.setFile(text(*file));
            } else {
                fill(outcome.initRefused(), file.error());
            }
        });
    }

    kj::Promise<void> import(ImportContext context) override {
        return guarded("import", [&] {
            auto imported = daemon().import(view(context.getParams().getDocument()), uid());
            auto outcome = context.getResults().initOutcome();
            if (imported) {
                fill(outcome.initStatus(), daemon().status());
                outcome.setChanged(text(*imported));
            } else {
                fill(outcome.initRefused(), imported.error());
            }
        });
    }

    kj::Promise<void> deactivate(DeactivateContext context) override {
        return guarded("deactivate", [&] {
            auto done = daemon().deactivate(uid());
            auto outcome = context.getResults().initOutcome();
            if (done) {
                fill(outcome.initStatus(), daemon().status());
            } else {
                fill(outcome.initRefused(), done.error());
            }
        });
    }

    kj::Promise<void> slots(SlotsContext context) override {
        return guarded("slots", [&] {
            auto params = context.getParams();
            auto page = daemon().slots(params.getAfter(), params.getMost(), std::nullopt);
            auto out = context.getResults().initSlots(static_cast<unsigned>(page.slots.size()));
            for (unsigned i = 0; i < page.slots.size(); ++i) fill(out[i], page.slots[i]);
            context.getResults().setNext(page.next);
        });
    }

    kj::Promise<void> releaseSlot(ReleaseSlotContext context) override {
        return guarded("releaseSlot", [&] {
            context.getResults().setFound(daemon().releaseSlot(context.getParams().getId(), uid()));
        });
    }

    kj::Promise<void> audit(AuditContext context) override {
        return guarded("audit", [&] {
            auto params = context.getParams();
            auto page = daemon().auditPage(params.getAfter(), params.getMost());
            if (!page) throw std::runtime_error(page.error().message);
            std::size_t bytes = 0;
            unsigned count = 0;
            for (const auto& entry : page->entries) {
                bytes += auditEntryOverhead + entry.kind.size() + entry.detail.size();
                if (bytes > maxAuditPageBytes) break;
                ++count;
            }
            auto out = context.getResults().initEntries(count);
            for (unsigned i = 0; i < count; ++i) fill(out[i], page->entries[i]);
            bool cut = count < page->entries.size();
            context.getResults().setNext(cut ? page->entries[count - 1].index : page->next);
        });
    }

    kj::Promise<void> verifyAudit(VerifyAuditContext context) override {
        return guarded("verifyAudit", [&] { fill(context.getResults().initResult(), daemon().verifyAudit()); });
    }

    kj::Promise<void> metrics(MetricsContext context) override {
        return guarded("metrics", [&] {
            const auto samples = metrics_();
            auto out = context.getResults().initMetrics(static_cast<unsigned>(samples.size()));
            for (unsigned i = 0; i < samples.size(); ++i) fill(out[i], samples[i]);
        });
    }

    kj::Promise<void> entitled(EntitledContext context) override {
        return guarded("entitled", [&] { context.getResults().setEntitled(queries_); });
    }

    kj::Promise<void> activate(ActivateContext context) override {
        endWithTheCall(context);
        return followed("activate", context, [&](ContactWatcher& watcher) {
            return daemon().activate(view(context.getParams().getKey()), uid(), watcher);
        });
    }

    kj::Promise<void> refresh(RefreshContext context) override {
        endWithTheCall(context);
        return followed("refresh", context, [&](ContactWatcher& watcher) { return daemon().refresh(uid(), watcher); });
    }

  private:
    // Asks, and answers when the question has ended.
    template <class Context, class Ask>
    kj::Promise<void> followed(const char* method, Context context, Ask ask) {
        kj::Maybe<kj::Promise<void>> ending;
        auto asked = guarded(method, [&] {
            auto end = kj::newPromiseAndFulfiller<kj::Own<ContactEnd>>();
            std::optional<wire::ContactProgress::Client> progress;
            if (context.getParams().hasProgress()) progress = context.getParams().getProgress();
            auto follower = kj::heap<Follower>(session_, std::move(progress), kj::mv(end.fulfiller));
            if (auto done = ask(*follower); !done) {
                fill(context.getResults().initOutcome().initRefused(), done.error());
                return;
            }
            ending = end.promise
                         .then([this, method, context](kj::Own<ContactEnd>&& news) mutable {
                             return guarded(method, [&] { settle(context.getResults().initOutcome(), *news); });
                         })
                         .attach(kj::mv(follower));
        });
        KJ_IF_MAYBE (waits, ending) {
            return kj::mv(*waits);
        }
        return asked;
    }

    void settle(wire::ContactOutcome::Builder outcome, const ContactEnd& end) {
        switch (end.outcome) {
            case ContactEnd::Outcome::done:
                return fill(outcome.initStatus(), daemon().status());
            case ContactEnd::Outcome::refused:
                return fill(outcome.initRefused(), end.why);
            case ContactEnd::Outcome::pending:
                return fill(outcome.initPending(), end.news);
        }
    }

    Daemon& daemon() { return session_->daemon(); }
    std::uint32_t uid() const { return session_->peer().uid; }

    std::shared_ptr<Session> session_;
    std::function<std::vector<Metric>()> metrics_;
    wire::Entitled::Client queries_;
};

}  // namespace

wire::Admin::Client makeAdminServer(std::shared_ptr<Session> session, std::function<std::vector<Metric>()> metrics) {
    return kj::heap<AdminServer>(std::move(session), std::move(metrics));
}

}  // namespace entitle
