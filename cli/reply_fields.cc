#include "cli/reply_fields.h"

namespace xos {

std::string plain(std::string_view text) {
    std::string out(text);
    for (size_t i = 0; i < out.size(); ++i) {
        const auto c = static_cast<unsigned char>(out[i]);
        const bool c1 =
            c >= 0x80 && c < 0xa0 && i > 0 && out[i - 1] == '\xc2';  // U+0080-U+009F: CSI is one of them
        if (c < ' ' || c == 0x7f || c1) out[i] = '?';
        if (c1) out[i - 1] = '?';
    }
    return out;
}

std::optional<int64_t> find_number(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    if (!field) return {};
    const auto number = field->integer(0, INT64_MAX);
    return number ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
}

int64_t optional_number(const JsonNode& node, const char* key) {
    return find_number(node, key).value_or(0);
}

std::string optional_text(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    return field && field->is_string() ? field->string(64 * 1024).value_or("") : "";
}

}  // namespace xos
