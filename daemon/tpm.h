// This machine's TPM 2.0. Each question is put by a child process that ends with it: a TPM that hangs costs its
// deadline and no more, a library that fails takes nothing along, and the daemon keeps none of its memory.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/owned_directory.h"
#include "daemon/sealing.h"

namespace entitle {

struct TpmTask;  // tpm_work.h

// Children that were killed and do not end: the kernel holds them in the TPM's driver.
using HeldChildren = std::vector<int>;

// A question under way. Ended, child and all, when it goes.
class TpmAsking {
  public:
    TpmAsking(TpmAsking&&) noexcept;
    TpmAsking& operator=(TpmAsking&&) noexcept;
    ~TpmAsking();
    // Becomes readable when the answer is there, or the child has ended without one.
    int descriptor() const { return answer_.get(); }
    bool wait(std::chrono::milliseconds);
    // Once. Called before it is readable, it is the end of the question: `busy`.
    SealResult<std::string> finish();

  private:
    friend class Tpm;
    TpmAsking(Descriptor answer, int child, std::shared_ptr<HeldChildren> held)
        : answer_(std::move(answer)), child_(child), held_(std::move(held)) {}
    void end();
    Descriptor answer_;
    int child_ = -1;
    std::shared_ptr<HeldChildren> held_;
};

class Tpm final : public Sealer {
  public:
    struct Place {
        std::string tcti;    // of tpm2-tss: "device:/dev/tpmrm0"
        std::string device;  // the file that must be there; "" if that is not asked
        std::chrono::milliseconds patience{8'000};
    };
    // "/dev/tpmrm0" below `root`, or whatever `tcti` names.
    static Place placeBelow(const std::string& root, const std::string& tcti);

    explicit Tpm(Place place) : place_(std::move(place)) {}

    KeyLevel level() const override { return KeyLevel::tpm2; }
    std::string obstacle() const override;
    SealResult<std::string> seal(const Seed&, const VerifyKey& device) override;
    SealResult<Seed> unseal(std::string_view sealed, const VerifyKey& device) override;

    // The same without waiting. `busy` also while the child of an earlier question does not end: there is never a
    // second one in such a TPM's driver.
    SealResult<TpmAsking> beginUnsealing(std::string_view sealed) const;
    SealResult<Seed> finishUnsealing(TpmAsking&);

    // A digest of the endorsement key's public half; "" if there is none. Asks the TPM unless that is known already, or
    // there is none or it did not answer, to whatever question: whoever wants facts of hardware waits for it once.
    std::string endorsementKey();

  private:
    SealResult<TpmAsking> begin(const TpmTask&) const;
    SealResult<std::string> ask(const TpmTask&);
    SealResult<std::string> taken(TpmAsking&);
    Place place_;
    std::shared_ptr<HeldChildren> held_ = std::make_shared<HeldChildren>();
    std::string endorsementKey_;
    bool silent_ = false;
};

}  // namespace entitle
