#include "tests/server/test_certificates.h"

#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace entitle::testing {

namespace {

template <class Write>
std::string pem(Write write) {
    BIO* out = BIO_new(BIO_s_mem());
    write(out);
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(out, &bytes);
    std::string text(bytes, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    if (extension == nullptr) throw std::runtime_error("no such extension: " + value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

X509* make(EVP_PKEY* key, const std::string& name, int serial, int fromDays, int toDays) {
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 86'400L * fromDays);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400L * toDays);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return certificate;
}

Pem pemOf(X509* certificate, EVP_PKEY* key) {
    return {pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); }),
            pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); })};
}

}  // namespace

TestCa::TestCa() : key_(EVP_EC_gen("P-256")), certificate_(make(key_.get(), "Test CA", 1, -400, 400)) {
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    extend(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
    own_ = pemOf(certificate_.get(), key_.get());
}

Pem TestCa::issue(const std::string& host, int fromDays, int toDays) const {
    static int serial = 1;
    const std::unique_ptr<EVP_PKEY, Free> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, Free> leaf(make(key.get(), host, ++serial, fromDays, toDays));
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate_.get()));
    extend(leaf.get(), certificate_.get(), NID_subject_alt_name, "DNS:" + host + ",IP:127.0.0.1");
    X509_sign(leaf.get(), key_.get(), EVP_sha256());
    return pemOf(leaf.get(), key.get());
}

}  // namespace entitle::testing
