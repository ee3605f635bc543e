// Sets of addresses, and whose word about a client's address is believed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace entitle {

// An IPv6 address, or an IPv4 one in its mapped form (::ffff:a.b.c.d).
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};

    static std::optional<IpAddress> parse(std::string_view);  // "192.0.2.1", "2001:db8::1"; no port, no scope
    bool isV4() const;
    bool isLoopback() const;
    std::string text() const;
    // The address itself, or its /64: a home or an office has all of that, so it is one party.
    IpAddress party() const;
    auto operator<=>(const IpAddress&) const = default;
};

class Networks {
  public:
    Networks() = default;
    // "10.0.0.0/8", "192.0.2.7", "2001:db8::/32". False: not one, or bits beyond the prefix are set.
    bool add(std::string_view cidr);
    bool contains(const IpAddress&) const;
    bool empty() const { return networks_.empty(); }

  private:
    struct Network {
        IpAddress address;
        int bits = 0;  // of 128
    };
    std::vector<Network> networks_;
};

// The client behind `peer`: the rightmost address of X-Forwarded-For that is no trusted proxy, if `peer` is one. What
// stands left of it, anybody may have written. `forwardedFor`: all its lines, in order, joined by commas.
IpAddress clientAddress(const IpAddress& peer, std::string_view forwardedFor, const Networks& proxies);

}  // namespace entitle
