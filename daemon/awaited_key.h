// A device key that the TPM does not give now: asked for again and again, without holding up the loop.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/key_vault.h"
#include "daemon/tpm.h"

namespace entitle {

class AwaitedKey {
  public:
    // Called once: the key; or why it never comes, when the TPM is back and does not open it.
    using Done = std::function<void(SealResult<SecretKey>)>;

    // Begins at once. TPM and vault, which has one that is awaited, outlive it; it outlives the last run of the loop,
    // whose handlers know it.
    AwaitedKey(boost::asio::io_context&, Tpm&, const DeviceKeyVault&, Done);
    AwaitedKey(const AwaitedKey&) = delete;
    AwaitedKey& operator=(const AwaitedKey&) = delete;

  private:
    void tryLater();
    void tryNow();
    void answered();

    Tpm& tpm_;
    const DeviceKeyVault& vault_;
    Done done_;
    boost::asio::steady_timer timer_;
    boost::asio::posix::stream_descriptor answer_;
    std::optional<TpmAsking> asking_;
    std::chrono::seconds pause_{1};
};

}  // namespace entitle
