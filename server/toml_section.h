// One table of a TOML file, read strictly: what was not asked for is unknown. Private to *config.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace entitle {

struct TomlComplaint {
    std::uint32_t line = 0;
    std::string message;
};

class TomlSection {
  public:
    TomlSection(const toml::table* table, std::string name, std::vector<TomlComplaint>& complaints)
        : table_(table), name_(std::move(name)), complaints_(complaints) {}

    template <class T>
    void number(std::string_view key, T& into, std::int64_t least, std::int64_t most) {
        const auto* node = find(key);
        if (!node) return;
        const auto value = node->value_exact<std::int64_t>();
        if (!value) return complain(*node, key, "must be a whole number");
        if (*value < least || *value > most) {
            return complain(
                *node, key,
                "must be " + std::to_string(least) + " to " + std::to_string(most) + ", not " + std::to_string(*value));
        }
        into = static_cast<T>(*value);
    }
    template <class Rep, class Period>
    void duration(std::string_view key, std::chrono::duration<Rep, Period>& into, std::int64_t least,
                  std::int64_t most) {
        auto count = into.count();
        number(key, count, least, most);
        into = std::chrono::duration<Rep, Period>(count);
    }
    void flag(std::string_view key, bool& into) {
        const auto* node = find(key);
        if (!node) return;
        const auto value = node->value_exact<bool>();
        if (!value) return complain(*node, key, "must be true or false");
        into = *value;
    }
    // `accept` takes the text, or gives what is wrong with it.
    template <class Accept>
    void text(std::string_view key, Accept accept) {
        const auto* node = find(key);
        if (!node) return;
        const auto value = node->value_exact<std::string>();
        const std::string wrong = value ? accept(*value) : std::string("must be a text in quotes");
        if (!wrong.empty()) complain(*node, key, wrong);
    }
    // A list of texts; `accept` as above, for each. True: the key is there.
    template <class Accept>
    bool texts(std::string_view key, Accept accept) {
        const auto* node = find(key);
        if (!node) return false;
        const auto* list = node->as_array();
        if (!list) {
            complain(*node, key, "must be a list of texts in [ ]");
            return true;
        }
        for (const auto& each : *list) {
            const auto value = each.template value_exact<std::string>();
            const std::string wrong = value ? accept(*value) : std::string("must hold texts in quotes");
            if (!wrong.empty()) complain(each, key, wrong);
        }
        return true;
    }
    const toml::table* table(std::string_view key) {
        const auto* node = find(key);
        if (!node) return nullptr;
        if (!node->is_table())
            complain(*node, key, "is a section: write [" + std::string(key) + "] on a line of its own");
        return node->as_table();
    }

    void complainOfUnknown() const {
        if (!table_) return;
        for (const auto& [key, node] : *table_) {
            const std::string_view word = key.str();
            if (std::ranges::find(known_, word) != known_.end()) continue;
            std::string message = "unknown key \"" + std::string(word.substr(0, 64)) + "\"";
            if (!name_.empty()) message += " in [" + name_ + "]";
            message += "; known are";
            for (const auto& each : known_) message += " " + each;
            complaints_.push_back({key.source().begin.line, std::move(message)});
        }
    }

  private:
    const toml::node* find(std::string_view key) {
        known_.emplace_back(key);
        return table_ ? table_->get(key) : nullptr;
    }
    void complain(const toml::node& node, std::string_view key, const std::string& what) {
        complaints_.push_back(
            {node.source().begin.line, (name_.empty() ? "" : name_ + ".") + std::string(key) + " " + what});
    }

    const toml::table* table_;
    std::string name_;
    std::vector<TomlComplaint>& complaints_;
    std::vector<std::string> known_;
};

}  // namespace entitle
