// The capabilities behind this client's slots. Lives on the client's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kj/async.h>
#include <proto/entitled.capnp.h>

#include "client/slot_record.h"
#include "proto/kj_compare.h"

namespace entitle {

class SlotTable {
  public:
    using Record = std::shared_ptr<SlotRecord>;

    // `changed` is called after slots became held, reconnecting or lost.
    explicit SlotTable(std::function<void()> changed) : changed_(std::move(changed)) {}

    // The daemon granted them. If the handle was given up meanwhile, they go back at once.
    void add(const Record&, wire::Held::Reader);
    // No daemon was there: acquire them when it comes.
    void addProvisional(const Record&);
    // The handle gave them back. Resolves when the daemon has said so, or nothing is left to be said now.
    kj::Promise<void> remove(const Record&);

    // The connection is gone, and every capability with it.
    void disconnected();
    // On a new connection: reclaims what was held, gives back what was given up meanwhile, acquires what is
    // provisional.
    kj::Promise<void> restore(wire::Entitled::Client);
    kj::Promise<void> restoreOne(wire::Entitled::Client&, const Record&);
    // Something changed at the daemon: asks which slots it still counts, and marks the others lost.
    kj::Promise<void> sweep(wire::Entitled::Client);
    // The client ends.
    void loseAll(const std::string& reason);

    bool empty() const { return entries_.empty(); }

  private:
    struct Entry {
        Record record;
        std::optional<wire::Slot::Client> slot;  // none while disconnected
    };
    struct Restoring {
        std::vector<Record> left;
    };
    struct Sweeping {
        std::map<std::uint64_t, Record> missing;  // by id: held when the sweep began, and not listed so far
    };
    Entry* find(const Record&);
    void lose(const Record&, const std::string& reason);
    kj::Promise<void> restoreNext(wire::Entitled::Client, std::shared_ptr<Restoring>);
    kj::Promise<void> reclaim(wire::Entitled::Client&, const Record&);
    kj::Promise<void> acquire(wire::Entitled::Client&, const Record&);
    kj::Promise<void> sweepFrom(wire::Entitled::Client, std::uint64_t after, std::shared_ptr<Sweeping>);

    std::function<void()> changed_;
    std::map<const SlotRecord*, Entry> entries_;
};

}  // namespace entitle
