#include "proto/limits.h"

namespace entitle {

std::string_view toString(CloseReason reason) {
    switch (reason) {
        case CloseReason::local:
            return "closed here";
        case CloseReason::peerClosed:
            return "closed by the peer";
        case CloseReason::ioError:
            return "I/O error";
        case CloseReason::badFrame:
            return "bad frame";
        case CloseReason::badMessage:
            return "bad message";
        case CloseReason::tooManyQuestions:
            return "too many open questions";
        case CloseReason::silent:
            return "no message in time";
        case CloseReason::overBudget:
            return "over the memory budget";
    }
    return "unknown";
}

}  // namespace entitle
