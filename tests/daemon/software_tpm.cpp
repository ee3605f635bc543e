#include "tests/daemon/software_tpm.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

namespace entitle::testing {
namespace {

bool takesConnections(const std::string& path) {
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const bool taken = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    return taken;
}

}  // namespace

bool SoftwareTpm::installed() {
    for (const auto* place : {"/usr/bin/swtpm", "/usr/local/bin/swtpm"})
        if (std::filesystem::exists(place)) return true;
    return false;
}

SoftwareTpm::SoftwareTpm() {
    std::filesystem::create_directory(files_ / "state");
    switchOn();
}

SoftwareTpm::~SoftwareTpm() = default;

void SoftwareTpm::switchOn() {
    swtpm_ = std::make_unique<Child>(
        std::vector<std::string>{"swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + (files_ / "state"), "--server",
                                 "type=unixio,path=" + socket(), "--ctrl", "type=unixio,path=" + socket() + ".ctrl",
                                 "--flags", "not-need-init,startup-clear"},
        files_ / "log");
    if (!eventually([&] { return takesConnections(socket() + ".ctrl"); }))
        throw std::runtime_error("swtpm does not start: " + readFile(files_ / "log"));
}

void SoftwareTpm::switchOff() {
    swtpm_.reset();
    std::filesystem::remove(socket());
    std::filesystem::remove(socket() + ".ctrl");
}

void SoftwareTpm::command(const std::function<unsigned(void* esys)>& given) const {
    ::setenv("TSS2_LOG", "all+NONE", 1);
    TSS2_TCTI_CONTEXT* way = nullptr;
    ESYS_CONTEXT* esys = nullptr;
    if (::Tss2_TctiLdr_Initialize(tcti().c_str(), &way) != TSS2_RC_SUCCESS) throw std::runtime_error("no TPM");
    auto code = ::Esys_Initialize(&esys, way, nullptr);
    if (code == TSS2_RC_SUCCESS) code = given(esys);
    ::Esys_Finalize(&esys);
    ::Tss2_TctiLdr_Finalize(&way);
    if (code != TSS2_RC_SUCCESS) throw std::runtime_error("the TPM refuses the command");
}

void SoftwareTpm::clear() const {
    command([](void* esys) {
        return ::Esys_Clear(static_cast<ESYS_CONTEXT*>(esys), ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                            ESYS_TR_NONE);
    });
}

void SoftwareTpm::giveItsOwnerAPassword() const {
    TPM2B_AUTH password{};
    password.size = 1;
    password.buffer[0] = 'p';
    command([&](void* esys) {
        return ::Esys_HierarchyChangeAuth(static_cast<ESYS_CONTEXT*>(esys), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                          ESYS_TR_NONE, ESYS_TR_NONE, &password);
    });
}

}  // namespace entitle::testing
