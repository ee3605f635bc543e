// The configuration parser: any text is a Config within its ranges or a list of errors, each of one line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/config.h"

using namespace entitle;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void parse(std::string_view text, Build build) {
    const auto config = parseConfig(text, "fuzz.toml", build);
    if (config.has_error()) {
        require(!config.error().errors.empty() && config.error().errors.size() <= 50);
        for (const auto& error : config.error().errors) require(toString(error).find('\n') == std::string::npos);
        return;
    }
    require(config->stateDirectory.starts_with('/') && config->query.path.starts_with('/'));
    require((config->admin.mode & ~0660U) == 0 && (config->query.mode & ~0666U) == 0);
    require(config->lower.maxBots.value_or(0) >= 0 && config->slots.entries <= 65'536);
    require(config->limits.memoryPerUser <= config->limits.memory);
    if (build == Build::release) require(config->rootsFile.empty() && config->hardwareRoot == "/");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    parse(text, Build::development);
    parse(text, Build::release);
    return 0;
}
