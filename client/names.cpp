// The stable names of the public enums: what --json prints and logs show.
#include "client/client.h"

namespace entitle {
inline namespace v0 {

const char* toString(Source source) {
    switch (source) {
        case Source::daemon:
            return "daemon";
        case Source::remembered:
            return "remembered";
        case Source::demo:
            return "demo";
    }
    return "other";
}

const char* toString(Unavailable why) {
    switch (why) {
        case Unavailable::none:
            return "none";
        case Unavailable::notRunning:
            return "not-running";
        case Unavailable::permissionDenied:
            return "permission-denied";
        case Unavailable::untrusted:
            return "untrusted";
        case Unavailable::development:
            return "development";
        case Unavailable::unresponsive:
            return "unresponsive";
        case Unavailable::disconnected:
            return "disconnected";
        case Unavailable::badAddress:
            return "bad-address";
        case Unavailable::protocol:
            return "protocol";
        case Unavailable::forked:
            return "forked";
    }
    return "other";
}

const char* toString(Answer::Reason reason) {
    using enum Answer::Reason;
    switch (reason) {
        case granted:
            return "granted";
        case demo:
            return "demo";
        case inGrace:
            return "in-grace";
        case notInPlan:
            return "not-in-plan";
        case demoLimited:
            return "demo-limited";
        case expired:
            return "expired";
        case windingDown:
            return "winding-down";
        case revoked:
            return "revoked";
        case suspended:
            return "suspended";
        case notYetValid:
            return "not-yet-valid";
        case wrongDevice:
            return "wrong-device";
        case unknownName:
            return "unknown-name";
        case badName:
            return "bad-name";
        case quotaExceeded:
            return "quota-exceeded";
        case demoDisabled:
            return "demo-disabled";
        case other:
            break;
    }
    return "other";
}

const char* toString(Status::Standing standing) {
    using enum Status::Standing;
    switch (standing) {
        case demo:
            return "demo";
        case active:
            return "active";
        case grace:
            return "grace";
        case windingDown:
            return "winding-down";
        case expired:
            return "expired";
        case revoked:
            return "revoked";
        case suspended:
            return "suspended";
        case notYetValid:
            return "not-yet-valid";
        case wrongDevice:
            return "wrong-device";
        case other:
            break;
    }
    return "other";
}

const char* toString(Status::Binding binding) {
    switch (binding) {
        case Status::Binding::same:
            return "same";
        case Status::Binding::drift:
            return "drift";
        case Status::Binding::different:
            return "different";
        case Status::Binding::other:
            break;
    }
    return "other";
}

const char* toString(Status::Clock clock) {
    switch (clock) {
        case Status::Clock::good:
            return "good";
        case Status::Clock::rollback:
            return "rollback";
        case Status::Clock::unset:
            return "unset";
        case Status::Clock::snapshot:
            return "snapshot";
        case Status::Clock::other:
            break;
    }
    return "other";
}

const char* toString(Fingerprint::Component::Result result) {
    using enum Fingerprint::Component::Result;
    switch (result) {
        case matched:
            return "matched";
        case changed:
            return "changed";
        case unreadable:
            return "unreadable";
        case present:
            return "present";
        case other:
            break;
    }
    return "other";
}

const char* toString(Slots::State state) {
    switch (state) {
        case Slots::State::held:
            return "held";
        case Slots::State::provisional:
            return "provisional";
        case Slots::State::reconnecting:
            return "reconnecting";
        case Slots::State::lost:
            return "lost";
        case Slots::State::released:
            return "released";
    }
    return "other";
}

const char* version() {
    return ENTITLE_VERSION;
}

}  // namespace v0
}  // namespace entitle
