// What entitlectl's exit statuses mean. Documented in --help and the man page; never renumbered.
#pragma once

namespace entitle::cli {

inline constexpr int exitDone = 0;      // done; allowed; no problem found
inline constexpr int exitDenied = 1;    // denied or refused; problems found
inline constexpr int exitUsage = 2;     // the command line is wrong
inline constexpr int exitNoDaemon = 3;  // the daemon could not be asked: not running, not permitted, not trusted
inline constexpr int exitFault = 4;     // a file could not be read or written, or the like
inline constexpr int exitPending = 5;   // the authority cannot be reached, or lets us wait; the daemon goes on asking
// `run`: 126 the command cannot be run, 127 it was not found, else its own status, or 128 + the signal that ended it.
inline constexpr int exitNotRunnable = 126;
inline constexpr int exitNotFound = 127;

}  // namespace entitle::cli
