#include "server/http/networks.h"

#include <algorithm>
#include <charconv>

#include <boost/asio/ip/address.hpp>

namespace entitle {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.empty() || text.size() > 45 || text.find('%') != std::string_view::npos) return std::nullopt;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(std::string(text), error);
    if (error) return std::nullopt;
    IpAddress out;
    if (address.is_v6()) {
        const auto bytes = address.to_v6().to_bytes();
        std::ranges::copy(bytes, out.bytes.begin());
    } else {
        const auto bytes = address.to_v4().to_bytes();
        out.bytes[10] = out.bytes[11] = 0xff;
        std::ranges::copy(bytes, out.bytes.begin() + 12);
    }
    return out;
}

bool IpAddress::isV4() const {
    static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::equal(mapped.begin(), mapped.end(), bytes.begin());
}

bool IpAddress::isLoopback() const {
    if (isV4()) return bytes[12] == 127;
    return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; });
}

std::string IpAddress::text() const {
    if (isV4()) {
        std::string out;
        for (std::size_t i = 12; i < 16; ++i) out.append(i == 12 ? "" : ".").append(std::to_string(bytes[i]));
        return out;
    }
    return boost::asio::ip::address_v6(bytes).to_string();
}

IpAddress IpAddress::party() const {
    IpAddress out = *this;
    if (!isV4()) std::fill(out.bytes.begin() + 8, out.bytes.end(), std::uint8_t{0});
    return out;
}

bool Networks::add(std::string_view cidr) {
    const auto slash = std::min(cidr.find('/'), cidr.size());
    const auto address = IpAddress::parse(cidr.substr(0, slash));
    if (!address) return false;
    const bool v4 = cidr.substr(0, slash).find(':') == std::string_view::npos;
    int bits = v4 ? 32 : 128;
    if (slash < cidr.size()) {
        const auto text = cidr.substr(slash + 1);
        int given = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), given);
        if (error != std::errc() || end != text.data() + text.size() || given < 0 || given > bits) return false;
        bits = given;
    }
    Network network{*address, v4 ? bits + 96 : bits};
    for (int bit = network.bits; bit < 128; ++bit)
        if ((network.address.bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8)) & 1) return false;
    networks_.push_back(network);
    return true;
}

bool Networks::contains(const IpAddress& address) const {
    return std::ranges::any_of(networks_, [&](const Network& network) {
        const auto whole = static_cast<std::size_t>(network.bits / 8);
        const int rest = network.bits % 8;
        if (!std::equal(address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                        network.address.bytes.begin()))
            return false;
        return rest == 0 || ((address.bytes[whole] ^ network.address.bytes[whole]) >> (8 - rest)) == 0;
    });
}

IpAddress clientAddress(const IpAddress& peer, std::string_view forwardedFor, const Networks& proxies) {
    IpAddress client = peer;
    while (proxies.contains(client) && !forwardedFor.empty()) {
        const auto comma = forwardedFor.rfind(',');
        auto last = comma == std::string_view::npos ? forwardedFor : forwardedFor.substr(comma + 1);
        forwardedFor = comma == std::string_view::npos ? std::string_view() : forwardedFor.substr(0, comma);
        while (last.starts_with(' ') || last.starts_with('\t')) last.remove_prefix(1);
        while (last.ends_with(' ') || last.ends_with('\t')) last.remove_suffix(1);
        const auto next = IpAddress::parse(last);
        if (!next) break;  // what stands left of it was not written by a proxy of ours
        client = *next;
    }
    return client;
}

}  // namespace entitle
