#include "daemon/bus_api_linux.h"

#include <algorithm>

#include "daemon/bus_interface.h"
#include "daemon/log.h"

namespace entitle {
namespace {

constexpr const char* properties = "org.freedesktop.DBus.Properties";
constexpr const char* invalidArguments = "org.freedesktop.DBus.Error.InvalidArgs";
constexpr const char* unknownProperty = "org.freedesktop.DBus.Error.UnknownProperty";
constexpr const char* unknownInterface = "org.freedesktop.DBus.Error.UnknownInterface";
constexpr const char* limitsExceeded = "org.freedesktop.DBus.Error.LimitsExceeded";
constexpr const char* accessDenied = "org.freedesktop.DBus.Error.AccessDenied";
constexpr const char* tooMany = "Too many calls wait for their answers. Try again when some have come.";

std::string noSuch(const char* what, std::string_view name) {
    return std::string("There is no ") + what + " '" + std::string(name.substr(0, 64)) + "' here.";
}

}  // namespace

void addVariant(BusMessage& message, const BusValue& value) {
    const char* type = busTypeOf(value);
    message.open(SD_BUS_TYPE_VARIANT, type);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
        message.open(SD_BUS_TYPE_ARRAY, "s");
        for (const auto& text : *texts) message.add(text);
        message.close();
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        message.add(*text);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
        message.add(*flag);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
        message.add(*number);
    } else {
        message.add(std::get<std::uint64_t>(value));
    }
    message.close();
}

const BusApi::Method BusApi::methods[] = {
    {properties, "Get", "ss", &BusApi::getProperty},
    {properties, "GetAll", "s", &BusApi::getAllProperties},
    {properties, "Set", "ssv", &BusApi::setProperty},
    {busInterface, "CheckFeature", "s", &BusApi::checkFeature},
    {busInterface, "ListSlots", "", &BusApi::listSlots},
    {busInterface, "ListAllSlots", "", nullptr, &BusAdmin::listAllSlots},
    {busInterface, "ReleaseSlot", "t", nullptr, &BusAdmin::releaseSlot},
    {busInterface, "Activate", "s", nullptr, &BusAdmin::activate},
    {busInterface, "Refresh", "", nullptr, &BusAdmin::refresh},
    {busInterface, "Import", "h", nullptr, &BusAdmin::import},
    {busInterface, "Deactivate", "", nullptr, &BusAdmin::deactivate},
};

BusApi::BusApi(BusLink& link, Daemon& daemon, const AccessPolicy& policy)
    : link_(link),
      daemon_(daemon),
      policy_(policy),
      callers_(link),
      admin_(link, callers_, daemon),
      changes_(link, daemon, policy.queryGroup.has_value()),
      object_(link.object(busPath, [this](BusMessage message) { return received(std::move(message)); })) {}

void BusApi::reconfigure(const AccessPolicy& policy) {
    policy_ = policy;
    changes_.setSecret(policy.queryGroup.has_value());
}

// --- who, and whether ------------------------------------------------------------------------------------------------

bool BusApi::received(BusMessage message) {
    const std::string interface = message.interface(), member = message.member(), sender = message.sender();
    if (interface == "org.freedesktop.DBus.Introspectable" && member == "Introspect") {
        auto reply = link_.newReturn(message);
        reply.addVerbatim(servedIntrospection());
        link_.send(reply);
        return true;
    }
    const auto method = std::find_if(std::begin(methods), std::end(methods), [&](const Method& each) {
        return member == each.name && (interface == each.interface || interface.empty());
    });
    if (method == std::end(methods) || sender.empty()) return false;
    if (message.signature() != method->takes) {
        link_.refuse(message, invalidArguments,
                     member + " takes the arguments '" + method->takes + "', not '" + message.signature() + "'.");
        return true;
    }
    auto held = places_.ofConnection(sender);
    if (!held) {
        link_.refuse(message, limitsExceeded, tooMany);
        return true;
    }
    callers_.identify(sender, [this, method, message, held](const std::optional<Peer>& caller) {
        if (!caller) return;  // nobody is left to hear the answer
        if (method->change) return change(*method, message, *caller);
        decide(*method, {message, *caller});
    });
    return true;
}

// Questions are answered at once: only a change takes a place from other calls of its user.
void BusApi::change(const Method& method, BusMessage message, const Peer& caller) {
    auto place = places_.ofUser(caller.uid);
    if (!place) return link_.refuse(message, limitsExceeded, tooMany);
    (admin_.*method.change)(std::move(message), std::move(place));
}

void BusApi::decide(const Method& method, Call call) {
    if (!allowed(call.caller, Door::query, policy_)) {
        daemon_.countDenial(call.caller.uid, "bus");
        return link_.refuse(call.message, accessDenied,
                            "Only members of the group that the daemon's configuration names may ask it.");
    }
    (this->*method.question)(std::move(call));
}

// --- properties ------------------------------------------------------------------------------------------------------

void BusApi::getProperty(Call call) {
    std::string interface, name;
    if (!call.message.read(interface) || !call.message.read(name)) return;
    if (interface != busInterface && !interface.empty())
        return link_.refuse(call.message, unknownInterface, noSuch("interface", interface));
    const auto all = busPropertiesOf(daemon_.status(), daemon_.entitlements());
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.name == name; });
    if (found == all.end()) return link_.refuse(call.message, unknownProperty, noSuch("property", name));
    auto reply = link_.newReturn(call.message);
    addVariant(reply, found->value);
    link_.send(reply);
}

void BusApi::getAllProperties(Call call) {
    std::string interface;
    if (!call.message.read(interface)) return;
    const bool ours = interface == busInterface || interface.empty();
    if (!ours && interface.rfind("org.freedesktop.DBus.", 0) != 0)
        return link_.refuse(call.message, unknownInterface, noSuch("interface", interface));
    auto reply = link_.newReturn(call.message);
    reply.open(SD_BUS_TYPE_ARRAY, "{sv}");
    if (ours) {
        for (const auto& property : busPropertiesOf(daemon_.status(), daemon_.entitlements())) {
            reply.open(SD_BUS_TYPE_DICT_ENTRY, "sv").add(property.name);
            addVariant(reply, property.value);
            reply.close();
        }
    }
    reply.close();
    link_.send(reply);
}

void BusApi::setProperty(Call call) {
    link_.refuse(call.message, "org.freedesktop.DBus.Error.PropertyReadOnly",
                 "Nothing can be set here: what is in force follows from the license.");
}

// --- questions -------------------------------------------------------------------------------------------------------

void BusApi::checkFeature(Call call) {
    std::string feature;
    if (!call.message.read(feature)) return;
    const Verdict& verdict = daemon_.check(feature);
    auto reply = link_.newReturn(call.message);
    reply.add(verdict.allowed).add(toString(verdict.reason)).add(verdict.message).add(busMoment(verdict.until));
    link_.send(reply);
}

void BusApi::listSlots(Call call) {
    std::optional<std::uint32_t> only;
    if (call.caller.uid != 0) only = call.caller.uid;
    auto reply = link_.newReturn(call.message);
    addSlots(reply, daemon_, only);
    link_.send(reply);
}

}  // namespace entitle
