#include "common/json_slices.h"

#include <algorithm>

namespace xos {
namespace {

constexpr size_t kFieldsMax = 64;

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void skip_space(std::string_view& text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

bool take(std::string_view& text, char c) {
    skip_space(text);
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

// Behind the string that begins at text[at]; npos where it does not end.
size_t end_of_string(std::string_view text, size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\')
            ++at;
        else if (text[at] == '"')
            return at + 1;
    }
    return std::string_view::npos;
}

// One value from the front of text; empty where there is none. Brackets are counted, not matched: who reads
// it does.
std::string_view take_value(std::string_view& text) {
    skip_space(text);
    size_t at = 0, depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = end_of_string(text, at);
            if (at == std::string_view::npos) return {};
            if (depth == 0) break;
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}' || is_space(c))) break;
        ++at;
        if (c == '[' || c == '{') ++depth;
        if ((c == ']' || c == '}') && --depth == 0) break;
    }
    if (depth != 0) return {};
    const std::string_view value = text.substr(0, at);
    text.remove_prefix(at);
    return value;
}

}  // namespace

Outcome<std::vector<JsonField>> slice_object(std::string_view text, std::string_view what) {
    const auto broken = [&] { return failure(Errc::invalid, "{}: not JSON, or no object", what); };
    std::vector<JsonField> fields;
    if (!take(text, '{')) return broken();
    for (bool first = true; !take(text, '}'); first = false) {
        if (!first && !take(text, ',')) return broken();
        const std::string_view key = take_value(text);
        if (key.size() < 2 || key.front() != '"' || key.contains('\\') || !take(text, ':')) return broken();
        const JsonField field{key.substr(1, key.size() - 2), take_value(text)};
        if (field.value.empty()) return broken();
        if (find_field(fields, field.key) != nullptr || fields.size() == kFieldsMax)
            return failure(Errc::invalid, "{}: a key is there twice, or there are too many", what);
        fields.push_back(field);
    }
    skip_space(text);
    if (!text.empty()) return broken();
    return fields;
}

const JsonField* find_field(const std::vector<JsonField>& fields, std::string_view key) {
    const auto found = std::ranges::find(fields, key, &JsonField::key);
    return found == fields.end() ? nullptr : &*found;
}

std::string join_fields(const std::vector<JsonField>& fields, std::string_view without) {
    std::string text = "{";
    for (const JsonField& field : fields) {
        if (field.key == without) continue;
        if (text.size() > 1) text += ',';
        text.append(1, '"').append(field.key).append("\":").append(field.value);
    }
    return text + "}";
}

Outcome<std::string_view> slice_string(const JsonField& field, std::string_view what) {
    const std::string_view value = field.value;
    if (value.size() < 2 || value.front() != '"' || value.contains('\\'))
        return failure(Errc::invalid, "{}: {}: expected a string without escapes", what, field.key);
    return value.substr(1, value.size() - 2);
}

Outcome<ArraySlices> ArraySlices::open(const JsonField& field, std::string_view what) {
    std::string_view text = field.value;
    std::string name = compose("{}: {}", what, field.key);
    if (!take(text, '[') || text.empty() || text.back() != ']')
        return failure(Errc::invalid, "{}: expected an array", name);
    text.remove_suffix(1);
    return ArraySlices(text, std::move(name));
}

Outcome<std::string_view> ArraySlices::next() {
    skip_space(text_);
    if (text_.empty()) return std::string_view();
    if (!first_ && !take(text_, ',')) return failure(Errc::invalid, "{}: not JSON", what_);
    first_ = false;
    const std::string_view value = take_value(text_);
    if (value.empty()) return failure(Errc::invalid, "{}: not JSON", what_);
    return value;
}

}  // namespace xos
