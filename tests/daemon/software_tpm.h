// swtpm as this machine's TPM: a state directory is a TPM, and every directory another one.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "tests/daemon/real_daemon.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {

class SoftwareTpm {
  public:
    static bool installed();

    SoftwareTpm();  // switched on
    ~SoftwareTpm();
    void switchOn();   // returns when it takes connections
    void switchOff();  // what it holds in memory is gone, as over a reboot
    void freeze() const { swtpm_->signal(SIGSTOP); }
    void thaw() const { swtpm_->signal(SIGCONT); }
    void clear() const;  // TPM2_Clear: its owner's keys are others from now on
    void giveItsOwnerAPassword() const;

    std::string tcti() const { return "swtpm:path=" + socket(); }
    std::string socket() const { return files_ / "tpm.sock"; }

  private:
    void command(const std::function<unsigned(void* esys)>&) const;
    TemporaryDirectory files_;
    std::unique_ptr<Child> swtpm_;
};

}  // namespace entitle::testing

// At the head of a test. swtpm is a package of its own: without it nothing is proven, and that is said.
#define NEEDS_SOFTWARE_TPM()                                      \
    if (!::entitle::testing::SoftwareTpm::installed()) {          \
        GTEST_SKIP() << "no software TPM: apt-get install swtpm"; \
    }                                                             \
    static_assert(true)
