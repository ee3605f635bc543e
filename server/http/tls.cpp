#include "server/http/tls.h"

#include <mutex>
#include <tuple>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "server/http/transport.h"

namespace entitle {

namespace asio = boost::asio;

namespace {

// Forward secrecy and authenticated encryption only; TLS 1.3 has its own list, all of it fine.
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

// What OPENSSL_CONF or /etc/ssl/openssl.cnf say is not for this server: a configuration can load code.
void startOpenSsl() {
    static std::once_flag once;
    std::call_once(once, [] { OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr); });
}

std::string opensslWords() {
    char words[256] = "no reason given";
    if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, words, sizeof words);
    ERR_clear_error();
    return words;
}

// HTTP/1.1 is all we speak: a client that offers only other protocols is refused at once.
int selectProtocol(SSL*, const unsigned char** out, unsigned char* outLength, const unsigned char* in,
                   unsigned int inLength, void*) {
    static constexpr unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, outLength, ours, sizeof ours, in, inLength) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

class ServerCertificate final : public TlsCertificate {
  public:
    asio::ssl::context context{asio::ssl::context::tls_server};
    std::string description;

    std::string describe() const override { return description; }
};

std::string describe(const X509* certificate) {
    BIO* text = BIO_new(BIO_s_mem());
    BIO_puts(text, "subject ");
    X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    BIO_puts(text, ", valid until ");
    ASN1_TIME_print(text, X509_get0_notAfter(certificate));
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(text, &bytes);
    std::string out(bytes, static_cast<std::size_t>(size));
    BIO_free(text);
    return out;
}

class Tls final : public Transport {
  public:
    Tls(asio::ip::tcp::socket socket, const ServerCertificate& certificate)
        : Transport(std::move(socket)),
          // Only reads the context; OpenSSL counts the reference.
          stream_(socket_, const_cast<asio::ssl::context&>(certificate.context)) {}

    asio::awaitable<boost::system::error_code> handshake() override {
        const auto done =
            co_await stream_.async_handshake(asio::ssl::stream_base::server, asio::as_tuple(asio::use_awaitable));
        co_return std::get<0>(done);
    }
    asio::awaitable<Transferred> read(asio::mutable_buffer into) override {
        const auto done = co_await stream_.async_read_some(into, asio::as_tuple(asio::use_awaitable));
        co_return Transferred{std::get<0>(done), std::get<1>(done)};
    }
    asio::awaitable<boost::system::error_code> write(std::string_view bytes) override {
        const auto done = co_await asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                                                     asio::as_tuple(asio::use_awaitable));
        co_return std::get<0>(done);
    }
    // Sends close_notify without waiting for the client's.
    asio::awaitable<void> shutdown() override {
        SSL_set_shutdown(stream_.native_handle(), SSL_RECEIVED_SHUTDOWN);
        co_await stream_.async_shutdown(asio::as_tuple(asio::use_awaitable));
        boost::system::error_code ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    }

  private:
    asio::ssl::stream<asio::ip::tcp::socket&> stream_;
};

}  // namespace

Allowed<std::shared_ptr<const TlsCertificate>> TlsCertificate::parse(std::string_view chainPem,
                                                                     std::string_view keyPem) {
    startOpenSsl();
    ERR_clear_error();
    auto certificate = std::make_shared<ServerCertificate>();
    auto& context = certificate->context;
    SSL_CTX* native = context.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // A key from a passphrase would be asked for on the terminal: there is none.
    SSL_CTX_set_default_passwd_cb(native, [](char*, int, int, void*) { return -1; });
    SSL_CTX_set_alpn_select_cb(native, selectProtocol, nullptr);
    if (SSL_CTX_set_cipher_list(native, ciphers) != 1)
        return HttpRefusal{"this OpenSSL lacks the ciphers: " + opensslWords()};

    boost::system::error_code error;
    context.use_certificate_chain(asio::buffer(chainPem.data(), chainPem.size()), error);
    if (error) return HttpRefusal{"the certificate cannot be used: " + error.message()};
    context.use_private_key(asio::buffer(keyPem.data(), keyPem.size()), asio::ssl::context::pem, error);
    if (error)
        return HttpRefusal{
            "the private key cannot be used (it must be an unencrypted PEM that belongs to the certificate): " +
            error.message()};
    if (SSL_CTX_check_private_key(native) != 1)
        return HttpRefusal{"the private key does not belong to the certificate: " + opensslWords()};
    certificate->description = entitle::describe(SSL_CTX_get0_certificate(native));
    ERR_clear_error();
    return std::shared_ptr<const TlsCertificate>(std::move(certificate));
}

std::unique_ptr<Transport> tlsTransport(asio::ip::tcp::socket socket, const TlsCertificate& certificate) {
    return std::make_unique<Tls>(std::move(socket), static_cast<const ServerCertificate&>(certificate));
}

}  // namespace entitle
