// File calls that go wrong on demand, and a journal of those made.
#pragma once

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <errno.h>

#include "daemon/file_calls_unix.h"

namespace entitle::testing {

enum class Fault {
    enospc,
    eio,
    eintr,         // once, then the call works
    shortWrite,    // half of the bytes, and no error
    halfThenFail,  // half of the bytes, then ENOSPC on every later write
    leave,         // throws Killed: what is on disk stays, nothing tidies up
    sigkill,       // the real thing, for a forked child
};

struct Killed {};

// Counts the calls that change something (open for writing, write, fsync, ftruncate, rename, unlink) and reads if
// asked; the `at`-th of them, from 1, goes wrong.
class FaultyCalls : public FileCalls {
  public:
    FaultyCalls() = default;
    FaultyCalls(unsigned at, Fault fault) : at_(at), fault_(fault) {}

    void arm(unsigned at, Fault fault) {
        count_ = 0;
        at_ = at;
        fault_ = fault;
        struck_ = diskFull_ = false;
    }
    bool struck() const { return struck_; }
    unsigned count() const { return count_; }
    const std::vector<std::string>& journal() const { return journal_; }
    void clearJournal() { journal_.clear(); }

    bool alwaysFull = false;               // every write fails with ENOSPC
    bool readsFail = false;                // every read fails with EIO
    uid_t owner = static_cast<uid_t>(-1);  // what fstat says, if set

    int openAt(int directory, const char* name, int flags, mode_t mode) override {
        if ((flags & O_ACCMODE) != O_RDONLY && strikes("open " + std::string(name))) return fail();
        return FileCalls::openAt(directory, name, flags, mode);
    }
    int fstat(int descriptor, struct stat* into) override {
        const int result = FileCalls::fstat(descriptor, into);
        if (owner != static_cast<uid_t>(-1)) into->st_uid = owner;
        return result;
    }
    ssize_t read(int descriptor, void* into, std::size_t size) override {
        if (readsFail) {
            errno = EIO;
            return -1;
        }
        return FileCalls::read(descriptor, into, size);
    }
    ssize_t write(int descriptor, const void* from, std::size_t size) override {
        if (alwaysFull || diskFull_) {
            errno = ENOSPC;
            return -1;
        }
        if (strikes("write")) {
            if (fault_ == Fault::halfThenFail) diskFull_ = true;
            if (fault_ == Fault::halfThenFail || fault_ == Fault::shortWrite) {
                return FileCalls::write(descriptor, from, size > 1 ? size / 2 : size);
            }
            return fail();
        }
        return FileCalls::write(descriptor, from, size);
    }
    int fsync(int descriptor) override {
        if (strikes("fsync")) return fail();
        return FileCalls::fsync(descriptor);
    }
    int ftruncate(int descriptor, off_t size) override {
        if (strikes("ftruncate")) return fail();
        return FileCalls::ftruncate(descriptor, size);
    }
    int renameAt(int directory, const char* from, const char* to) override {
        if (strikes("rename " + std::string(from) + " " + to)) return fail();
        return FileCalls::renameAt(directory, from, to);
    }
    int unlinkAt(int directory, const char* name) override {
        if (strikes("unlink " + std::string(name))) return fail();
        return FileCalls::unlinkAt(directory, name);
    }

  private:
    // Faults that only a write can have leave other calls alone, but count them.
    bool strikes(std::string call) {
        journal_.push_back(call);
        ++count_;
        const bool onlyWrites = fault_ == Fault::shortWrite || fault_ == Fault::halfThenFail;
        if (count_ != at_ || (onlyWrites && call != "write")) return false;
        struck_ = true;
        if (fault_ == Fault::leave) throw Killed{};
        if (fault_ == Fault::sigkill) ::raise(SIGKILL);
        return true;
    }
    int fail() {
        errno = fault_ == Fault::eio ? EIO : fault_ == Fault::eintr ? EINTR : ENOSPC;
        return -1;
    }

    unsigned at_ = 0, count_ = 0;
    Fault fault_ = Fault::eio;
    bool struck_ = false, diskFull_ = false;
    std::vector<std::string> journal_;
};

}  // namespace entitle::testing
