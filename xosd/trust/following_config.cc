#include "xosd/trust/following_config.h"

#include "common/policy/quantity.h"
#include "common/yaml_reader.h"

namespace xos {

using std::chrono::seconds;

Outcome<void> read_duration(std::string_view file, const YAML::Node& node, seconds min, seconds max,
                            std::string_view what, seconds& into) {
    if (!node) return {};
    const auto number = node.IsScalar() ? parse_period(node.Scalar()) : std::nullopt;
    const auto duration = seconds(static_cast<int64_t>(number.value_or(0)));
    if (!number || duration < min || duration > max) return yaml_failure(file, node, what);
    into = duration;
    return {};
}

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
