#include "daemon/tpm_work.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <utility>

#include <sodium.h>

#include "daemon/tpm_blob.h"

namespace entitle {
namespace {

// A step that the TPM, or the way to it, refused.
struct Refused {
    SealProblem problem;
};

std::string inHex(TSS2_RC code) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%x", static_cast<unsigned>(code));
    return text.data();
}

constexpr TSS2_RC layerOf(TSS2_RC code) {
    return code & TSS2_RC_LAYER_MASK;
}
// A format-one code names what it is about: a handle, a session or a parameter. This is the code alone.
constexpr TSS2_RC plainCode(TSS2_RC code) {
    return (code & TPM2_RC_FMT1) != 0 ? code & (TPM2_RC_FMT1 | 0x3f) : code;
}
constexpr bool isOfTpm(TSS2_RC code) {
    // The kernel's resource manager passes on what a TPM says under its own layer.
    return layerOf(code) == TSS2_TPM_RC_LAYER || layerOf(code) == TSS2_RESMGR_TPM_RC_LAYER;
}

SealProblem problemOf(TSS2_RC code, const char* step) {
    const std::string where = std::string(" (") + step + ", " + inHex(code) + ")";
    if (!isOfTpm(code)) return {SealFault::busy, "the TPM cannot be reached" + where};
    switch (plainCode(code & ~TSS2_RC_LAYER_MASK)) {
        case TPM2_RC_BAD_AUTH:
        case TPM2_RC_AUTH_FAIL:
        case TPM2_RC_HIERARCHY:
            return {SealFault::busy,
                    "the TPM's owner hierarchy has a password or is switched off" + where +
                        ": clear the password (tpm2_changeauth -c owner) or switch the hierarchy on in the firmware"};
        case TPM2_RC_LOCKOUT:
            return {SealFault::busy, "the TPM has locked itself after too many failures of others" + where};
        case TPM2_RC_FAILURE:
            return {SealFault::busy, "the TPM has failed its own tests" + where + ": switch the machine off and on"};
        default:
            return {SealFault::busy, "the TPM refuses for now" + where};
    }
}

void must(TSS2_RC code, const char* step) {
    if (code != TSS2_RC_SUCCESS) throw Refused{problemOf(code, step)};
}

// A connection to the TPM; what it made there is gone when it ends.
class Connection {
  public:
    Connection(const TpmLibrary& library, const std::string& tcti) : tpm(library) {
        if (const auto code = tpm.openTcti(tcti.c_str(), &tcti_); code != TSS2_RC_SUCCESS) {
            throw Refused{{SealFault::absent, "there is no TPM 2.0 at " + tcti + " that this user may use (" +
                                                  inHex(code) + "): see ls -l /dev/tpmrm0"}};
        }
        if (const auto code = tpm.open(&esys_, tcti_, nullptr); code != TSS2_RC_SUCCESS) {
            tpm.closeTcti(&tcti_);
            throw Refused{problemOf(code, "opening")};
        }
    }
    ~Connection() {
        for (; held_ > 0; --held_) (void)tpm.flush(esys_, handles_[held_ - 1]);
        tpm.close(&esys_);
        tpm.closeTcti(&tcti_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    ESYS_CONTEXT* get() const { return esys_; }
    ESYS_TR hold(ESYS_TR handle) { return handles_.at(held_++) = handle; }
    // Something the library has allocated.
    template <class T>
    std::unique_ptr<T, decltype(TpmLibrary::free)> own(T* given) const {
        return {given, tpm.free};
    }

    const TpmLibrary& tpm;

  private:
    TSS2_TCTI_CONTEXT* tcti_ = nullptr;
    ESYS_CONTEXT* esys_ = nullptr;
    std::array<ESYS_TR, 4> handles_{};
    std::size_t held_ = 0;
};

// --- templates
// --------------------------------------------------------------------------------------------------------

TPM2B_PUBLIC storageKey(TPMA_OBJECT attributes) {
    TPM2B_PUBLIC made{};
    auto& area = made.publicArea;
    area.type = TPM2_ALG_ECC;
    area.nameAlg = TPM2_ALG_SHA256;
    area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                            TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | attributes;
    auto& ecc = area.parameters.eccDetail;
    ecc.symmetric.algorithm = TPM2_ALG_AES;
    ecc.symmetric.keyBits.aes = 128;
    ecc.symmetric.mode.aes = TPM2_ALG_CFB;
    ecc.scheme.scheme = TPM2_ALG_NULL;
    ecc.curveID = TPM2_ECC_NIST_P256;
    ecc.kdf.scheme = TPM2_ALG_NULL;
    area.unique.ecc.x.size = 32;
    area.unique.ecc.y.size = 32;
    return made;
}

// TCG TPM v2.0 Provisioning Guidance 1.0, 7.5.1: the storage root key, ECC P-256. The TPM derives the same key from its
// owner seed every time, until it is cleared.
TPM2B_PUBLIC storageRoot() {
    return storageKey(TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA);
}

// TCG EK Credential Profile for TPM 2.0, version 2.3, B.3.4: template L-2, ECC P-256. RSA takes some TPMs ten seconds.
TPM2B_PUBLIC endorsementRoot() {
    auto made = storageKey(TPMA_OBJECT_ADMINWITHPOLICY);
    // PolicyA: PolicySecret(TPM_RH_ENDORSEMENT).
    constexpr std::array<BYTE, 32> policy{0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                          0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                          0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
    made.publicArea.authPolicy.size = policy.size();
    std::copy(policy.begin(), policy.end(), made.publicArea.authPolicy.buffer);
    return made;
}

// No policy over PCRs: ordinary updates must not cost the key. No password: whoever may read the blob could read that
// as well. Leaves neither this TPM nor its primary key, and the dictionary attack lockout does not concern it.
TPM2B_PUBLIC sealedObject() {
    TPM2B_PUBLIC made{};
    auto& area = made.publicArea;
    area.type = TPM2_ALG_KEYEDHASH;
    area.nameAlg = TPM2_ALG_SHA256;
    area.objectAttributes =
        TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
    area.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
    return made;
}

// --- steps
// ------------------------------------------------------------------------------------------------------------

struct Primary {
    ESYS_TR handle = ESYS_TR_NONE;
    TPMS_ECC_POINT point{};
};

Primary makePrimary(Connection& to, ESYS_TR hierarchy, const TPM2B_PUBLIC& form, const char* step) {
    const TPM2B_SENSITIVE_CREATE nothing{};
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION noPcr{};
    Primary made;
    TPM2B_PUBLIC* area = nullptr;
    must(to.tpm.createPrimary(to.get(), hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &form,
                              &outside, &noPcr, &made.handle, &area, nullptr, nullptr, nullptr),
         step);
    to.hold(made.handle);
    made.point = to.own(area)->publicArea.unique.ecc;
    return made;
}

std::array<std::uint8_t, 34> nameOf(Connection& to, ESYS_TR handle) {
    TPM2B_NAME* raw = nullptr;
    must(to.tpm.nameOf(to.get(), handle, &raw), "naming the primary key");
    const auto name = to.own(raw);
    std::array<std::uint8_t, 34> bytes{};
    if (name->size != bytes.size()) throw Refused{{SealFault::busy, "the TPM names its keys by another hash"}};
    std::copy_n(name->name, bytes.size(), bytes.begin());
    return bytes;
}

// Salted with the primary key, so that who listens between processor and TPM learns neither seed nor session key.
ESYS_TR startSession(Connection& to, ESYS_TR primary) {
    TPMT_SYM_DEF cipher{};
    cipher.algorithm = TPM2_ALG_AES;
    cipher.keyBits.aes = 128;
    cipher.mode.aes = TPM2_ALG_CFB;
    ESYS_TR session = ESYS_TR_NONE;
    must(to.tpm.startSession(to.get(), primary, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                             TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256, &session),
         "starting a session");
    to.hold(session);
    constexpr TPMA_SESSION wanted = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
    must(to.tpm.setAttributes(to.get(), session, wanted, 0xff), "starting a session");
    return session;
}

std::string seal(Connection& to, const Seed& seed) {
    const auto primary = makePrimary(to, ESYS_TR_RH_OWNER, storageRoot(), "making the primary key");
    const auto session = startSession(to, primary.handle);
    TPM2B_SENSITIVE_CREATE sensitive{};
    sensitive.sensitive.data.size = static_cast<UINT16>(seed.bytes().size());
    std::copy(seed.bytes().begin(), seed.bytes().end(), sensitive.sensitive.data.buffer);
    const auto form = sealedObject();
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION noPcr{};
    TPM2B_PRIVATE* rawPrivate = nullptr;
    TPM2B_PUBLIC* rawPublic = nullptr;
    const auto code = to.tpm.create(to.get(), primary.handle, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &form,
                                    &outside, &noPcr, &rawPrivate, &rawPublic, nullptr, nullptr, nullptr);
    sodium_memzero(&sensitive, sizeof sensitive);
    must(code, "sealing");
    const auto sealed = to.own(rawPrivate);
    const auto area = to.own(rawPublic);
    const auto& unique = area->publicArea.unique.keyedHash;
    TpmBlob blob;
    blob.primary = nameOf(to, primary.handle);
    if (unique.size != blob.unique.size() || sealed->size > maxTpmPrivateBytes)
        throw Refused{{SealFault::busy, "the TPM seals in a form that is not known here"}};
    std::copy_n(unique.buffer, blob.unique.size(), blob.unique.begin());
    blob.sealed.assign(reinterpret_cast<const char*>(sealed->buffer), sealed->size);
    return printTpmBlob(blob);
}

SealProblem sealedElsewhere(const std::string& how) {
    return {SealFault::foreign, "another TPM sealed it, or this one was cleared since: " + how};
}

std::string unseal(Connection& to, const TpmBlob& blob) {
    const auto primary = makePrimary(to, ESYS_TR_RH_OWNER, storageRoot(), "making the primary key");
    // Asked before anything is entrusted to it: this is the key that the seed was sealed under.
    if (nameOf(to, primary.handle) != blob.primary) throw Refused{sealedElsewhere("its primary key is another")};
    auto form = sealedObject();
    auto& unique = form.publicArea.unique.keyedHash;
    unique.size = static_cast<UINT16>(blob.unique.size());
    std::copy(blob.unique.begin(), blob.unique.end(), unique.buffer);
    TPM2B_PRIVATE sealed{};
    static_assert(maxTpmPrivateBytes <= sizeof sealed.buffer);
    sealed.size = static_cast<UINT16>(blob.sealed.size());
    std::copy(blob.sealed.begin(), blob.sealed.end(), reinterpret_cast<char*>(sealed.buffer));

    const auto session = startSession(to, primary.handle);
    ESYS_TR object = ESYS_TR_NONE;
    const auto loaded =
        to.tpm.loadObject(to.get(), primary.handle, session, ESYS_TR_NONE, ESYS_TR_NONE, &sealed, &form, &object);
    // About a parameter, so about the blob: its integrity does not hold, or its size or form is not the TPM's.
    constexpr TSS2_RC aboutParameter = TPM2_RC_FMT1 | TPM2_RC_P;
    if (isOfTpm(loaded) && loaded != TSS2_RC_SUCCESS && (loaded & aboutParameter) == aboutParameter)
        throw Refused{sealedElsewhere("loading, " + inHex(loaded))};
    must(loaded, "loading");
    to.hold(object);
    TPM2B_SENSITIVE_DATA* raw = nullptr;
    must(to.tpm.unseal(to.get(), object, session, ESYS_TR_NONE, ESYS_TR_NONE, &raw), "unsealing");
    const auto data = to.own(raw);
    std::string seed(reinterpret_cast<const char*>(data->buffer), data->size);
    sodium_memzero(data->buffer, sizeof data->buffer);
    if (seed.size() != std::tuple_size_v<SecretKey::Seed>)
        throw Refused{{SealFault::damaged, "what the TPM unsealed is no seed"}};
    return seed;
}

std::string endorsementKey(Connection& to) {
    const auto key = makePrimary(to, ESYS_TR_RH_ENDORSEMENT, endorsementRoot(), "making the endorsement key");
    std::array<unsigned char, 32> digest{};
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, digest.size());
    crypto_generichash_update(&state, key.point.x.buffer, key.point.x.size);
    crypto_generichash_update(&state, key.point.y.buffer, key.point.y.size);
    crypto_generichash_final(&state, digest.data(), digest.size());
    std::string hex(2 * digest.size() + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
    hex.pop_back();
    return hex;
}

}  // namespace

SealResult<std::string> askTpm(const TpmLibrary& library, const std::string& tcti, const TpmTask& task) {
    const auto given = [](std::string result) {
        return SealResult<std::string>(boost::system::in_place_value, std::move(result));
    };
    try {
        if (task.kind == TpmTask::Kind::unseal) {
            const auto blob = readTpmBlob(task.blob);
            if (!blob) return SealProblem{SealFault::damaged, "what was sealed is not of the form it was stored in"};
            Connection connection(library, tcti);
            return given(unseal(connection, *blob));
        }
        Connection connection(library, tcti);
        return given(task.kind == TpmTask::Kind::seal ? seal(connection, task.seed) : endorsementKey(connection));
    } catch (const Refused& refused) {
        return refused.problem;
    }
}

}  // namespace entitle
