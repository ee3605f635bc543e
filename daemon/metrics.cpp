#include "daemon/metrics.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace entitle {
namespace {

// The text format 0.0.4: prometheus.io/docs/instrumenting/exposition_formats. Written here, because the usual library
// is packaged only as a shared one, whose own dependencies would be a fifth of the daemon's memory.
class Families {
  public:
    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        begin(name, help, "counter");
        sample(name, "", static_cast<std::int64_t>(value));
    }
    void gauge(std::string_view name, std::string_view help, std::int64_t value) {
        begin(name, help, "gauge");
        sample(name, "", value);
    }
    // One gauge that is 1 for the label in force.
    void state(std::string_view name, std::string_view help, std::string_view label, std::string_view value) {
        begin(name, help, "gauge");
        std::string labels = "{" + std::string(label) + "=\"";
        for (const char c : value) {
            if (c == '\\' || c == '"') labels += '\\';
            if (c == '\n') {
                labels += "\\n";
            } else {
                labels += c;
            }
        }
        sample(name, labels + "\"}", 1);
    }
    std::string text() && { return std::move(text_); }

  private:
    // `help` is ours: it has neither a backslash nor a line's end.
    void begin(std::string_view name, std::string_view help, std::string_view type) {
        text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
        text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
    }
    void sample(std::string_view name, std::string_view labels, std::int64_t value) {
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        text_.append(name).append(labels).append(" ").append(digits, end).append("\n");
    }
    std::string text_;
};

}  // namespace

std::string renderMetrics(const Daemon& daemon, std::size_t openConnections, std::size_t budgetBytes) {
    const auto& counters = daemon.counters();
    const auto& rights = daemon.entitlements();
    auto use = daemon.heldSlots().ledger().use("bots", rights.maxBots);
    auto status = daemon.status();
    Families out;
    out.state("entitled_standing", "The license's standing.", "standing", toString(rights.standing));
    out.state("entitled_build_info", "The daemon's version.", "version", status.version);
    out.gauge("entitled_bots_limit", "Bots allowed for new slots; -1 is unlimited.", rights.maxBots);
    out.gauge("entitled_bots_in_use", "Bots held or awaiting reclaim.", static_cast<std::int64_t>(use.inUse));
    out.gauge("entitled_bots_awaiting", "Bots awaiting reclaim after a restart.",
              static_cast<std::int64_t>(use.awaiting));
    out.gauge("entitled_slots", "Slots held.", static_cast<std::int64_t>(daemon.heldSlots().ledger().size()));
    out.gauge("entitled_connections", "Connections open.", static_cast<std::int64_t>(openConnections));
    out.gauge("entitled_wire_bytes", "Bytes held for peers.", static_cast<std::int64_t>(budgetBytes));
    if (rights.until) {
        out.gauge("entitled_standing_until_seconds", "When the standing may change, in seconds since 1970.",
                  rights.until->time_since_epoch().count());
    }
    out.gauge("entitled_start_time_seconds", "When the daemon started, in seconds since 1970.",
              status.startedAt.time_since_epoch().count());
    out.counter("entitled_checks_total", "Feature checks answered.", counters.checks);
    out.counter("entitled_slots_acquired_total", "Slots given.", counters.acquired);
    out.counter("entitled_slots_denied_total", "Slots refused.", counters.acquireDenied);
    out.counter("entitled_slots_released_total", "Slots that came back.", counters.released);
    out.counter("entitled_slots_reclaimed_total", "Slots taken back by their holders.", counters.reclaimed);
    out.counter("entitled_reclaims_denied_total", "Reclaims refused.", counters.reclaimDenied);
    out.counter("entitled_reclaims_expired_total", "Slots nobody took back in time.", counters.reclaimsExpired);
    out.counter("entitled_holders_died_total", "Processes that ended with slots.", counters.holdersDied);
    out.counter("entitled_imports_total", "License files imported.", counters.imports);
    out.counter("entitled_imports_refused_total", "License files refused.", counters.importsRefused);
    out.counter("entitled_store_faults_total", "Times the state could not be stored.", counters.storeFaults);
    out.counter("entitled_connections_total", "Connections accepted.", counters.connections);
    out.counter("entitled_connections_refused_total", "Connections refused.", counters.connectionsRefused);
    out.counter("entitled_connections_broken_total", "Connections closed for breaking a limit.",
                counters.connectionsBroken);
    return std::move(out).text();
}

}  // namespace entitle
