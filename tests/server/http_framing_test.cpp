// Bytes that are no request, or two requests at once to somebody who reads them otherwise: refused, and the connection
// ends, so that nothing behind them is taken for a request.
#include <random>

#include <gtest/gtest.h>

#include "tests/server/http_fixture.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

struct Case {
    const char* name;
    const char* bytes;
    int status;
};

constexpr const char* smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

class HttpFraming : public ::testing::TestWithParam<Case> {};

TEST_P(HttpFraming, IsRefusedAndNothingBehindItIsRead) {
    HttpFixture http;
    http.options.bodyTime = 2s;
    http.start({says("GET", "/", ""), says("POST", "/", ""), says("GET", "/smuggled", "")});
    Client client(http.port());
    ASSERT_TRUE(client.send(std::string(GetParam().bytes) + smuggled));
    const auto got = client.receive();
    EXPECT_EQ(got.status, GetParam().status) << got.head << got.body;
    EXPECT_NE(got.code(), "");
    EXPECT_EQ(got.header("connection"), "close");
    EXPECT_EQ(client.receive().status, 0);
    EXPECT_TRUE(client.closedWithin(5s));
    for (const auto& record : http.records()) EXPECT_NE(record.route, "/smuggled");
}

#define HEAD "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"

INSTANTIATE_TEST_SUITE_P(
    Raw, HttpFraming,
    ::testing::Values(
        Case{"LengthAndChunked", HEAD "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Case{"ChunkedAndLength", HEAD "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400},
        Case{"LengthZeroAndChunked", HEAD "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Case{"TwoLengths", HEAD "Content-Length: 0\r\nContent-Length: 4\r\n\r\n", 400},
        Case{"LengthList", HEAD "Content-Length: 4, 5\r\n\r\n", 400},
        Case{"NegativeLength", HEAD "Content-Length: -1\r\n\r\n", 400},
        Case{"SignedLength", HEAD "Content-Length: +1\r\n\r\n", 400},
        Case{"HexLength", HEAD "Content-Length: 0x10\r\n\r\n", 400},
        Case{"EmptyLength", HEAD "Content-Length:\r\n\r\n", 400},
        Case{"LengthOf2To64", HEAD "Content-Length: 18446744073709551616\r\n\r\n", 400},
        Case{"LengthBelow2To64", HEAD "Content-Length: 18446744073709551615\r\n\r\n", 413},
        Case{"LengthOf40Digits", HEAD "Content-Length: 9999999999999999999999999999999999999999\r\n\r\n", 400},
        Case{"ChunkOf2To64", HEAD "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", 400},
        Case{"ChunkBelow2To64", HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 413},
        Case{"ChunkOf20Digits", HEAD "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff5\r\nhello", 400},
        Case{"NegativeChunk", HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
        Case{"ChunkWithoutSize", HEAD "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
        Case{"ChunkWithoutEnd", HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400},
        Case{"ChunkedTwice", HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Case{"ChunkedList", HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
        Case{"GzipChunked", HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        Case{"IdentityCoding", HEAD "Transfer-Encoding: identity\r\n\r\n", 501},
        Case{"ChunkedInOldVersion", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Case{"SpaceBeforeColon", HEAD "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        Case{"ControlInName", "GET / HTTP/1.1\r\nHost: h\r\nX\x01: a\r\n\r\n", 400},
        Case{"BareLineFeed", "GET / HTTP/1.1\nHost: h\n\n", 505},
        Case{"BareReturnInValue", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400},
        Case{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        Case{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400}, Case{"NoVersion", "GET /\r\n\r\n", 400},
        Case{"NextVersion", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        Case{"UnknownMinor", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
        Case{"AbsoluteTarget", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Case{"Connect", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Case{"Tls", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n", 400},
        Case{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(HttpFramingLimits, AHeadThatIsTooLargeIsRefused) {
    HttpFixture http;
    http.start({says("GET", "/", "")});
    const auto code = [&](const std::string& bytes) {
        const auto got = Client(http.port()).ask(bytes);
        return std::to_string(got.status) + " " + got.code();
    };
    EXPECT_EQ(code(get("/", "X: " + std::string(20'000, 'a') + "\r\n")), "431 head-too-large");
    EXPECT_EQ(code("GET /" + std::string(20'000, 'a')), "431 head-too-large");
    std::string many;
    for (int i = 0; i < 200; ++i) many += "a:\r\n";
    EXPECT_EQ(code(get("/", many)), "431 too-many-headers");
    EXPECT_EQ(code(get("/", "X: " + std::string(8'000, 'a') + "\r\n")), "200 ");
}

TEST(HttpFramingLimits, AChunkHeadWithoutEndIsRefused) {
    HttpFixture http;
    http.start({says("POST", "/", "")});
    Client client(http.port());
    const auto got = client.ask(HEAD "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(40'000, 'x'));
    EXPECT_EQ(got.status, 400);
    EXPECT_EQ(got.code(), "bad-chunk");
}

TEST(HttpFramingLimits, RandomDamageNeverStopsTheServer) {
    HttpFixture http;
    http.options.headTime = 20ms;
    http.options.bodyTime = 20ms;
    http.options.rates.general = {};
    http.start({says("GET", "/a/{id}", "A"), says("POST", "/", "B")});
    const std::string whole = get("/a/b%20c?d=e", "X-Forwarded-For: 1.2.3.4\r\nAuthorization: Bearer abc\r\n") +
                              HEAD "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nxy\r\n0\r\nT: u\r\n\r\n" +
                              post("/", "body");
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int i = 0; i < 400; ++i) {
        auto bytes = whole;
        for (int damage = 0; damage < 1 + i % 4; ++damage) {
            const auto at = random() % bytes.size();
            switch (random() % 3) {
                case 0:
                    bytes[at] = static_cast<char>(random());
                    break;
                case 1:
                    bytes.erase(at, random() % 8);
                    break;
                default:
                    bytes.insert(at, bytes.substr(random() % bytes.size(), 1 + random() % 16));
            }
        }
        Client client(http.port());
        client.send(bytes);
        client.halfClose();
        EXPECT_TRUE(client.closedWithin(5s));
    }
    EXPECT_EQ(Client(http.port()).ask(get("/a/b")).body, "A");
    EXPECT_TRUE(http.complaints().empty());
}

}  // namespace
}  // namespace entitle::testing
