#include "daemon/metrics.h"

#include <utility>

namespace entitle {
namespace {

struct Samples {
    void counter(const char* name, const char* help, std::uint64_t value) {
        samples.push_back({name, help, Metric::Kind::counter, static_cast<double>(value), std::nullopt});
    }
    void gauge(const char* name, const char* help, double value) {
        samples.push_back({name, help, Metric::Kind::gauge, value, std::nullopt});
    }
    // One gauge that is 1 for the label in force.
    void state(const char* name, const char* help, const char* label, std::string_view value) {
        samples.push_back({name, help, Metric::Kind::gauge, 1, Metric::Label{label, std::string(value)}});
    }
    std::vector<Metric> samples;
};

}  // namespace

std::vector<Metric> metricsOf(const Daemon& daemon, std::size_t openConnections, std::size_t budgetBytes) {
    const auto& counters = daemon.counters();
    const auto& rights = daemon.entitlements();
    auto use = daemon.heldSlots().ledger().use("bots", rights.maxBots);
    auto status = daemon.status();
    Samples out;
    out.state("entitled_standing", "The license's standing.", "standing", toString(rights.standing));
    out.state("entitled_build_info", "The daemon's version.", "version", status.version);
    out.gauge("entitled_bots_limit", "Bots allowed for new slots; -1 is unlimited.",
              static_cast<double>(rights.maxBots));
    out.gauge("entitled_bots_in_use", "Bots held or awaiting reclaim.", static_cast<double>(use.inUse));
    out.gauge("entitled_bots_awaiting", "Bots awaiting reclaim after a restart.", static_cast<double>(use.awaiting));
    out.gauge("entitled_slots", "Slots held.", static_cast<double>(daemon.heldSlots().ledger().size()));
    out.gauge("entitled_connections", "Connections open.", static_cast<double>(openConnections));
    out.gauge("entitled_wire_bytes", "Bytes held for peers.", static_cast<double>(budgetBytes));
    if (rights.until) {
        out.gauge("entitled_standing_until_seconds", "When the standing may change, in seconds since 1970.",
                  static_cast<double>(rights.until->time_since_epoch().count()));
    }
    out.gauge("entitled_start_time_seconds", "When the daemon started, in seconds since 1970.",
              static_cast<double>(status.startedAt.time_since_epoch().count()));
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
    out.counter("entitled_contacts_total", "Signed answers of the authority.", counters.contacts);
    out.counter("entitled_contact_failures_total", "Questions to the authority without an answer that counts.",
                counters.contactsFailed);
    return std::move(out.samples);
}

}  // namespace entitle
