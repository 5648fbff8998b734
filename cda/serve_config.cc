#include "cda/serve_config.h"

#include <charconv>

#include "common/file.h"
#include "common/vo/records.h"
#include "common/yaml_reader.h"

namespace xos {
namespace {

constexpr size_t kConfigMax = 64 * 1024;

Outcome<void> read_count(std::string_view source, const YAML::Node& root, const char* key, unsigned& value) {
    const YAML::Node node = root[key];
    if (!node) return {};
    const auto text = read_string(source, node);
    if (!text) return std::unexpected(text.error());
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value < 1 || value > 10000)
        return yaml_failure(source, node, "a number from 1 to 10000");
    return {};
}

}  // namespace

Outcome<ServeConfig> parse_serve_config(std::string_view text, std::string_view source) {
    const auto root = parse_yaml(text, source);
    if (!root) return std::unexpected(root.error());
    ServeConfig config;
    if (root->IsNull()) return config;
    if (auto known =
            check_keys(source, *root, {"listen", "public-url", "connections", "connections-per-address"});
        !known)
        return std::unexpected(known.error());
    if (const YAML::Node node = (*root)["listen"]) {
        const auto value = read_string(source, node);
        if (!value) return std::unexpected(value.error());
        auto listen = read_listen_address(*value);
        if (!listen) return yaml_failure(source, node, "an address and a port such as \"[::]:8443\"");
        config.listen = std::move(*listen);
    }
    if (const YAML::Node node = (*root)["public-url"]) {
        auto value = read_string(source, node);
        if (!value) return std::unexpected(value.error());
        if (!is_https_url(*value))
            return yaml_failure(source, node, "an address such as https://cda.example.org:8443");
        config.public_url = std::move(*value);
    }
    if (auto read = read_count(source, *root, "connections", config.connections); !read)
        return std::unexpected(read.error());
    if (auto read = read_count(source, *root, "connections-per-address", config.connections_per_address);
        !read)
        return std::unexpected(read.error());
    return config;
}

Outcome<ServeConfig> read_serve_config(const std::string& path) {
    const auto text = read_file(path, kConfigMax);
    if (!text && text.error().code == Errc::not_found) return ServeConfig{};
    if (!text) return std::unexpected(text.error());
    return parse_serve_config(*text, path);
}

}  // namespace xos
