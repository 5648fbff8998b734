#include "common/json.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace xos {
namespace {

struct FreeText {
    void operator()(char* text) const { std::free(text); }
};

constexpr char kWholeOnly[] = "only whole numbers are accepted, within 64 bits";

// What is refused by a look at the text alone, before anything is built from it.
std::optional<std::string> fault_in(std::string_view text, size_t depth_limit) {
    size_t depth = 0;
    bool in_string = false, escaped = false;
    char before = ' ';
    for (const char c : text) {
        if (in_string) {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > depth_limit)
                return compose("more than {} objects and arrays inside each other", depth_limit);
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        } else if (c == '.' || ((c == 'e' || c == 'E') && before >= '0' && before <= '9')) {
            return kWholeOnly;  // sd-json rounds fractions when it reads them, and makes null of 1e400
        }
        before = c;
    }
    return std::nullopt;
}

std::vector<std::string_view> keys_of(sd_json_variant* object) {
    std::vector<std::string_view> keys;
    const size_t count = sd_json_variant_elements(object);
    keys.reserve(count / 2);
    for (size_t i = 0; i < count; i += 2)
        keys.emplace_back(sd_json_variant_string(sd_json_variant_by_index(object, i)));
    return keys;
}

// A key or text of foreign origin, fit for a message.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text.substr(0, 40)) out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
    return out + (text.size() > 40 ? "...\"" : "\"");
}

// What sd-json lets in and we do not, here or below. Depth is bounded by what parse() let in.
std::optional<std::string> fault_of(sd_json_variant* value) {
    if (sd_json_variant_type(value) == SD_JSON_VARIANT_REAL) return kWholeOnly;  // beyond 64 bits
    const bool object = sd_json_variant_is_object(value);
    if (!object && !sd_json_variant_is_array(value)) return std::nullopt;
    if (object) {
        std::vector<std::string_view> keys = keys_of(value);
        std::ranges::sort(keys);
        const auto twice = std::ranges::adjacent_find(keys);
        if (twice != keys.end()) return compose("the key {} is there twice in one object", quoted(*twice));
    }
    const size_t count = sd_json_variant_elements(value);
    for (size_t i = object ? 1 : 0; i < count; i += object ? 2 : 1)
        if (auto fault = fault_of(sd_json_variant_by_index(value, i))) return fault;
    return std::nullopt;
}

std::string formatted(sd_json_variant* value, sd_json_format_flags_t flags) {
    if (value == nullptr) return "null";
    char* text = nullptr;
    if (sd_json_variant_format(value, flags, &text) < 0) throw std::bad_alloc();
    const std::unique_ptr<char, FreeText> owner(text);
    return text;
}

}  // namespace

Json::Json(const Json& other) : value_(sd_json_variant_ref(other.value_)), what_(other.what_) {}
Json::~Json() {
    sd_json_variant_unref(value_);
}

Json Json::adopt(sd_json_variant* value) {
    Json json;
    json.value_ = value;
    return json;
}

Outcome<Json> Json::parse(std::string_view text, JsonLimits limits, const char* what) {
    if (text.size() > limits.bytes)
        return failure(Errc::invalid, "{}: {} bytes are more than the {} allowed", what, text.size(),
                       limits.bytes);
    if (text.contains('\0'))
        return failure(Errc::invalid, "{}: it holds a NUL byte, so it is not JSON", what);
    if (const auto fault = fault_in(text, limits.depth))
        return failure(Errc::invalid, "{}: {}", what, *fault);
    sd_json_variant* value = nullptr;
    unsigned line = 0, column = 0;
    const std::string terminated(text);
    const int answer = sd_json_parse(terminated.c_str(), sd_json_parse_flags_t{}, &value, &line, &column);
    if (answer == -ENOMEM) throw std::bad_alloc();
    if (answer < 0) return failure(Errc::invalid, "{}: not JSON at line {}, column {}", what, line, column);
    Json json = adopt(value);
    json.what_ = what;
    if (const auto fault = fault_of(value)) return failure(Errc::invalid, "{}: {}", what, *fault);
    return json;
}

std::string Json::format() const {
    return formatted(value_, sd_json_format_flags_t{});
}
std::string Json::format_pretty() const {
    return formatted(value_, SD_JSON_FORMAT_PRETTY);
}

bool JsonNode::is_object() const {
    return sd_json_variant_is_object(value_);
}
bool JsonNode::is_array() const {
    return sd_json_variant_is_array(value_);
}
bool JsonNode::is_string() const {
    return sd_json_variant_is_string(value_);
}

std::string JsonNode::path() const {
    if (parent_ == nullptr) return std::string(key_) + ":";
    std::string path = parent_->path();
    if (parent_->is_array()) return path + compose("{}[{}]", parent_->parent_ ? "" : " ", index_);
    return path + (parent_->parent_ ? "." : " ") + std::string(key_);
}

std::unexpected<Failure> JsonNode::invalid(std::string_view message) const {
    return failure(Errc::invalid, "{}{} {}", path(), parent_ ? ":" : "", message);
}

Outcome<void> JsonNode::object(std::initializer_list<std::string_view> known) const {
    if (!is_object()) return invalid("expected an object");
    for (const std::string_view key : keys_of(value_))
        if (std::ranges::find(known, key) == known.end())
            return invalid(compose("the key {} is not known here", quoted(key)));
    return {};
}

Outcome<size_t> JsonNode::array(size_t max) const {
    if (!is_array()) return invalid("expected an array");
    const size_t count = sd_json_variant_elements(value_);
    if (count > max) return invalid(compose("expected at most {} elements, there are {}", max, count));
    return count;
}

Outcome<std::string_view> JsonNode::text(size_t max_bytes) const {
    if (!is_string()) return invalid("expected a string");
    const std::string_view text = sd_json_variant_string(value_);
    if (text.size() > max_bytes) return invalid(compose("expected a string of at most {} bytes", max_bytes));
    return text;
}

Outcome<std::string> JsonNode::string(size_t max_bytes) const {
    return text(max_bytes).transform([](std::string_view view) { return std::string(view); });
}

Outcome<uint64_t> JsonNode::integer(uint64_t min, uint64_t max) const {
    // by exact type: sd-json lets 1.0 pass for an integer
    const sd_json_variant_type_t type = sd_json_variant_type(value_);
    const bool whole = type == SD_JSON_VARIANT_UNSIGNED || type == SD_JSON_VARIANT_INTEGER;
    if (whole && sd_json_variant_is_unsigned(value_)) {
        const uint64_t number = sd_json_variant_unsigned(value_);
        if (number >= min && number <= max) return number;
    }
    return invalid(compose("expected an integer {}..{}", min, max));
}

Outcome<bool> JsonNode::boolean() const {
    if (!sd_json_variant_is_boolean(value_)) return invalid("expected true or false");
    return sd_json_variant_boolean(value_) != 0;
}

std::string JsonNode::format() const {
    return formatted(value_, sd_json_format_flags_t{});
}

std::optional<JsonNode> JsonNode::find(const char* key) const& {
    if (!is_object()) return std::nullopt;
    // by hand: the node is to hold the value's own copy of the key, which libsystemd 257's
    // sd_json_variant_by_key_full() leaves out for an object inside an array
    const size_t count = sd_json_variant_elements(value_);
    for (size_t i = 0; i < count; i += 2) {
        const std::string_view own_key = sd_json_variant_string(sd_json_variant_by_index(value_, i));
        if (own_key == key) return JsonNode(sd_json_variant_by_index(value_, i + 1), this, own_key, 0);
    }
    return std::nullopt;
}

Outcome<JsonNode> JsonNode::field(const char* key) const& {
    if (!is_object()) return invalid("expected an object");
    if (auto node = find(key)) return *node;
    return invalid(compose("the key \"{}\" is missing", key));
}

Outcome<std::string> JsonNode::string(const char* key, size_t max_bytes) const {
    return field(key).and_then([&](const JsonNode& node) { return node.string(max_bytes); });
}

Outcome<std::string_view> JsonNode::text(const char* key, size_t max_bytes) const {
    return field(key).and_then([&](const JsonNode& node) { return node.text(max_bytes); });
}

Outcome<uint64_t> JsonNode::integer(const char* key, uint64_t min, uint64_t max) const {
    return field(key).and_then([&](const JsonNode& node) { return node.integer(min, max); });
}

Outcome<bool> JsonNode::boolean(const char* key) const {
    return field(key).and_then([](const JsonNode& node) { return node.boolean(); });
}

JsonNode JsonNode::at(size_t index) const& {
    return JsonNode(sd_json_variant_by_index(value_, index), this, {}, index);
}

std::vector<std::string_view> JsonNode::keys() const {
    return is_object() ? keys_of(value_) : std::vector<std::string_view>();
}

}  // namespace xos
