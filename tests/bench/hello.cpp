#include "tests/bench/hello.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <libpq-fe.h>
#include <sqlite3.h>

#include "server/service.h"
#include "server/store_rows.h"

namespace entitle::bench {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

// The rows of a bearer token, as Store::bearer asks for them.
std::string query() {
    return "SELECT " + columnList<TokenColumns>("tokens.") + ", " + columnList<LicenseColumns>("licenses.") + ", " +
           columnList<DeviceColumns>("devices.") +
           " FROM tokens JOIN licenses ON licenses.id = tokens.license_id "
           "JOIN devices ON devices.license_id = tokens.license_id AND devices.number = tokens.device_number "
           "WHERE tokens.hash = $1 AND (tokens.expires_at IS NULL OR tokens.expires_at > $2)";
}

// Token's hash → the license's id; one connection, one thread.
using Look = std::function<std::string(const std::string& hash)>;
constexpr int licenseColumn = 2;

Look lookInSqlite(const std::string& file) {
    sqlite3* database = nullptr;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK ||
        sqlite3_prepare_v3(database, query().c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
        throw std::runtime_error(sqlite3_errmsg(database));
    return [statement](const std::string& hash) {
        sqlite3_bind_text(statement, 1, hash.data(), static_cast<int>(hash.size()), SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, 1'790'000'000);
        std::string out;
        if (sqlite3_step(statement) == SQLITE_ROW)
            out = reinterpret_cast<const char*>(sqlite3_column_text(statement, licenseColumn));
        sqlite3_reset(statement);
        return out;
    };
}

Look lookInPostgres(const std::string& url) {
    PGconn* connection = PQconnectdb(url.c_str());
    PQclear(PQprepare(connection, "look", query().c_str(), 0, nullptr));
    return [connection](const std::string& hash) {
        const char* values[] = {hash.c_str(), "1790000000"};
        PGresult* result = PQexecPrepared(connection, "look", 2, values, nullptr, nullptr, 0);
        std::string out;
        if (PQntuples(result) == 1) out = PQgetvalue(result, 0, licenseColumn);
        PQclear(result);
        return out;
    };
}

thread_local Look look;

asio::awaitable<void> serveOne(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request<http::empty_body> request;
        co_await http::async_read(socket, buffer, request, asio::use_awaitable);
        const auto word = request[http::field::authorization];
        const auto license = look(hashOfToken(std::string_view(word.data(), word.size()).substr(7)));
        http::response<http::string_body> response(license.empty() ? http::status::unauthorized : http::status::ok, 11);
        response.set(http::field::content_type, "application/json");
        response.body() = "{\"valid\":true,\"license_id\":\"" + license + "\"}";
        response.prepare_payload();
        co_await http::async_write(socket, response, asio::use_awaitable);
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, bool alone) {
    for (;;) {
        const auto executor = alone ? asio::any_io_executor(acceptor.get_executor())
                                    : asio::any_io_executor(asio::make_strand(acceptor.get_executor()));
        tcp::socket socket(executor);
        co_await acceptor.async_accept(socket, asio::use_awaitable);
        socket.set_option(tcp::no_delay(true));
        asio::co_spawn(executor, serveOne(std::move(socket)), asio::detached);
    }
}

}  // namespace

void serveHello(const std::string& database, int threads) {
    asio::io_context io(threads);
    tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    asio::co_spawn(io, accept(acceptor, threads == 1), asio::detached);
    std::vector<std::thread> others;
    const auto run = [&] {
        look = database.starts_with("postgresql://") ? lookInPostgres(database) : lookInSqlite(database);
        io.run();
    };
    std::printf("%u\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    for (int i = 1; i < threads; ++i) others.emplace_back(run);
    run();
    std::abort();
}

}  // namespace entitle::bench
