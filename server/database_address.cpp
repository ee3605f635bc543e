#include "server/database_address.h"

namespace entitle {

Granted<DatabaseAddress> DatabaseAddress::parse(std::string_view url) {
    const auto after = [&](std::string_view scheme) { return url.substr(0, scheme.size()) == scheme; };
    constexpr std::string_view sqlite = "sqlite://";
    DatabaseAddress address;
    if (after(sqlite)) {
        address.file_ = url.substr(sqlite.size());
        if (!address.file_.is_absolute())
            return Denial{DenialReason::usage, "an SQLite database is named by its absolute path: sqlite:///srv/x.db"};
        return address;
    }
    if (after("postgresql://") || after("postgres://")) {
        address.url_ = url;
        if (address.url_.find('\0') != std::string::npos || address.url_.size() > 4096)
            return Denial{DenialReason::usage, "the database's URL is not acceptable"};
        return address;
    }
    return Denial{DenialReason::usage,
                  "a database is named by sqlite:///path/to/file or postgresql://user@host/database"};
}

bool DatabaseAddress::hasSeveralHosts() const {
    if (dialect() == Dialect::sqlite) return false;
    const auto begin = url_.find("://") + 3;
    const auto end = std::min(url_.find_first_of("/?", begin), url_.size());
    const auto at = url_.rfind('@', end);
    const auto hosts = at == std::string::npos || at < begin ? begin : at + 1;
    return std::string_view(url_).substr(hosts, end - hosts).find(',') != std::string_view::npos;
}

std::string DatabaseAddress::shown() const {
    if (dialect() == Dialect::sqlite) return "sqlite://" + file_.string();
    const auto begin = url_.find("://") + 3;
    const auto end = std::min(url_.find_first_of("/?", begin), url_.size());
    const auto at = url_.rfind('@', end);
    const auto colon = url_.find(':', begin);
    std::string out = url_;
    if (at != std::string::npos && at >= begin && colon < at) out.replace(colon, at - colon, "");
    // libpq also takes password=… and sslpassword=… as parameters.
    if (const auto query = out.find('?'); query != std::string::npos) out.resize(query);
    return out;
}

}  // namespace entitle
