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

// sd-json answers -ENOMEM here and nothing else: all arguments have been checked.
sd_json_variant* made(int answer, sd_json_variant* value) {
    if (answer < 0) throw std::bad_alloc();
    return value;
}

bool is_deeper(std::string_view text, size_t limit) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > limit) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

std::vector<std::string_view> keys_of(sd_json_variant* object) {
    std::vector<std::string_view> keys;
    const size_t count = sd_json_variant_elements(object);
    keys.reserve(count / 2);
    for (size_t i = 0; i < count; i += 2)
        keys.emplace_back(sd_json_variant_string(sd_json_variant_by_index(object, i)));
    return keys;
}

// The first key that is twice in one object, here or below. Depth is bounded by what parse() let in.
std::optional<std::string> twofold_key(sd_json_variant* value) {
    const bool object = sd_json_variant_is_object(value);
    if (!object && !sd_json_variant_is_array(value)) return std::nullopt;
    if (object) {
        std::vector<std::string_view> keys = keys_of(value);
        std::ranges::sort(keys);
        const auto twice = std::ranges::adjacent_find(keys);
        if (twice != keys.end()) return std::string(*twice);
    }
    const size_t count = sd_json_variant_elements(value);
    for (size_t i = object ? 1 : 0; i < count; i += object ? 2 : 1)
        if (auto key = twofold_key(sd_json_variant_by_index(value, i))) return key;
    return std::nullopt;
}

std::string formatted(sd_json_variant* value, sd_json_format_flags_t flags) {
    if (value == nullptr) return "null";
    char* text = nullptr;
    if (sd_json_variant_format(value, flags, &text) < 0) throw std::bad_alloc();
    const std::unique_ptr<char, FreeText> owner(text);
    return text;
}

// A key or text of foreign origin, fit for a message.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text.substr(0, 40)) out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
    return out + (text.size() > 40 ? "...\"" : "\"");
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
    if (is_deeper(text, limits.depth))
        return failure(Errc::invalid, "{}: more than {} objects and arrays inside each other", what,
                       limits.depth);
    sd_json_variant* value = nullptr;
    unsigned line = 0, column = 0;
    const std::string terminated(text);
    const int answer = sd_json_parse(terminated.c_str(), sd_json_parse_flags_t{}, &value, &line, &column);
    if (answer == -ENOMEM) throw std::bad_alloc();
    if (answer < 0) return failure(Errc::invalid, "{}: not JSON at line {}, column {}", what, line, column);
    Json json = adopt(value);
    json.what_ = what;
    if (const auto key = twofold_key(value))
        return failure(Errc::invalid, "{}: the key {} is there twice in one object", what, quoted(*key));
    return json;
}

Json Json::string(std::string_view text) {
    sd_json_variant* value = nullptr;
    int answer =
        text.contains('\0') ? -EINVAL : sd_json_variant_new_stringn(&value, text.data(), text.size());
    if (answer < 0 && answer != -ENOMEM) {
        std::string plain(text);
        for (char& c : plain)
            if (c == '\0' || static_cast<unsigned char>(c) >= 0x80) c = '?';
        answer = sd_json_variant_new_stringn(&value, plain.data(), plain.size());
    }
    return adopt(made(answer, value));
}

Json Json::integer(uint64_t number) {
    sd_json_variant* value = nullptr;
    const int answer = sd_json_variant_new_unsigned(&value, number);
    return adopt(made(answer, value));
}

Json Json::signed_integer(int64_t number) {
    sd_json_variant* value = nullptr;
    const int answer = sd_json_variant_new_integer(&value, number);
    return adopt(made(answer, value));
}

Json Json::boolean(bool truth) {
    sd_json_variant* value = nullptr;
    const int answer = sd_json_variant_new_boolean(&value, truth);
    return adopt(made(answer, value));
}

Json Json::strings(const std::vector<std::string>& texts) {
    JsonArray array;
    for (const std::string& text : texts) array.add(string(text));
    return array.build();
}

std::string Json::format() const {
    return formatted(value_, sd_json_format_flags_t{});
}
std::string Json::format_pretty() const {
    return formatted(value_, SD_JSON_FORMAT_PRETTY);
}

JsonObject& JsonObject::set(std::string_view key, Json value) {
    pairs_.push_back(Json::string(key));
    pairs_.push_back(std::move(value));
    return *this;
}

JsonArray& JsonArray::add(Json value) {
    elements_.push_back(std::move(value));
    return *this;
}

namespace {

std::vector<sd_json_variant*> borrowed(const std::vector<Json>& values) {
    std::vector<sd_json_variant*> variants;
    variants.reserve(values.size());
    for (const Json& value : values) variants.push_back(value.variant());
    return variants;
}

}  // namespace

Json JsonObject::build() const {
    std::vector<sd_json_variant*> variants = borrowed(pairs_);
    sd_json_variant* value = nullptr;
    const int answer = sd_json_variant_new_object(&value, variants.data(), variants.size());
    return Json::adopt(made(answer, value));
}

Json JsonArray::build() const {
    std::vector<sd_json_variant*> variants = borrowed(elements_);
    sd_json_variant* value = nullptr;
    const int answer = sd_json_variant_new_array(&value, variants.data(), variants.size());
    return Json::adopt(made(answer, value));
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
    if (text.size() > max_bytes)
        return invalid(compose("expected a string of at most {} bytes", max_bytes));
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
    sd_json_variant* value = sd_json_variant_by_key(value_, key);
    if (value == nullptr) return std::nullopt;
    return JsonNode(value, this, key, 0);
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
