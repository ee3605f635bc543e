// Where entitlectl prints: human text or JSON, with colour only where a person sees it.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "client/client.h"

namespace entitle::cli {

enum class Color { automatic, always, never };
enum class Tone { plain, good, warning, bad, faint };

class Terminal {
  public:
    Terminal(bool json, Color);

    bool json() const { return json_; }
    // Coloured for standard output.
    std::string toned(Tone, std::string_view) const;

    void print(std::string_view text) const;             // standard output, as it is
    void print(const boost::json::object& value) const;  // one line; in --json mode
    void note(std::string_view text) const;              // standard error, "entitlectl: …"
    bool interactive() const;                            // a person sees standard error
    void warn(std::string_view text) const;              // standard error, "entitlectl: warning: …"
    // Flushes standard output. false: the reader is gone or the disk is full.
    bool finish() const;

  private:
    bool json_;
    bool colorOut_, colorError_;
};

TimePoint clockNow();

}  // namespace entitle::cli
