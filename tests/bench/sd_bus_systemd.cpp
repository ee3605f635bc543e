#include "tests/bench/sd_bus.h"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "tests/bench/measure.h"

namespace entitle::bench {
namespace {

constexpr const char* path = "/entitled";
constexpr const char* interface = "org.cryptoorchestrator.Bench";
constexpr const char* method = "Check";

struct Free {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Free>;
using Message = std::unique_ptr<sd_bus_message, Free>;

int must(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + " failed: " + std::to_string(-result));
    return result;
}

Bus opened(int fd, bool server) {
    sd_bus* raw = nullptr;
    must(sd_bus_new(&raw), "sd_bus_new");
    Bus bus(raw);
    must(sd_bus_set_fd(raw, fd, fd), "sd_bus_set_fd");
    if (server) {
        sd_id128_t id{};
        must(sd_id128_randomize(&id), "sd_id128_randomize");
        must(sd_bus_set_server(raw, 1, id), "sd_bus_set_server");
    }
    must(sd_bus_start(raw), "sd_bus_start");
    return bus;
}

// As much as the answer to a check holds.
int answer(sd_bus_message* call, void*, sd_bus_error*) {
    if (sd_bus_message_is_method_call(call, interface, method) <= 0) return 0;
    const char* feature = nullptr;
    if (const int read = sd_bus_message_read(call, "s", &feature); read < 0) return read;
    return sd_bus_reply_method_return(call, "bqsx", 1, 0, "", std::int64_t{0});
}

void serve(int fd) {
    const Bus bus = opened(fd, true);
    must(sd_bus_add_filter(bus.get(), nullptr, answer, nullptr), "sd_bus_add_filter");
    for (;;) {
        const int done = sd_bus_process(bus.get(), nullptr);
        if (done < 0 || (done == 0 && sd_bus_wait(bus.get(), UINT64_MAX) < 0)) return;
    }
}

void ask(sd_bus* bus) {
    sd_bus_message* raw = nullptr;
    const int called = sd_bus_call_method(bus, nullptr, path, interface, method, nullptr, &raw, "s", "paper_trading");
    const Message reply(raw);
    must(called, "sd_bus_call_method");
    int allowed = 0;
    must(sd_bus_message_read(reply.get(), "b", &allowed), "sd_bus_message_read");
    if (allowed == 0) throw std::runtime_error("paper_trading was denied");
}

}  // namespace

std::optional<double> sdBusCheck(std::size_t times) {
    Child server(serve);
    const Bus bus = opened(server.releaseSocket(), false);
    for (int i = 0; i < 500; ++i) ask(bus.get());
    return medianNanos(times, [&] { ask(bus.get()); });
}

}  // namespace entitle::bench
