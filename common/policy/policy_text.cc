#include "common/policy/policy_text.h"

#include <algorithm>

#include "common/yaml_reader.h"

namespace xos {
namespace {

constexpr size_t kItemsMax = 65536;  // of one list
constexpr size_t kKeysMax = 64;      // of one map; rules have fewer than 20
constexpr size_t kWordMax = 4096;    // bytes
constexpr size_t kMessageMax = 300;  // a message may quote the text, and that may be one long word

}  // namespace

const PolicyText* PolicyText::find(std::string_view key) const {
    for (size_t i = 0; kind == Kind::map && i + 1 < items.size(); i += 2)
        if (items[i].word == key) return &items[i + 1];
    return nullptr;
}

PolicyText convert(const YAML::Node& node) {
    const YAML::Mark mark = node.Mark();
    PolicyText text;
    text.line = mark.line + 1;
    text.column = mark.column + 1;
    if (node.IsScalar()) {
        text.kind = PolicyText::Kind::word;
        text.word = node.Scalar();
    }
    if (node.IsSequence())
        for (const auto& item : node) text.items.push_back(convert(item));
    if (node.IsMap()) {
        text.kind = PolicyText::Kind::map;
        for (const auto& item : node) {
            text.items.push_back(convert(item.first));
            text.items.push_back(convert(item.second));
        }
    }
    return text;
}

Outcome<PolicyText> convert(const JsonNode& node) {
    PolicyText text;
    if (node.is_object()) {
        text.kind = PolicyText::Kind::map;
        const auto keys = node.keys();
        // each is looked up by going through all
        if (keys.size() > kKeysMax) return node.invalid(compose("expected at most {} keys", kKeysMax));
        for (const std::string_view key : keys) {
            const std::string name(key);
            const auto field = node.field(name.c_str());
            if (!field) return std::unexpected(field.error());
            auto value = convert(*field);
            if (!value) return value;
            text.items.push_back({PolicyText::Kind::word, name, {}, 0, 0});
            text.items.push_back(*std::move(value));
        }
        return text;
    }
    if (node.is_array()) {
        const auto count = node.array(kItemsMax);
        if (!count) return std::unexpected(count.error());
        for (size_t i = 0; i < *count; ++i) {
            auto item = convert(node.at(i));
            if (!item) return item;
            text.items.push_back(*std::move(item));
        }
        return text;
    }
    auto word = node.string(kWordMax);
    if (!word) return std::unexpected(word.error());
    text.kind = PolicyText::Kind::word;
    text.word = *std::move(word);
    return text;
}

std::unexpected<Failure> PolicyPlace::expected(const PolicyText& at, std::string_view what) const {
    what = what.substr(0, kMessageMax);
    if (at.line > 0) return failure(Errc::invalid, "{}:{}:{}: expected {}", source, at.line, at.column, what);
    if (rule == 0) return failure(Errc::invalid, "{}: expected {}", source, what);
    return failure(Errc::invalid, "{}: rule {}: expected {}", source, rule, what);
}

Outcome<void> check_keys(const PolicyPlace& place, const PolicyText& at,
                         std::initializer_list<std::string_view> known) {
    std::string names;
    for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    if (at.kind != PolicyText::Kind::map) return place.expected(at, "a map with keys of: " + names);
    for (size_t i = 0; i < at.items.size(); i += 2) {
        const PolicyText& key = at.items[i];
        if (key.kind != PolicyText::Kind::word) return place.expected(key, "a key, one of: " + names);
        if (std::ranges::find(known, key.word) == known.end())
            return place.expected(key, compose("one of {}; '{}' is not a known key", names, key.word));
        if (at.find(key.word) != &at.items[i + 1])
            return place.expected(key, compose("'{}' only once", key.word));
    }
    return {};
}

Outcome<std::vector<const PolicyText*>> read_words(const PolicyPlace& place, const PolicyText& at,
                                                   std::string_view what) {
    if (at.kind == PolicyText::Kind::word) return std::vector{&at};
    std::vector<const PolicyText*> words;
    if (at.kind == PolicyText::Kind::map || at.items.empty()) return place.expected(at, what);
    for (const PolicyText& item : at.items) {
        if (item.kind != PolicyText::Kind::word) return place.expected(item, what);
        words.push_back(&item);
    }
    return words;
}

}  // namespace xos
