#include "daemon/bus_admin_linux.h"

#include <exception>
#include <utility>

#include <fcntl.h>

#include <boost/asio/post.hpp>

#include "daemon/bus_api_linux.h"
#include "daemon/bus_properties.h"
#include "daemon/log.h"

namespace entitle {
namespace {

// What the wire takes of a document, and more than any is.
constexpr std::size_t mostOfAFile = 64 * 1024;

constexpr const char* errorPrefix = "org.cryptoorchestrator.Entitled1.Error.";
constexpr const char* internalFault = "org.freedesktop.DBus.Error.Failed";

}  // namespace

void addSlots(BusMessage& reply, const Daemon& daemon, std::optional<std::uint32_t> onlyOf) {
    reply.open(SD_BUS_TYPE_ARRAY, "(tsusuitb)");
    for (const Slot& slot : busSlotsOf(daemon, onlyOf)) {
        reply.open(SD_BUS_TYPE_STRUCT, "tsusuitb").add(std::uint64_t{slot.id}).add(slot.quota).add(slot.count);
        reply.add(slot.label).add(slot.holder.uid).add(slot.holder.pid).add(busMoment(slot.since));
        reply.add(slot.reclaimUntil.has_value()).close();
    }
    reply.close();
}

// One call on its way. What it holds ends with it, in this order: whoever is asked, then the place.
struct BusAdmin::Pending final : ContactWatcher {
    Pending(BusAdmin& admin, Number n, BusMessage m, std::shared_ptr<void> p)
        : owner(admin), number(n), message(std::move(m)), place(std::move(p)) {}
    ~Pending() {
        if (follows) owner.daemon_.unfollow(*this);
    }

    void contactNews(const ContactNews&) override {}  // D-Bus has one answer to a call, and this is none yet
    // From within the daemon: answered now, ended when it is no longer in the middle of it.
    void contactEnded(const ContactEnd& end) override {
        follows = false;
        try {
            owner.settle(*this, end);
        } catch (const std::exception& fault) {
            log().error("an answer could not be given to the bus: {}", fault.what());
        }
        boost::asio::post(owner.link_.loop().context(), [self = &owner, n = number, alive = owner.alive_] {
            if (*alive) self->end(n);
        });
    }

    BusAdmin& owner;
    Number number;
    BusMessage message;
    std::shared_ptr<void> place;
    Peer caller;
    bool follows = false;
    BusLink::Slot vanished;
    std::shared_ptr<HandedFiles::Reading> reading;
    std::unique_ptr<BusPermission::Asking> asking;
};

BusAdmin::BusAdmin(BusLink& link, BusCallers& callers, Daemon& daemon)
    : link_(link),
      daemon_(daemon),
      callers_(callers),
      permission_(link),
      files_(link.loop().context()),
      alive_(std::make_shared<bool>(true)) {}

BusAdmin::~BusAdmin() {
    *alive_ = false;
    pending_.clear();
}

// --- who, and whether ------------------------------------------------------------------------------------------------

void BusAdmin::permitted(BusAction action, BusMessage call, std::shared_ptr<void> place, Act act) {
    const Number number = ++last_;
    const std::string sender = call.sender();
    auto& pending =
        *pending_.emplace(number, std::make_unique<Pending>(*this, number, std::move(call), std::move(place)))
             .first->second;
    // Before the question who it is: whoever left earlier is unknown to the bus then.
    pending.vanished = link_.match(
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',"
        "member='NameOwnerChanged',arg0='" +
            sender + "',arg2=''",
        [this, number](BusMessage signal) {
            if (signal.sender() == "org.freedesktop.DBus") end(number);
        });
    callers_.identifyAnew(sender, [this, number, action, act = std::move(act)](const std::optional<Peer>& caller) {
        identified(number, action, caller, act);
    });
}

void BusAdmin::identified(Number number, BusAction action, const std::optional<Peer>& caller, Act act) {
    const auto found = pending_.find(number);
    if (found == pending_.end()) return;
    if (!caller) return end(number);
    Pending& pending = *found->second;
    pending.caller = *caller;
    auto asking = permission_.ask(
        action, pending.message, *caller, [this, number, act = std::move(act)](BusPermission::Answer answer) {
            const auto asked = pending_.find(number);
            if (asked == pending_.end()) return;
            Pending& waiting = *asked->second;
            if (!answer.error.empty()) {
                daemon_.countDenial(waiting.caller.uid, "bus-admin");
                link_.refuse(waiting.message, answer.error, answer.message);
                return end(number);
            }
            try {
                act(waiting);
            } catch (const std::exception& fault) {
                log().error("{}: {}", waiting.message.member(), fault.what());
                link_.refuse(waiting.message, internalFault, "Internal fault; the daemon's log says more.");
                end(number);
            }
        });
    // Of root it was decided, and perhaps done, already.
    if (const auto waits = pending_.find(number); waits != pending_.end()) waits->second->asking = std::move(asking);
}

void BusAdmin::done(Pending& pending) {
    link_.send(link_.newReturn(pending.message));
    end(pending.number);
}

void BusAdmin::refuse(Pending& pending, const AdminRefusal& why) {
    link_.refuse(pending.message, busErrorOf(why.code), why.message);
    end(pending.number);
}

void BusAdmin::end(Number number) {
    const auto ended = pending_.extract(number);  // destroyed when it is no longer among the others
}

// --- the authority ---------------------------------------------------------------------------------------------------

void BusAdmin::activate(BusMessage call, std::shared_ptr<void> place) {
    std::string key;
    if (!call.read(key)) return;
    permitted(BusAction::activate, std::move(call), std::move(place), [this, key](Pending& pending) {
        follow(pending, [&](ContactWatcher& watcher) { return daemon_.activate(key, pending.caller.uid, watcher); });
    });
}

void BusAdmin::refresh(BusMessage call, std::shared_ptr<void> place) {
    permitted(BusAction::activate, std::move(call), std::move(place), [this](Pending& pending) {
        follow(pending, [&](ContactWatcher& watcher) { return daemon_.refresh(pending.caller.uid, watcher); });
    });
}

void BusAdmin::follow(Pending& pending,
                      const std::function<boost::system::result<void, AdminRefusal>(ContactWatcher&)>& ask) {
    pending.follows = true;  // also where the end comes from within
    if (const auto asked = ask(pending); !asked) {
        pending.follows = false;
        refuse(pending, asked.error());
    }
}

void BusAdmin::settle(Pending& pending, const ContactEnd& end) {
    switch (end.outcome) {
        case ContactEnd::Outcome::done:
            return link_.send(link_.newReturn(pending.message));
        case ContactEnd::Outcome::refused:
            return link_.refuse(pending.message, busErrorOf(end.why.code), end.why.message);
        case ContactEnd::Outcome::pending:
            return link_.refuse(pending.message, busErrorOf("pending"),
                                end.news.message + " The daemon goes on asking by itself.");
    }
}

// --- this machine ----------------------------------------------------------------------------------------------------

void BusAdmin::deactivate(BusMessage call, std::shared_ptr<void> place) {
    permitted(BusAction::deactivate, std::move(call), std::move(place), [this](Pending& pending) {
        if (const auto given = daemon_.deactivate(pending.caller.uid); !given) return refuse(pending, given.error());
        done(pending);
    });
}

void BusAdmin::import(BusMessage call, std::shared_ptr<void> place) {
    permitted(BusAction::activate, std::move(call), std::move(place), [this](Pending& pending) {
        int handed = -1;
        if (!pending.message.readHandle(handed)) return end(pending.number);
        Descriptor file(::fcntl(handed, F_DUPFD_CLOEXEC, 3));
        if (!file) return refuse(pending, {"unreadable", "The daemon has no descriptors left."});
        pending.reading = files_.read(std::move(file), mostOfAFile,
                                      [this, n = pending.number, alive = alive_](HandedFiles::Result content) {
                                          if (!*alive) return;
                                          link_.loop().enter([&] { imported(n, std::move(content)); });
                                      });
        if (!pending.reading) refuse(pending, {"busy", "Other files are being read. Try again when that is done."});
    });
}

void BusAdmin::imported(Number number, HandedFiles::Result content) {
    const auto found = pending_.find(number);
    if (found == pending_.end()) return;
    Pending& pending = *found->second;
    try {
        if (!content) return refuse(pending, content.error());
        const auto changed = daemon_.import(*content, pending.caller.uid);
        if (!changed) return refuse(pending, changed.error());
        auto reply = link_.newReturn(pending.message);
        reply.add(*changed);
        link_.send(reply);
        end(number);
    } catch (const std::exception& fault) {
        log().error("Import: {}", fault.what());
        link_.refuse(pending.message, internalFault, "Internal fault; the daemon's log says more.");
        end(number);
    }
}

void BusAdmin::releaseSlot(BusMessage call, std::shared_ptr<void> place) {
    std::uint64_t id = 0;
    if (!call.read(id)) return;
    permitted(BusAction::manageSlots, std::move(call), std::move(place), [this, id](Pending& pending) {
        if (!daemon_.releaseSlot(id, pending.caller.uid))
            return refuse(pending, {"no-such-slot", "There is no slot " + std::to_string(id) + "."});
        done(pending);
    });
}

void BusAdmin::listAllSlots(BusMessage call, std::shared_ptr<void> place) {
    permitted(BusAction::manageSlots, std::move(call), std::move(place), [this](Pending& pending) {
        auto reply = link_.newReturn(pending.message);
        addSlots(reply, daemon_, std::nullopt);
        link_.send(reply);
        end(pending.number);
    });
}

// --- errors ----------------------------------------------------------------------------------------------------------

std::string busErrorOf(std::string_view code) {
    std::string name = errorPrefix;
    bool capital = true;
    for (const char c : code.substr(0, 64)) {
        const bool lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
        if (c == '-' || c == '_' || c == '.') {
            capital = true;
        } else if (lower || (digit && !capital)) {
            name += capital ? static_cast<char>(c - 'a' + 'A') : c;
            capital = false;
        } else {
            return std::string(errorPrefix) + "Refused";
        }
    }
    return name == errorPrefix ? name + "Refused" : name;
}

}  // namespace entitle
