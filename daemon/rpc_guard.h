// The RPC boundary: where faults of a call stop. The caller gets an exception, the log a line, and the daemon goes on.
#pragma once

#include <exception>
#include <utility>

#include <kj/async.h>
#include <kj/debug.h>
#include <kj/exception.h>

#include "daemon/log.h"

namespace entitle {

template <class F>
kj::Promise<void> guarded(const char* method, F&& f) {
    try {
        std::forward<F>(f)();
        return kj::READY_NOW;
    } catch (const kj::Exception& malformed) {
        // An argument that libcapnp refused. Not logged: whoever sends it could fill the log. Before std::exception,
        // for what KJ throws is both.
        return kj::cp(malformed);
    } catch (const std::bad_alloc&) {
        log().error("{}: out of memory", method);
        return KJ_EXCEPTION(OVERLOADED, "the daemon is out of memory");
    } catch (const std::exception& fault) {
        log().error("{}: {}", method, fault.what());
        return KJ_EXCEPTION(FAILED, "internal fault; the daemon's log says more");
    }
}

}  // namespace entitle
