// libsystemd's client of D-Bus, loaded when there is a bus to speak to: a machine without one carries none of it.
#pragma once

#include <string>

#include <boost/system/result.hpp>
#include <systemd/sd-bus.h>

namespace entitle {

struct BusLibrary {
    // Loads it, once per process. The words say what lacks.
    static boost::system::result<const BusLibrary*, std::string> load();

    decltype(&::sd_bus_open_system) openSystem = nullptr;
    decltype(&::sd_bus_close) close = nullptr;
    decltype(&::sd_bus_unref) unref = nullptr;
    decltype(&::sd_bus_get_fd) descriptor = nullptr;
    decltype(&::sd_bus_get_events) events = nullptr;
    decltype(&::sd_bus_get_timeout) timeout = nullptr;
    decltype(&::sd_bus_get_n_queued_write) queuedWrites = nullptr;
    decltype(&::sd_bus_process) process = nullptr;
    decltype(&::sd_bus_request_name_async) requestName = nullptr;
    decltype(&::sd_bus_add_object) addObject = nullptr;
    decltype(&::sd_bus_add_match_async) addMatch = nullptr;
    decltype(&::sd_bus_call_async) call = nullptr;
    decltype(&::sd_bus_send) send = nullptr;
    decltype(&::sd_bus_slot_unref) slotUnref = nullptr;

    decltype(&::sd_bus_message_new_method_call) newCall = nullptr;
    decltype(&::sd_bus_message_new_method_return) newReturn = nullptr;
    decltype(&::sd_bus_message_new_method_error) newError = nullptr;
    decltype(&::sd_bus_message_new_signal) newSignal = nullptr;
    decltype(&::sd_bus_message_ref) messageRef = nullptr;
    decltype(&::sd_bus_message_unref) messageUnref = nullptr;
    decltype(&::sd_bus_message_get_sender) sender = nullptr;
    decltype(&::sd_bus_message_get_interface) interface = nullptr;
    decltype(&::sd_bus_message_get_member) member = nullptr;
    decltype(&::sd_bus_message_get_signature) signature = nullptr;
    decltype(&::sd_bus_message_get_error) error = nullptr;
    decltype(&::sd_bus_message_get_expect_reply) expectsReply = nullptr;
    decltype(&::sd_bus_message_get_allow_interactive_authorization) mayInteract = nullptr;
    decltype(&::sd_bus_message_read_basic) readBasic = nullptr;
    decltype(&::sd_bus_message_enter_container) enter = nullptr;
    decltype(&::sd_bus_message_exit_container) exit = nullptr;
    decltype(&::sd_bus_message_at_end) atEnd = nullptr;
    decltype(&::sd_bus_message_skip) skip = nullptr;
    decltype(&::sd_bus_message_peek_type) peek = nullptr;
    decltype(&::sd_bus_message_append_basic) appendBasic = nullptr;
    decltype(&::sd_bus_message_open_container) open = nullptr;
    decltype(&::sd_bus_message_close_container) closeContainer = nullptr;
};

}  // namespace entitle
