#include "client/cli/terminal.h"

#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include <boost/json/serialize.hpp>

namespace entitle::cli {

namespace {

bool colored(Color choice, int fd) {
    if (choice != Color::automatic) return choice == Color::always;
    // https://no-color.org: any value that is not empty.
    const char* refusal = std::getenv("NO_COLOR");
    const char* type = std::getenv("TERM");
    return (refusal == nullptr || *refusal == '\0') && (type == nullptr || std::string_view(type) != "dumb") &&
           isatty(fd) == 1;
}

std::string_view sequence(Tone tone) {
    switch (tone) {
        case Tone::good:
            return "\x1b[32m";
        case Tone::warning:
            return "\x1b[33m";
        case Tone::bad:
            return "\x1b[31m";
        case Tone::faint:
            return "\x1b[2m";
        case Tone::plain:
            break;
    }
    return "";
}

std::string painted(bool color, Tone tone, std::string_view text) {
    if (!color || tone == Tone::plain) return std::string(text);
    return std::string(sequence(tone)).append(text).append("\x1b[0m");
}

}  // namespace

Terminal::Terminal(bool json, Color color)
    : json_(json), colorOut_(!json && colored(color, STDOUT_FILENO)), colorError_(colored(color, STDERR_FILENO)) {}

std::string Terminal::toned(Tone tone, std::string_view text) const {
    return painted(colorOut_, tone, text);
}

void Terminal::print(std::string_view text) const {
    std::cout << text;
}

void Terminal::print(const boost::json::object& value) const {
    std::cout << boost::json::serialize(value) << '\n';
}

void Terminal::note(std::string_view text) const {
    std::cerr << "entitlectl: " << text << std::endl;
}

bool Terminal::interactive() const {
    return !json_ && isatty(STDERR_FILENO) == 1;
}

void Terminal::warn(std::string_view text) const {
    std::cerr << "entitlectl: " << painted(colorError_, Tone::warning, "warning: ") << text << std::endl;
}

bool Terminal::finish() const {
    return static_cast<bool>(std::cout.flush());
}

TimePoint clockNow() {
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace entitle::cli
