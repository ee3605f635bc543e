#include "license/clock_claims.h"

#include <limits>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "license/claims.h"

namespace entitle {
namespace {

namespace json = boost::json;
using std::chrono::nanoseconds;
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

std::int64_t seconds(Instant t) {
    return t.time_since_epoch().count();
}

class Reader {
  public:
    explicit Reader(const json::object& object) : object_(object), claims_(object) {}

    Instant instant(std::string_view name) { return Instant{Seconds{claims_.integer(name, least, most)}}; }
    std::optional<Instant> optionalInstant(std::string_view name) {
        if (!has(name)) return std::nullopt;
        return instant(name);
    }
    nanoseconds span(std::string_view name) { return nanoseconds{claims_.integer(name, 0, most)}; }
    bool has(std::string_view name) const { return object_.contains(name); }
    ClaimReader& claims() { return claims_; }

  private:
    const json::object& object_;
    ClaimReader claims_;
};

}  // namespace

std::string encodeClockTrust(const ClockTrust& trust) {
    json::object out;
    out["v"] = clockClaimsVersion;
    if (trust.signedAt) out["signed_at"] = seconds(*trust.signedAt);
    out["anchor"] = seconds(trust.anchor);
    out["uptime_ns"] = trust.uptime.count();
    out["anchored_here"] = trust.anchoredHere;
    out["suspected_ns"] = trust.suspected.count();
    if (!trust.bootId.empty()) out["boot"] = trust.bootId;
    out["boottime_ns"] = trust.boottime.count();
    out["flag"] = static_cast<int>(trust.flag);
    out["rewound"] = trust.rewound;
    if (trust.watermark) out["watermark"] = seconds(*trust.watermark);
    if (trust.steady) {
        out["steady_wall"] = seconds(trust.steady->wall);
        out["steady_ns"] = trust.steady->boottime.count();
    }
    return json::serialize(out);
}

std::optional<ClockTrust> decodeClockTrust(std::string_view text) {
    const auto object = readClaims(text);
    if (!object) return std::nullopt;
    Reader reader(*object);
    ClaimReader& claims = reader.claims();
    ClockTrust trust;
    claims.integer("v", clockClaimsVersion, clockClaimsVersion);
    trust.signedAt = reader.optionalInstant("signed_at");
    trust.anchor = reader.instant("anchor");
    trust.uptime = reader.span("uptime_ns");
    trust.anchoredHere = claims.boolean("anchored_here");
    trust.suspected = reader.span("suspected_ns");
    trust.bootId = claims.optionalText("boot");
    trust.boottime = reader.span("boottime_ns");
    trust.flag = static_cast<ClockFlag>(claims.integer("flag", 0, static_cast<int>(ClockFlag::snapshot)));
    trust.rewound = claims.boolean("rewound");
    trust.watermark = reader.optionalInstant("watermark");
    if (reader.has("steady_wall"))
        trust.steady = ClockTrust::Steady{reader.instant("steady_wall"), reader.span("steady_ns")};

    // The lower bound stands on the newest signed time; a contact of this boot needs a boot to be of.
    const auto uptime = std::chrono::duration_cast<Seconds>(trust.uptime);
    claims.require(trust.signedAt ? plus(trust.anchor, uptime) >= *trust.signedAt
                                  : trust.anchor == Instant{} && !trust.anchoredHere);
    claims.require(!trust.anchoredHere || !trust.bootId.empty());
    claims.require(!trust.steady || trust.steady->boottime <= trust.boottime);
    if (!claims.good() || encodeClockTrust(trust) != text) return std::nullopt;
    return trust;
}

}  // namespace entitle
