#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>

#include <libpq-fe.h>

#include "tests/bench/bare_transaction.h"
#include "tests/bench/measure.h"

namespace entitle::bench {

namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

class Connection {
  public:
    explicit Connection(const std::string& url) : handle_(PQconnectdb(url.c_str()), &PQfinish) {
        if (PQstatus(handle_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(handle_.get()));
    }
    void prepare(const char* name, const std::string& sql) {
        check({PQprepare(handle_.get(), name, sql.c_str(), 0, nullptr), &PQclear});
    }
    Result run(const char* name, const std::vector<const char*>& values) {
        Result result{
            PQexecPrepared(handle_.get(), name, static_cast<int>(values.size()), values.data(), nullptr, nullptr, 0),
            &PQclear};
        return check(std::move(result));
    }
    void run(const char* sql) { check({PQexec(handle_.get(), sql), &PQclear}); }

  private:
    Result check(Result result) {
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            throw std::runtime_error(PQerrorMessage(handle_.get()));
        return result;
    }
    std::unique_ptr<PGconn, decltype(&PQfinish)> handle_;
};

std::size_t work(const std::string& url, const std::vector<BareDevice>& devices, std::size_t first, std::size_t step,
                 std::int64_t end) {
    Connection connection(url);
    const auto texts = BareStatements::forPostgres();
    connection.prepare("lock", texts.lockLicense);
    connection.prepare("read", texts.readDevice);
    connection.prepare("counts", texts.readCounts);
    connection.prepare("write", texts.writeDevice);
    std::size_t count = 0;
    std::vector<const char*> values;
    for (; nowNanos() < end; ++count) {
        // No two connections want one row.
        const auto& device = devices[(first + count * step) % (devices.size() / step * step)];
        connection.run(texts.begin.c_str());
        connection.run("lock", {device.license.c_str()});
        const auto row = connection.run("read", {device.license.c_str(), device.device.c_str()});
        if (PQntuples(row.get()) != 1) throw std::runtime_error("no such device");
        connection.run("counts", {device.license.c_str(), device.device.c_str(), "1790000000", "1780000000"});
        values.clear();
        std::string number;
        for (const int column : writtenColumns()) {
            if (column == rollNumberColumn()) {
                number = std::to_string(std::stoll(PQgetvalue(row.get(), 0, column)) + 1);
                values.push_back(number.c_str());
            } else {
                values.push_back(PQgetisnull(row.get(), 0, column) ? nullptr : PQgetvalue(row.get(), 0, column));
            }
        }
        values.push_back(device.license.c_str());
        values.push_back(PQgetvalue(row.get(), 0, 0));
        connection.run("write", values);
        connection.run("COMMIT");
    }
    return count;
}

}  // namespace

Bare barePostgres(const std::string& url, const std::vector<BareDevice>& devices, std::size_t connections,
                  std::chrono::milliseconds time) {
    std::atomic<std::size_t> total{0};
    std::exception_ptr fault;
    std::atomic_flag failed;
    const auto cpu = cpuSeconds();
    const auto begun = nowNanos();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < connections; ++i)
        threads.emplace_back([&, i] {
            try {
                total += work(url, devices, i, connections, begun + std::chrono::nanoseconds(time).count());
            } catch (...) {
                if (!failed.test_and_set()) fault = std::current_exception();
            }
        });
    for (auto& thread : threads) thread.join();
    if (fault) std::rethrow_exception(fault);
    Bare out;
    out.count = total;
    out.rate = static_cast<double>(out.count) / (static_cast<double>(nowNanos() - begun) / 1e9);
    out.cpuMicros = (cpuSeconds() - cpu) * 1e6 / static_cast<double>(std::max<std::size_t>(out.count, 1));
    return out;
}

}  // namespace entitle::bench
