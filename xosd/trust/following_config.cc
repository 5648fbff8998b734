#include "xosd/trust/following_config.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <optional>

#include "common/yaml_reader.h"

namespace xos {
namespace {

using std::chrono::seconds;

// "30s", "10m", "1h", "7d", "0"
std::optional<seconds> parse_duration(std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || number > 1'000'000) return std::nullopt;
    const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    if (unit == "s" || (unit.empty() && number == 0)) return seconds(number);
    if (unit == "m") return std::chrono::minutes(number);
    if (unit == "h") return std::chrono::hours(number);
    if (unit == "d") return std::chrono::days(number);
    return std::nullopt;
}

Outcome<void> read_duration(std::string_view file, const YAML::Node& node, seconds min, seconds max,
                            std::string_view what, seconds& into) {
    if (!node) return {};
    const auto duration = node.IsScalar() ? parse_duration(node.Scalar()) : std::nullopt;
    if (!duration || *duration < min || *duration > max) return yaml_failure(file, node, what);
    into = *duration;
    return {};
}

}  // namespace

Outcome<FollowingConfig> read_following_config(std::string_view file, const YAML::Node& section) {
    FollowingConfig config;
    if (!section) return config;
    if (auto keys = check_keys(file, section, {"interval", "grace", "deadline"}); !keys)
        return std::unexpected(keys.error());
    const struct {
        const char* key;
        seconds min, max;
        const char* what;
        seconds& into;
    } fields[] = {{"interval", seconds(1), std::chrono::days(1), "1s to 1d, such as 30s", config.interval},
                  {"grace", seconds(0), std::chrono::days(30), "0 to 30d, such as 10m", config.grace},
                  {"deadline", seconds(1), std::chrono::hours(1), "1s to 1h, such as 5m", config.deadline}};
    for (const auto& field : fields)
        if (auto read = read_duration(file, section[field.key], field.min, field.max, field.what, field.into);
            !read)
            return std::unexpected(read.error());
    return config;
}

}  // namespace xos
