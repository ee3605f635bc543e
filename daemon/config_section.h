// One table of the configuration file, read strictly: what was not asked for is unknown. Private to config*.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Without exceptions; the parser's own types never leave config*.cpp.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 asserts, and in releases tells the compiler, what a damaged file breaks: that a section's name begins with
// a letter. Neither: the check behind it then refuses the file. Found by config_fuzz.
#define TOML_ASSERT(expression) static_assert(true)
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include "daemon/config.h"

namespace entitle {

bool isPlainPath(std::string_view);  // absolute, printable, not too long

// One table of the file. Every key that may stand in it is asked for, present or not; what was not asked for is
// unknown.
class ConfigSection {
  public:
    ConfigSection(const toml::table* table, std::string name, std::string_view file, std::vector<ConfigError>& errors)
        : table_(table), name_(std::move(name)), file_(file), errors_(errors) {}

    template <class T>
    void number(std::string_view key, T& into, std::int64_t least, std::int64_t most, std::int64_t unit = 1) {
        const auto* node = find(key);
        if (!node) return;
        const auto value = node->value_exact<std::int64_t>();
        if (!value) return complain(*node, key, "must be a whole number");
        if (*value < least || *value > most) {
            return complain(
                *node, key,
                "must be " + std::to_string(least) + " to " + std::to_string(most) + ", not " + std::to_string(*value));
        }
        into = static_cast<T>(*value * unit);
    }
    void flag(std::string_view key, bool& into);
    // `accept` takes the text, or gives what is wrong with it.
    template <class Accept>
    void text(std::string_view key, Accept accept) {
        const auto* node = find(key);
        if (!node) return;
        const auto value = node->value_exact<std::string>();
        const std::string wrong = value ? accept(*value) : "must be a text in quotes";
        if (!wrong.empty()) complain(*node, key, wrong);
    }
    void path(std::string_view key, std::string& into);
    void socket(Config::Socket& into, std::uint32_t allowedMode, std::string_view whyNotMore);
    const toml::table* table(std::string_view key);
    void complainOfUnknown(const std::vector<ConfigSection>& all) const;

  private:
    const toml::node* find(std::string_view key);
    void complain(const toml::node& node, std::string_view key, const std::string& what);

    const toml::table* table_;
    std::string name_;
    std::string file_;
    std::vector<ConfigError>& errors_;
    std::vector<std::string> known_;
};

}  // namespace entitle
