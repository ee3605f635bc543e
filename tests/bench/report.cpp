#include "tests/bench/report.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace entitle::bench {
namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
    return text;
}

std::string targetOf(const Row& row) {
    if (row.bound == Row::Bound::none) return "";
    return (row.bound == Row::Bound::atMost ? "≤ " : "≥ ") + number(row.target);
}

// Columns are counted in characters, not bytes: "µ" and "≤" are one each.
std::string padded(const std::string& text, std::size_t width) {
    const auto characters = static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    return text + std::string(characters < width ? width - characters : 0, ' ');
}

}  // namespace

void Report::skip(std::string name, std::string what, std::string why) {
    Row row;
    row.name = std::move(name);
    row.what = std::move(what);
    row.note = std::move(why);
    row.skipped = true;
    rows_.push_back(std::move(row));
}

void Report::printTable(std::ostream& out) const {
    for (const auto& [key, value] : facts_) out << key << ": " << value << '\n';
    out << '\n' << padded("", 58) << padded("measured", 18) << padded("target", 10) << '\n';
    for (const Row& row : rows_) {
        out << padded(row.what, 58);
        if (row.skipped) {
            out << "skipped: " << row.note << '\n';
            continue;
        }
        out << padded(number(row.value) + " " + row.unit, 18) << padded(targetOf(row), 10)
            << (row.bound == Row::Bound::none ? ""
                : row.met()                   ? "met"
                                              : "MISSED");
        if (!row.note.empty()) out << "  " << row.note;
        out << '\n';
    }
}

std::string Report::json() const {
    boost::json::object document;
    for (const auto& [key, value] : facts_) document[key] = value;
    boost::json::array rows;
    for (const Row& row : rows_) {
        boost::json::object entry{{"name", row.name}, {"what", row.what}};
        if (row.skipped) {
            entry["skipped"] = row.note;
        } else {
            entry["value"] = row.value;
            entry["unit"] = row.unit;
            if (row.bound != Row::Bound::none) {
                entry["target"] = row.target;
                entry["bound"] = row.bound == Row::Bound::atMost ? "at most" : "at least";
                entry["met"] = row.met();
            }
            if (!row.note.empty()) entry["note"] = row.note;
        }
        rows.push_back(std::move(entry));
    }
    document["rows"] = std::move(rows);
    return boost::json::serialize(document) + "\n";
}

bool Report::allMet() const {
    return std::all_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.met(); });
}

}  // namespace entitle::bench
