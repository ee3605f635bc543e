#include "tests/server/system_calls.h"

#include <sys/syscall.h>

namespace entitle::testing {

bool canChangeAFile(std::uint64_t call) {
    switch (call) {
        case SYS_write:
        case SYS_pwrite64:
        case SYS_writev:
        case SYS_pwritev:
        case SYS_fsync:
        case SYS_fdatasync:
        case SYS_ftruncate:
        case SYS_fallocate:
        case SYS_openat:
        case SYS_renameat:
        case SYS_renameat2:
        case SYS_unlinkat:
        case SYS_mkdirat:
        case SYS_fchmod:
        case SYS_fcntl:  // SQLite's locks: between two of them the shared memory has changed
        case SYS_flock:
            return true;
#ifdef SYS_open
        case SYS_open:
        case SYS_rename:
        case SYS_unlink:
        case SYS_rmdir:
        case SYS_mkdir:
        case SYS_chmod:
            return true;
#endif
        default:
            return false;
    }
}

bool saysSomething(std::uint64_t call) {
    return call == SYS_sendto || call == SYS_sendmsg || call == SYS_sendmmsg;
}

}  // namespace entitle::testing
