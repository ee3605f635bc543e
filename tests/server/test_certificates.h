// A certificate authority of the test's own, made by OpenSSL's API.
#pragma once

#include <memory>
#include <string>

#include <openssl/x509.h>

namespace entitle::testing {

struct Pem {
    std::string certificate;
    std::string key;
};

class TestCa {
  public:
    TestCa();
    // For 127.0.0.1 and `host`; its validity, in days from now, may lie in the past. `days`: until when.
    Pem issue(const std::string& host = "localhost", int fromDays = -1, int toDays = 30) const;
    const Pem& own() const { return own_; }
    X509* certificate() const { return certificate_.get(); }

  private:
    struct Free {
        void operator()(X509* x) const { X509_free(x); }
        void operator()(EVP_PKEY* x) const { EVP_PKEY_free(x); }
    };
    std::unique_ptr<EVP_PKEY, Free> key_;
    std::unique_ptr<X509, Free> certificate_;
    Pem own_;
};

}  // namespace entitle::testing
