// tpm2-tss, loaded by whoever asks the TPM (a child process, daemon/tpm.h): a machine without a TPM carries none of it,
// and the daemon itself never does.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

namespace entitle {

struct TpmLibrary {
    // With the module that `tcti` names, as far as it is the kernel's. The words say what lacks.
    static boost::system::result<TpmLibrary, std::string> load(std::string_view tcti);

    decltype(&::Tss2_TctiLdr_Initialize) openTcti = nullptr;
    decltype(&::Tss2_TctiLdr_Finalize) closeTcti = nullptr;
    decltype(&::Esys_Initialize) open = nullptr;
    decltype(&::Esys_Finalize) close = nullptr;
    decltype(&::Esys_Free) free = nullptr;
    decltype(&::Esys_CreatePrimary) createPrimary = nullptr;
    decltype(&::Esys_TR_GetName) nameOf = nullptr;
    decltype(&::Esys_StartAuthSession) startSession = nullptr;
    decltype(&::Esys_TRSess_SetAttributes) setAttributes = nullptr;
    decltype(&::Esys_Create) create = nullptr;
    decltype(&::Esys_Load) loadObject = nullptr;
    decltype(&::Esys_Unseal) unseal = nullptr;
    decltype(&::Esys_FlushContext) flush = nullptr;
};

}  // namespace entitle
