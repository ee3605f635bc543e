// TLS as clients meet it. The client verifies what a browser would: chain, name, time.
#include <sys/socket.h>
#include <sys/time.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/server/http_fixture.h"
#include "tests/server/test_certificates.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const TlsCertificate> certificate(const Pem& pem) {
    return TlsCertificate::parse(pem.certificate, pem.key).value();
}

struct Wish {
    int version = 0;                // 0: the best both know
    const char* ciphers = nullptr;  // of TLS 1.2
    const char* host = "localhost";
    std::string protocols;  // ALPN, in its wire form
    X509* trusted = nullptr;
};

class TlsClient {
  public:
    TlsClient(std::uint16_t port, const Wish& wish) : raw_(port), context_(SSL_CTX_new(TLS_client_method())) {
        // The server's answer to a bad hello must come; a test must not hang without it.
        const timeval limit{10, 0};
        ::setsockopt(raw_.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        SSL_CTX_set_min_proto_version(context_, wish.version == 0 ? TLS1_2_VERSION : wish.version);
        if (wish.version != 0) SSL_CTX_set_max_proto_version(context_, wish.version);
        SSL_CTX_set_security_level(context_, 0);  // the client would speak anything: it is the server that refuses
        if (wish.ciphers != nullptr) SSL_CTX_set_cipher_list(context_, wish.ciphers);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), wish.trusted);
        SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
        ssl_ = SSL_new(context_);
        SSL_set1_host(ssl_, wish.host);
        SSL_set_tlsext_host_name(ssl_, wish.host);
        if (!wish.protocols.empty())
            SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wish.protocols.data()),
                                static_cast<unsigned>(wish.protocols.size()));
        SSL_set_fd(ssl_, raw_.fd());
        connected_ = SSL_connect(ssl_) == 1;
        ERR_clear_error();
    }
    ~TlsClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    bool connected() const { return connected_; }
    std::string version() const { return SSL_get_version(ssl_); }
    std::string protocol() const {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(ssl_, &name, &size);
        return {reinterpret_cast<const char*>(name), size};
    }
    long verification() const { return SSL_get_verify_result(ssl_); }
    // What comes until `end` was seen or the connection ends.
    std::string ask(const std::string& bytes, const std::string& end) {
        SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
        std::string got;
        char some[4096];
        while (got.find(end) == std::string::npos) {
            const int n = SSL_read(ssl_, some, sizeof some);
            if (n <= 0) break;
            got.append(some, static_cast<std::size_t>(n));
        }
        return got;
    }
    bool closedProperly() {
        char byte = 0;
        return SSL_read(ssl_, &byte, 1) <= 0 && (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    void sayGoodbye() { SSL_shutdown(ssl_); }
    Client& raw() { return raw_; }

  private:
    Client raw_;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
    bool connected_ = false;
};

class HttpTls : public ::testing::Test {
  protected:
    HttpTls() { wish.trusted = ca.certificate(); }
    void start(const Pem& pem) {
        http.options.tls = certificate(pem);
        http.start({says("GET", "/a", "secret")});
    }
    TestCa ca;
    Wish wish;
    HttpFixture http;
};

TEST_F(HttpTls, SpeaksOneTwoAndOneThreeAndNothingOlder) {
    start(ca.issue());
    for (const auto& [version, name] :
         std::vector<std::pair<int, std::string>>{{TLS1_2_VERSION, "TLSv1.2"}, {TLS1_3_VERSION, "TLSv1.3"}}) {
        wish.version = version;
        TlsClient client(http.port(), wish);
        ASSERT_TRUE(client.connected()) << name;
        EXPECT_EQ(client.version(), name);
        EXPECT_THAT(client.ask(get("/a"), "secret"), ::testing::HasSubstr("200 OK"));
        EXPECT_THAT(client.ask(get("/a", "Connection: close\r\n"), "secret"), ::testing::HasSubstr("200 OK"));
        EXPECT_TRUE(client.closedProperly());
    }
    for (const int old : {TLS1_VERSION, TLS1_1_VERSION}) {
        wish.version = old;
        EXPECT_FALSE(TlsClient(http.port(), wish).connected());
    }
}

TEST_F(HttpTls, CiphersWithoutForwardSecrecyAreNotSpoken) {
    start(ca.issue());
    wish.version = TLS1_2_VERSION;
    for (const auto* weak : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "NULL", "ECDHE-ECDSA-AES256-SHA384"}) {
        wish.ciphers = weak;
        EXPECT_FALSE(TlsClient(http.port(), wish).connected()) << weak;
    }
    wish.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305";
    EXPECT_TRUE(TlsClient(http.port(), wish).connected());
}

TEST_F(HttpTls, AClientThatVerifiesRefusesWhatItShould) {
    start(ca.issue());
    wish.host = "other.example";
    TlsClient otherName(http.port(), wish);
    EXPECT_FALSE(otherName.connected());
    EXPECT_EQ(otherName.verification(), X509_V_ERR_HOSTNAME_MISMATCH);
    wish.host = "localhost";
    const TestCa stranger;
    wish.trusted = stranger.certificate();
    EXPECT_FALSE(TlsClient(http.port(), wish).connected());
    wish.trusted = ca.certificate();
    http.server->useCertificate(certificate(ca.issue("localhost", -20, -10)));
    TlsClient expired(http.port(), wish);
    EXPECT_FALSE(expired.connected());
    EXPECT_EQ(expired.verification(), X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_F(HttpTls, ANewCertificateCountsFromTheNextConnectionOn) {
    start(ca.issue("localhost"));
    TlsClient before(http.port(), wish);
    ASSERT_TRUE(before.connected());
    http.server->useCertificate(certificate(ca.issue("renewed.example")));
    EXPECT_THAT(before.ask(get("/a"), "secret"), ::testing::HasSubstr("200 OK"));
    wish.host = "renewed.example";
    EXPECT_TRUE(TlsClient(http.port(), wish).connected());
}

TEST_F(HttpTls, ClientsThatOfferOnlyOtherProtocolsAreToldAtOnce) {
    start(ca.issue());
    wish.protocols = std::string("\x02h2\x08http/1.1");
    TlsClient both(http.port(), wish);
    ASSERT_TRUE(both.connected());
    EXPECT_EQ(both.protocol(), "http/1.1");
    wish.protocols = std::string("\x02h2");
    EXPECT_FALSE(TlsClient(http.port(), wish).connected());
}

TEST_F(HttpTls, WhoDoesNotFinishTheHandshakeIsCutOff) {
    http.options.handshakeTime = 100ms;
    start(ca.issue());
    Client silent(http.port());
    Client plain(http.port());
    Client half(http.port());
    ASSERT_TRUE(half.send("\x16\x03\x01\x02"));
    ASSERT_TRUE(plain.send(get("/a")));
    EXPECT_TRUE(plain.closedWithin(5s));
    EXPECT_TRUE(silent.closedWithin(5s));
    EXPECT_TRUE(half.closedWithin(5s));
    EXPECT_TRUE(eventually([&] { return http.server->connections() == 0; }));
}

TEST_F(HttpTls, AWaitingClientIsWatchedAndKeptInOrder) {
    std::vector<Wake> wakes;
    std::atomic<int> dropped{0};
    std::atomic<int> registered{0};
    auto route = says("GET", "/wait", "");
    route.handler = [&](Worker&, const Call&) -> Reply {
        Waiting waiting;
        waiting.registration = std::shared_ptr<void>(nullptr, [&](void*) { ++dropped; });
        waiting.answer = [](Worker&, bool, Instant) {
            HttpResponse response;
            response.body = "news";
            return response;
        };
        wakes.push_back(waiting.wake);
        ++registered;
        return waiting;
    };
    http.options.databaseWorkers = 1;
    http.options.tls = certificate(ca.issue());
    http.start({route, says("GET", "/a", "after")});
    {
        TlsClient leaves(http.port(), wish);
        ASSERT_TRUE(leaves.connected());
        leaves.ask(get("/wait"), "");
        ASSERT_TRUE(eventually([&] { return registered == 1; }));
        leaves.sayGoodbye();
        EXPECT_TRUE(eventually([&] { return dropped == 1; }));
    }
    TlsClient stays(http.port(), wish);
    ASSERT_TRUE(stays.connected());
    stays.ask(get("/wait"), "");
    ASSERT_TRUE(eventually([&] { return registered == 2; }));
    stays.ask(get("/a"), "");
    wakes.at(1).fire();
    const auto got = stays.ask("", "after");
    EXPECT_LT(got.find("news"), got.find("after"));
}

TEST_F(HttpTls, WhatCannotBeUsedIsRefusedWithWords) {
    const auto good = ca.issue();
    const auto other = ca.issue();
    EXPECT_TRUE(TlsCertificate::parse(good.certificate + ca.own().certificate, good.key));
    const auto words = [](const std::string& chain, const std::string& key) {
        const auto parsed = TlsCertificate::parse(chain, key);
        return parsed ? std::string() : parsed.error().message;
    };
    EXPECT_THAT(words("", good.key), ::testing::HasSubstr("certificate"));
    EXPECT_THAT(words("junk", good.key), ::testing::HasSubstr("certificate"));
    EXPECT_THAT(words(good.certificate.substr(0, 200), good.key), ::testing::HasSubstr("certificate"));
    EXPECT_THAT(words(good.certificate, ""), ::testing::HasSubstr("key"));
    EXPECT_THAT(words(good.certificate, good.key.substr(0, 80)), ::testing::HasSubstr("key"));
    EXPECT_THAT(words(good.certificate, other.key), ::testing::HasSubstr("key"));
    EXPECT_THAT(certificate(good)->describe(), ::testing::HasSubstr("CN = localhost"));
}

}  // namespace
}  // namespace entitle::testing
