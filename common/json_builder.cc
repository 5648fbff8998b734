// Making JSON values.
#include <algorithm>
#include <cerrno>
#include <new>

#include "common/json.h"

namespace xos {
namespace {

// sd-json answers -ENOMEM here and nothing else: all arguments have been checked.
sd_json_variant* made(int answer, sd_json_variant* value) {
    if (answer < 0) throw std::bad_alloc();
    return value;
}

std::vector<sd_json_variant*> borrowed(const std::vector<Json>& values) {
    std::vector<sd_json_variant*> variants;
    variants.reserve(values.size());
    for (const Json& value : values) variants.push_back(value.variant());
    return variants;
}

}  // namespace

Json Json::string(std::string_view text) {
    // sd-json writes this one as it is, and does not read it again
    std::string readable;
    if (text.contains('\x7f')) {
        readable = text;
        std::ranges::replace(readable, '\x7f', '?');
        text = readable;
    }
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

JsonObject& JsonObject::set(std::string_view key, Json value) {
    pairs_.push_back(Json::string(key));
    pairs_.push_back(std::move(value));
    return *this;
}

JsonArray& JsonArray::add(Json value) {
    elements_.push_back(std::move(value));
    return *this;
}

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

}  // namespace xos
