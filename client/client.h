// What a program may do on this machine, asked of the license daemon `entitled`. Installed as <entitle/client.h>.
//
//   entitle::Client client;
//   if (auto answer = client.check("live_trading"); !answer) std::cerr << answer.message << '\n';
//   auto acquired = client.acquire("bots", 1, "btc-grid");   // held until `acquired` goes out of scope
//
// Rules
// 1. Nothing here blocks longer than Options::timeout, and nothing throws because the daemon is missing, refuses or
//    answers nonsense: every answer says where it comes from (Origin). Exceptions mean that this process is out of
//    memory or threads.
// 2. Threads: every member of every class may be called from any thread, also from a callback, except that one object
//    must not be destroyed or moved while another thread uses it.
// 3. Without the daemon, answers are those of demo mode. Once the daemon has answered a question, that answer is
//    remembered and given while the daemon is away, for as long as the daemon said it holds and at most 24 hours: an
//    outage of ours does not stop a running program.
// 4. fork: in a child, a Client made by the parent is inert. It answers demo (Unavailable::forked), its slots read
//    `lost`, and destroying it or them neither releases the parent's slots nor sends anything. Make a new Client in the
//    child. A Client keeps no descriptor open across exec.
// 5. Development: a daemon built without compiled-in roots is believed only if Options::allowDevelopment is set or the
//    environment has ENTITLED_ALLOW_DEVELOPMENT=1.
//
// Needs C++17. Includes the standard library only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#if defined(__GNUC__)
#define ENTITLE_API __attribute__((visibility("default")))
#else
#define ENTITLE_API
#endif

namespace entitle {
inline namespace v0 {

class ClientCore;
class SlotRecord;
class WatchRecord;

// UTC, whole seconds. Where it is optional, nothing means "not known" or "never".
using TimePoint = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;

inline constexpr std::int64_t unlimitedUnits = -1;

// Where an answer comes from.
enum class Source {
    daemon,      // the daemon, just now
    remembered,  // the daemon, earlier: it is away at the moment
    demo,        // the built-in demo rules: no daemon has answered
};

// Why the daemon did not answer.
enum class Unavailable {
    none,              // it did
    notRunning,        // nothing listens on the socket
    permissionDenied,  // this user may not open the socket
    untrusted,         // directory, socket or process belong to someone who could lie; `detail` says what
    development,       // its trust is `development` and was not asked for: rule 5
    unresponsive,      // no answer in time
    disconnected,      // it was there and is gone; reconnecting goes on by itself
    badAddress,        // Options::socket or ENTITLED_SOCKET is no absolute path, or too long
    protocol,          // what listens there does not speak the daemon's language
    forked,            // this Client belongs to the parent process
};
ENTITLE_API const char* toString(Source);
ENTITLE_API const char* toString(Unavailable);  // "not-running", "permission-denied", …

struct Origin {
    Source source = Source::demo;
    Unavailable why = Unavailable::none;
    std::string detail;  // one sentence for people; empty when the source is the daemon
};

// May this be done? A denial is an answer with a message that a person can act on.
struct Answer {
    enum class Reason {
        granted,
        demo,       // allowed by demo mode
        inGrace,    // allowed, the license needs renewing
        notInPlan,  // denied, as all that follow
        demoLimited,
        expired,
        windingDown,  // rights ended; slots held may finish
        revoked,
        suspended,
        notYetValid,
        wrongDevice,
        unknownName,
        badName,
        quotaExceeded,
        demoDisabled,
        other,  // a reason newer than this library
    };
    bool allowed = false;
    Reason reason = Reason::other;
    std::string message;
    std::optional<TimePoint> until;  // when the answer may change
    Origin origin;
    explicit operator bool() const { return allowed; }
};
ENTITLE_API const char* toString(Answer::Reason);  // "granted", "not-in-plan", …

struct Feature {
    std::string name;
    Answer answer;
};

// Every feature known, in the order people see them.
struct Features {
    std::vector<Feature> list;
    Origin origin;
};

struct Quota {
    std::string name;
    std::int64_t limit = 0;      // unlimitedUnits, or >= 0
    std::uint32_t inUse = 0;     // of all users of this machine, `awaiting` included
    std::uint32_t awaiting = 0;  // held before the daemon restarted, not yet reclaimed
    std::uint32_t yours = 0;     // of inUse, held by this user
    Answer oneMore;              // would one more be granted now?
    Origin origin;
};

struct Status {
    enum class Standing {
        demo,
        active,
        grace,
        windingDown,
        expired,
        revoked,
        suspended,
        notYetValid,
        wrongDevice,
        other,
    };
    enum class Binding { same, drift, different, other };         // present hardware against the license's
    enum class Clock { good, rollback, unset, snapshot, other };  // is the machine's clock believed?
    Standing standing = Standing::demo;
    std::string message;  // one sentence on the standing, and what to do
    std::string licenseId;
    std::string licenseType;
    std::string plan;
    std::int64_t maxBots = 0;  // unlimitedUnits, or >= 0; for new slots
    std::uint32_t botsInUse = 0;
    std::string deviceId;
    std::optional<TimePoint> issuedAt, freshUntil, graceUntil, endsAt, windDownUntil;
    std::uint64_t sequence = 0;
    bool development = false;  // the daemon's trust: roots are not compiled in
    std::string authority;
    Binding binding = Binding::same;
    std::string keyLevel;  // how the device key rests on disk: "file", "systemd-creds", "tpm2"
    std::string daemonVersion;
    std::optional<TimePoint> daemonTime, startedAt;
    bool clockSynced = false;
    bool requestPending = false;
    std::uint64_t generation = 0;
    bool container = false;
    std::string authorityUrl;                                          // "": licenses come by file
    std::optional<TimePoint> nextContact, lastContact, lastFailureAt;  // with the authority
    std::string lastFailure;
    bool activating = false;     // an activation waits for its answer
    bool returningSeat = false;  // a seat is given back as soon as the authority can be reached
    std::optional<TimePoint> conflictAt;
    // What the authority said instead of yes to a question that still waits: a stable word, e.g. "approval_waits", and
    // a sentence. "": nothing.
    std::string authorityCode, authorityMessage;
    Clock clock = Clock::good;
    std::optional<TimePoint> believedTime;  // what the daemon takes the time to be
    std::chrono::seconds clockBudget{};     // of uptime, while the clock is not believed: then no right holds
    Origin origin;
};
ENTITLE_API const char* toString(Status::Standing);
ENTITLE_API const char* toString(Status::Binding);
ENTITLE_API const char* toString(Status::Clock);

struct Fingerprint {
    struct Component {
        enum class Result { matched, changed, unreadable, present, other };
        std::string name;
        std::uint16_t weight = 0;
        bool strong = false;
        Result result = Result::other;
    };
    bool enrolled = false;  // false: no license; the components are what an enrolment would take
    Status::Binding match = Status::Binding::other;
    double score = 0;  // 0 … 1
    std::vector<Component> components;
    std::uint16_t changesLeft = 0;  // further changes, heaviest first, that keep the match `same`
    bool virtualMachine = false;
    bool container = false;
    std::string advice;
    std::optional<TimePoint> driftUntil;
    Origin origin;  // source demo: nothing else is filled in
};
ENTITLE_API const char* toString(Fingerprint::Component::Result);

// Units of a quota, held by this process. Movable; destruction gives them back without waiting.
class ENTITLE_API Slots {
  public:
    enum class State {
        held,          // the daemon counts them as ours
        provisional,   // no daemon: within demo mode's limit, counted in this process only; asked for when it comes
        reconnecting,  // the daemon is away; keep working. They are taken back when it returns
        lost,          // they are not ours any more: see reason()
        released,      // given back, or an empty handle
    };
    Slots() noexcept;
    Slots(Slots&&) noexcept;
    Slots& operator=(Slots&&) noexcept;
    ~Slots();

    State state() const;
    std::string reason() const;  // for people; empty while held
    std::uint64_t id() const;    // the daemon's; 0 while provisional. May change when provisional slots become held
    std::uint32_t count() const;
    std::string quota() const;
    std::string label() const;

    // Gives them back and waits for the daemon to say so, at most the time limit. false: it did not say so in time;
    // they end nevertheless, as soon as it listens.
    bool release();

    explicit operator bool() const { return state() != State::lost && state() != State::released; }

  private:
    friend class ClientCore;
    explicit Slots(std::shared_ptr<SlotRecord>) noexcept;
    std::shared_ptr<SlotRecord> record_;
};
ENTITLE_API const char* toString(Slots::State);

// The outcome of acquire: slots, or the reason why not.
struct Acquired {
    Slots slots;
    Answer answer;
    explicit operator bool() const { return answer.allowed; }
};

// What onChange tells. Only the latest state is told: changes in between coalesce.
struct Change {
    Status status;              // origin says whether the daemon is there
    std::size_t slotsLost = 0;  // handles of this Client now in state `lost`
    std::size_t slotsAway = 0;  // handles now in state `reconnecting` or `provisional`
};

// Keeps an onChange callback registered. Destroying it waits for a call under way, unless the callback itself does it;
// afterwards the callback is never called again. It may outlive its Client.
class ENTITLE_API Watch {
  public:
    Watch() noexcept;
    Watch(Watch&&) noexcept;
    Watch& operator=(Watch&&) noexcept;
    ~Watch();

  private:
    friend class ClientCore;
    explicit Watch(std::shared_ptr<WatchRecord>) noexcept;
    std::shared_ptr<WatchRecord> record_;
};

struct Options {
    // The daemon's socket. Empty: ENTITLED_SOCKET if set, else the system's. A path from here or the environment has
    // the trust `user`: directory, socket and process must belong to this user, to root or to the service.
    std::string socket;
    // Insist on the system's socket: Options::socket and ENTITLED_SOCKET are ignored.
    bool systemOnly = false;
    // How long one question may take, reconnecting included.
    std::chrono::milliseconds timeout{1000};
    // Believe a daemon whose trust is `development`.
    bool allowDevelopment = false;
};

// A connection to the daemon that looks after itself. Holds one thread, asleep unless something happens, and a second
// one from the first onChange on.
class ENTITLE_API Client {
  public:
    // Returns at once; connecting goes on in the background. Throws std::system_error if no thread can be had.
    explicit Client(Options = {});
    // Gives back every slot acquired through it, and ends its watches. Not to be called from its own callback.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    Answer check(std::string_view feature);
    Features features();
    Quota quota(std::string_view name);
    Status status();
    Fingerprint fingerprint();

    // `count` (1 to 10,000) units at once or none; `label`: up to 64 bytes of printable UTF-8, for people.
    // No daemon: provisional slots, as long as this Client's stay within demo mode's limit. They carry no right that
    // demo mode lacks (live_trading is denied), so counting them in each process alone costs nobody; refusing them
    // would stop a demo because of our outage. When the daemon comes they are acquired in earnest, or become `lost`.
    Acquired acquire(std::string_view quota, std::uint32_t count = 1, std::string_view label = {});

    // Calls back at once with the present state, then after every change: of the license, of the connection, of a slot.
    // Callbacks run one at a time on a thread of their own, so they may take their time and call everything here; they
    // must not destroy the Client. An exception that leaves a callback is dropped.
    [[nodiscard]] Watch onChange(std::function<void(const Change&)>);

  private:
    std::shared_ptr<ClientCore> core_;
};

// This library's version, "0.1.0".
ENTITLE_API const char* version();

}  // namespace v0
}  // namespace entitle
