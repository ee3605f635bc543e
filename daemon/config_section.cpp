#include "daemon/config_section.h"

#include <algorithm>
#include <numeric>

namespace entitle {

namespace {

constexpr std::size_t maxPathBytes = 4'000;

// How many letters must be changed, added or dropped.
std::size_t editDistance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

std::string_view nearest(std::string_view word, const std::vector<std::string>& known) {
    std::string_view best;
    std::size_t least = 3;  // farther than two letters is a guess, not a slip
    for (const auto& candidate : known) {
        const auto distance = editDistance(word.substr(0, 64), candidate);
        if (distance < least && distance < candidate.size()) {
            least = distance;
            best = candidate;
        }
    }
    return best;
}

bool isGroupName(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    return name.empty() || (name.size() <= 32 && letter(name[0]) && std::ranges::all_of(name, [&](char c) {
                                return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '$';
                            }));
}

}  // namespace

bool isPlainPath(std::string_view path) {
    return !path.empty() && path.front() == '/' && path.size() <= maxPathBytes &&
           std::ranges::none_of(path, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void ConfigSection::flag(std::string_view key, bool& into) {
    const auto* node = find(key);
    if (!node) return;
    if (const auto value = node->value_exact<bool>()) {
        into = *value;
    } else {
        complain(*node, key, "must be true or false");
    }
}

void ConfigSection::path(std::string_view key, std::string& into) {
    text(key, [&](const std::string& value) -> std::string {
        if (!isPlainPath(value)) return "must be an absolute path, not \"" + printable(value) + "\"";
        into = value;
        while (into.size() > 1 && into.back() == '/') into.pop_back();
        return {};
    });
}

void ConfigSection::socket(Config::Socket& into, std::uint32_t allowedMode, std::string_view whyNotMore) {
    path("path", into.path);
    std::uint32_t mode = into.mode;
    number("mode", mode, 0, 0777);
    if ((mode & ~allowedMode) != 0) {
        complain(*table_->get("mode"), "mode", std::string(whyNotMore));
    } else {
        into.mode = mode;
    }
    text("group", [&](const std::string& value) -> std::string {
        if (!isGroupName(value)) return "is no name of a group: \"" + printable(value) + "\"";
        into.group = value;
        return {};
    });
}

const toml::table* ConfigSection::table(std::string_view key) {
    const auto* node = find(key);
    if (!node) return nullptr;
    if (!node->is_table()) complain(*node, key, "is a section: write [" + std::string(key) + "] on a line of its own");
    return node->as_table();
}

void ConfigSection::complainOfUnknown(const std::vector<ConfigSection>& all) const {
    if (!table_) return;
    for (const auto& [key, node] : *table_) {
        const std::string_view word = key.str();
        if (std::ranges::find(known_, word) != known_.end()) continue;
        std::string message = "unknown key \"" + printable(word, 64) + "\"";
        if (!name_.empty()) message += " in [" + name_ + "]";
        const auto home = std::ranges::find_if(
            all, [&](const ConfigSection& s) { return std::ranges::find(s.known_, word) != s.known_.end(); });
        if (const auto slip = nearest(word, known_); !slip.empty()) {
            message += "; did you mean \"" + std::string(slip) + "\"?";
        } else if (home != all.end()) {
            message +=
                home->name_.empty() ? "; it belongs above all sections" : "; it belongs in [" + home->name_ + "]";
        }
        errors_.push_back({file_, key.source().begin.line, std::move(message)});
    }
}

const toml::node* ConfigSection::find(std::string_view key) {
    known_.emplace_back(key);
    return table_ ? table_->get(key) : nullptr;
}

void ConfigSection::complain(const toml::node& node, std::string_view key, const std::string& what) {
    errors_.push_back(
        {file_, node.source().begin.line, (name_.empty() ? "" : name_ + ".") + std::string(key) + " " + what});
}

}  // namespace entitle
