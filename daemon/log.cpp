#include "daemon/log.h"

#include <memory>
#include <utility>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace entitle {

namespace {

// %* in the pattern: the level as journald reads it at the beginning of a line, syslog(3) numbers.
class JournalLevel final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        std::string_view prefix = "<6>";
        switch (message.level) {
            case spdlog::level::trace:
            case spdlog::level::debug:
                prefix = "<7>";
                break;
            case spdlog::level::warn:
                prefix = "<4>";
                break;
            case spdlog::level::err:
                prefix = "<3>";
                break;
            case spdlog::level::critical:
                prefix = "<2>";
                break;
            default:
                break;
        }
        out.append(prefix.data(), prefix.data() + prefix.size());
    }
    std::unique_ptr<spdlog::custom_flag_formatter> clone() const override { return std::make_unique<JournalLevel>(); }
};

std::shared_ptr<spdlog::logger> makeLogger() {
    auto made = std::make_shared<spdlog::logger>("entitled", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::warn);
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
    // A log that cannot be written (a closed stderr, a full disk behind it) is no reason to stop serving.
    made->set_error_handler([](const std::string&) {});
    return made;
}

// Length of the UTF-8 sequence at the front of `text`; 0 if it is none.
std::size_t sequenceLength(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = byte(0);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    if (length == 3 && ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) >= 0xa0))) return 0;
    if (length == 4 && ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) >= 0x90))) return 0;
    return length;
}

}  // namespace

spdlog::level::level_enum spdlogLevel(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

std::string_view toString(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "info";
}

std::optional<LogLevel> parseLogLevel(std::string_view word) {
    for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
        if (word == toString(level)) return level;
    }
    return std::nullopt;
}

void startLog(LogLevel level, bool journal) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalLevel>('*');
    formatter->set_pattern(journal ? "%*%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
    log().set_formatter(std::move(formatter));
    log().flush_on(spdlog::level::debug);
    setLogLevel(level);
}

void setLogLevel(LogLevel level) {
    log().set_level(spdlogLevel(level));
}

spdlog::logger& log() {
    static const auto logger = makeLogger();
    return *logger;
}

std::string printable(std::string_view text, std::size_t most) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    while (!text.empty()) {
        const auto length = sequenceLength(text);
        const auto lead = static_cast<unsigned char>(text.front());
        // U+0080 to U+009F are controls too: some terminals act on them.
        const bool control =
            lead < 0x20 || lead == 0x7f || (length == 2 && lead == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
        const auto taken = length == 0 ? 1 : length;
        std::string next;
        if (length == 0 || control) {
            for (const unsigned char byte : text.substr(0, taken)) {
                next += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
            }
        } else {
            next = text.substr(0, taken);
        }
        if (out.size() + next.size() > most) return out + "…";
        out += next;
        text.remove_prefix(taken);
    }
    return out;
}

}  // namespace entitle
