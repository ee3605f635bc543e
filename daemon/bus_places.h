// How many calls from the bus may wait at once, and whose. A caller is a connection until the bus has said which user
// it belongs to, and from then on that user: one who opens connection after connection shuts out nobody else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace entitle {

class BusPlaces {
  public:
    static constexpr std::size_t perConnection = 16;
    // More than a bus lets one user have connections (256, unless it is told otherwise), times `perConnection`. The bus
    // answers who somebody is in the order it is asked, waiting for nobody.
    static constexpr std::size_t unknownInAll = 8'192;
    static constexpr std::size_t perUser = 16;
    static constexpr std::size_t knownInAll = 256;

    using Place = std::shared_ptr<void>;  // given back when the last copy goes; null if there is none

    BusPlaces() : unknown_(std::make_shared<Taken<std::string>>()), known_(std::make_shared<Taken<std::uint32_t>>()) {}

    // While the bus is asked who it is.
    Place ofConnection(const std::string& uniqueName) {
        return take(unknown_, uniqueName, perConnection, unknownInAll);
    }
    // While polkit, a person, the authority or a file is waited for. Root's own sixteen are there whoever else waits.
    Place ofUser(std::uint32_t uid) { return take(known_, uid, perUser, uid == 0 ? SIZE_MAX : knownInAll); }

    std::size_t connections() const { return unknown_->by.size(); }  // that have a place now

  private:
    template <class Whose>
    struct Taken {
        std::map<Whose, std::size_t> by;
        std::size_t all = 0;
    };
    template <class Whose>
    static Place take(const std::shared_ptr<Taken<Whose>>& taken, const Whose& whose, std::size_t most,
                      std::size_t inAll) {
        const auto found = taken->by.find(whose);
        if (taken->all >= inAll || (found != taken->by.end() && found->second >= most)) return nullptr;
        ++taken->by[whose];
        ++taken->all;
        return {taken.get(), [taken, whose](void*) {
                    --taken->all;
                    if (const auto own = taken->by.find(whose); --own->second == 0) taken->by.erase(own);
                }};
    }

    std::shared_ptr<Taken<std::string>> unknown_;
    std::shared_ptr<Taken<std::uint32_t>> known_;
};

}  // namespace entitle
