#include "daemon/bus_library_linux.h"

#include <stdexcept>

#include <dlfcn.h>

namespace entitle {
namespace {

template <class Function>
void find(void* library, const char* name, Function& into) {
    into = reinterpret_cast<Function>(::dlsym(library, name));
    if (!into) throw std::runtime_error(std::string("libsystemd is too old: it has no ") + name);
}

BusLibrary loaded() {
    // By the loader's own search, which knows no working directory. Never unloaded: it keeps data of this thread.
    void* library = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
        const char* why = ::dlerror();
        throw std::runtime_error(std::string("libsystemd cannot be loaded (") + (why ? why : "unknown") +
                                 "): install libsystemd0");
    }
    BusLibrary bus;
    find(library, "sd_bus_open_system", bus.openSystem);
    find(library, "sd_bus_close", bus.close);
    find(library, "sd_bus_unref", bus.unref);
    find(library, "sd_bus_get_fd", bus.descriptor);
    find(library, "sd_bus_get_events", bus.events);
    find(library, "sd_bus_get_timeout", bus.timeout);
    find(library, "sd_bus_get_n_queued_write", bus.queuedWrites);
    find(library, "sd_bus_process", bus.process);
    find(library, "sd_bus_request_name_async", bus.requestName);
    find(library, "sd_bus_add_object", bus.addObject);
    find(library, "sd_bus_add_match_async", bus.addMatch);
    find(library, "sd_bus_call_async", bus.call);
    find(library, "sd_bus_send", bus.send);
    find(library, "sd_bus_slot_unref", bus.slotUnref);
    find(library, "sd_bus_message_new_method_call", bus.newCall);
    find(library, "sd_bus_message_new_method_return", bus.newReturn);
    find(library, "sd_bus_message_new_method_error", bus.newError);
    find(library, "sd_bus_message_new_signal", bus.newSignal);
    find(library, "sd_bus_message_ref", bus.messageRef);
    find(library, "sd_bus_message_unref", bus.messageUnref);
    find(library, "sd_bus_message_get_sender", bus.sender);
    find(library, "sd_bus_message_get_interface", bus.interface);
    find(library, "sd_bus_message_get_member", bus.member);
    find(library, "sd_bus_message_get_signature", bus.signature);
    find(library, "sd_bus_message_get_error", bus.error);
    find(library, "sd_bus_message_get_expect_reply", bus.expectsReply);
    find(library, "sd_bus_message_get_allow_interactive_authorization", bus.mayInteract);
    find(library, "sd_bus_message_read_basic", bus.readBasic);
    find(library, "sd_bus_message_enter_container", bus.enter);
    find(library, "sd_bus_message_exit_container", bus.exit);
    find(library, "sd_bus_message_at_end", bus.atEnd);
    find(library, "sd_bus_message_skip", bus.skip);
    find(library, "sd_bus_message_peek_type", bus.peek);
    find(library, "sd_bus_message_append_basic", bus.appendBasic);
    find(library, "sd_bus_message_open_container", bus.open);
    find(library, "sd_bus_message_close_container", bus.closeContainer);
    return bus;
}

}  // namespace

boost::system::result<const BusLibrary*, std::string> BusLibrary::load() {
    using Result = boost::system::result<const BusLibrary*, std::string>;
    try {
        static const BusLibrary bus = loaded();  // after a failure the next call tries again
        return Result(boost::system::in_place_value, &bus);
    } catch (const std::runtime_error& fault) {
        return Result(boost::system::in_place_error, fault.what());
    }
}

}  // namespace entitle
