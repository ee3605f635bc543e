#include "daemon/tpm_library.h"

#include <cstdlib>
#include <stdexcept>

#include <dlfcn.h>

namespace entitle {
namespace {

// By the loader's own search, which knows no working directory.
void* openLibrary(const char* name, const char* package) {
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library) return library;
    throw std::runtime_error(std::string(name) + " cannot be loaded: install " + package);
}

template <class Function>
void find(void* library, const char* name, Function& into) {
    into = reinterpret_cast<Function>(::dlsym(library, name));
    if (!into) throw std::runtime_error(std::string("tpm2-tss is too old: it has no ") + name);
}

}  // namespace

boost::system::result<TpmLibrary, std::string> TpmLibrary::load(std::string_view tcti) {
    using Result = boost::system::result<TpmLibrary, std::string>;
    try {
        ::setenv("TSS2_LOG", "all+NONE", 1);  // it would write to standard error; what matters is in the codes
        TpmLibrary tpm;
        // The loader of modules says of a missing one only that there is no TPM.
        if (tcti.starts_with("device:")) (void)openLibrary("libtss2-tcti-device.so.0", "libtss2-tcti-device0");
        void* loader = openLibrary("libtss2-tctildr.so.0", "libtss2-tctildr0");
        find(loader, "Tss2_TctiLdr_Initialize", tpm.openTcti);
        find(loader, "Tss2_TctiLdr_Finalize", tpm.closeTcti);
        void* esys = openLibrary("libtss2-esys.so.0", "libtss2-esys");
        find(esys, "Esys_Initialize", tpm.open);
        find(esys, "Esys_Finalize", tpm.close);
        find(esys, "Esys_Free", tpm.free);
        find(esys, "Esys_CreatePrimary", tpm.createPrimary);
        find(esys, "Esys_TR_GetName", tpm.nameOf);
        find(esys, "Esys_StartAuthSession", tpm.startSession);
        find(esys, "Esys_TRSess_SetAttributes", tpm.setAttributes);
        find(esys, "Esys_Create", tpm.create);
        find(esys, "Esys_Load", tpm.loadObject);
        find(esys, "Esys_Unseal", tpm.unseal);
        find(esys, "Esys_FlushContext", tpm.flush);
        return Result(boost::system::in_place_value, tpm);
    } catch (const std::runtime_error& fault) {
        return Result(boost::system::in_place_error, fault.what());
    }
}

}  // namespace entitle
