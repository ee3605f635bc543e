// What was measured, as a table for people and JSON for programs.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace entitle::bench {

struct Row {
    enum class Bound { none, atMost, atLeast };
    std::string name;  // stable, for JSON: "check", "check_beside_idle", …
    std::string what;  // for people
    double value = 0;
    std::string unit;  // "µs", "x raw", …
    Bound bound = Bound::none;
    double target = 0;
    std::string note;
    bool skipped = false;  // `note` says why

    bool met() const {
        return skipped || bound == Bound::none || (bound == Bound::atMost ? value <= target : value >= target);
    }
};

class Report {
  public:
    void add(Row row) { rows_.push_back(std::move(row)); }
    void skip(std::string name, std::string what, std::string why);
    void say(std::string key, std::string value) { facts_.emplace_back(std::move(key), std::move(value)); }

    void printTable(std::ostream&) const;
    std::string json() const;
    bool allMet() const;

  private:
    std::vector<Row> rows_;
    std::vector<std::pair<std::string, std::string>> facts_;
};

}  // namespace entitle::bench
