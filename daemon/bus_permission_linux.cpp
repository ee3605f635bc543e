#include "daemon/bus_permission_linux.h"

#include <exception>

#include "daemon/log.h"

namespace entitle {
namespace {

constexpr const char* polkit = "org.freedesktop.PolicyKit1";
constexpr const char* authorityPath = "/org/freedesktop/PolicyKit1/Authority";
constexpr const char* authorityInterface = "org.freedesktop.PolicyKit1.Authority";
constexpr std::chrono::minutes patience{5};  // for a person who looks for a password
constexpr std::uint32_t allowUserInteraction = 1;

constexpr const char* accessDenied = "org.freedesktop.DBus.Error.AccessDenied";
constexpr const char* interactionRequired = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";

// Nobody is there to decide; as opposed to a decision that failed.
bool isAbsence(const std::string& error) {
    return error == "org.freedesktop.DBus.Error.ServiceUnknown" ||
           error == "org.freedesktop.DBus.Error.NameHasNoOwner" || error == "org.freedesktop.DBus.Error.Disconnected" ||
           error.rfind("org.freedesktop.DBus.Error.Spawn.", 0) == 0 || error.rfind("org.freedesktop.systemd1.", 0) == 0;
}

BusPermission::Answer decisionOf(BusMessage& answer, BusAction action, bool mayInteract) {
    const std::string error = answer.errorName();
    if (isAbsence(error)) {
        return {
            accessDenied,
            "Only root may do this here: polkit, which could allow it to others, is not running. Become root, or use "
            "entitlectl as a member of the admin group."};
    }
    if (!error.empty()) {
        log().warn("polkit could not decide on {}: {} ({})", toString(action), answer.errorMessage(), error);
        return {accessDenied, "Nobody could decide whether you may do this. The daemon's log says more."};
    }
    bool authorized = false, challenge = false;
    if (!answer.enter(SD_BUS_TYPE_STRUCT, "bba{ss}") || !answer.read(authorized) || !answer.read(challenge))
        return {accessDenied, "polkit's answer was not understood."};
    if (authorized) return {};
    if (challenge && !mayInteract) {
        return {interactionRequired,
                "This needs the word of an administrator, and the caller did not let anybody be asked."};
    }
    return {accessDenied, std::string("You may not do this (polkit action ") + toString(action) + ")."};
}

}  // namespace

const char* toString(BusAction action) {
    switch (action) {
        case BusAction::activate:
            return "org.cryptoorchestrator.entitled.activate";
        case BusAction::deactivate:
            return "org.cryptoorchestrator.entitled.deactivate";
        case BusAction::manageSlots:
            return "org.cryptoorchestrator.entitled.manage-slots";
    }
    return "";
}

std::unique_ptr<BusPermission::Asking> BusPermission::ask(BusAction action, const BusMessage& call, const Peer& caller,
                                                          Told told) {
    if (caller.uid == 0) {
        told({});
        return nullptr;
    }
    const bool mayInteract = call.mayInteract();
    auto asking = std::make_unique<Asking>(link_, "entitled-" + std::to_string(++asked_));
    auto question = link_.newCall(polkit, authorityPath, authorityInterface, "CheckAuthorization");
    // By its name on the bus, which is never given to another; a process number would be.
    question.open(SD_BUS_TYPE_STRUCT, "sa{sv}").add("system-bus-name").open(SD_BUS_TYPE_ARRAY, "{sv}");
    question.open(SD_BUS_TYPE_DICT_ENTRY, "sv").add("name").open(SD_BUS_TYPE_VARIANT, "s").add(call.sender());
    question.close().close().close().close();
    question.add(toString(action)).open(SD_BUS_TYPE_ARRAY, "{ss}").close();
    question.add(mayInteract ? allowUserInteraction : std::uint32_t{0}).add(asking->number_);
    asking->call_ = link_.call(question, patience,
                               [self = asking.get(), action, mayInteract, told = std::move(told)](BusMessage answer) {
                                   // Our own patience has an end, the dialogue would not.
                                   self->answered_ = answer.errorName() != "org.freedesktop.DBus.Error.NoReply" &&
                                                     answer.errorName() != "org.freedesktop.DBus.Error.Timeout";
                                   told(decisionOf(answer, action, mayInteract));
                               });
    return asking;
}

BusPermission::Asking::~Asking() {
    if (answered_) return;
    try {
        auto cancel = link_.newCall(polkit, authorityPath, authorityInterface, "CancelCheckAuthorization");
        cancel.add(number_);
        link_.send(cancel);
    } catch (const std::exception& fault) {
        log().debug("a question to polkit could not be withdrawn: {}", fault.what());
    }
}

}  // namespace entitle
