#include "xosd/checkpoint/manifest.h"

#include <systemd/sd-json.h>

#include <filesystem>
#include <memory>

namespace xos {
namespace {

constexpr uint64_t kFormat = 1;

struct Unref {
    void operator()(sd_json_variant* variant) const { sd_json_variant_unref(variant); }
};
using Json = std::unique_ptr<sd_json_variant, Unref>;

// Fields added one by one; every call of sd-json takes a reference to the old object and leaves a new one.
class JsonObject {
  public:
    JsonObject& text(const char* key, const std::string& value) {
        check(sd_json_variant_set_field_string(&object_, key, value.c_str()));
        return *this;
    }
    JsonObject& number(const char* key, uint64_t value) {
        check(sd_json_variant_set_field_unsigned(&object_, key, value));
        return *this;
    }
    JsonObject& value(const char* key, const Json& value) {
        check(sd_json_variant_set_field(&object_, key, value.get()));
        return *this;
    }
    Json take() { return Json(std::exchange(object_, nullptr)); }

  private:
    static void check(int result) {
        if (result < 0) throw std::bad_alloc();
    }
    sd_json_variant* object_ = nullptr;
};

Json array_of(std::vector<Json> items) {
    std::vector<sd_json_variant*> plain;
    for (const Json& item : items) plain.push_back(item.get());
    sd_json_variant* out = nullptr;
    if (sd_json_variant_new_array(&out, plain.data(), plain.size()) < 0) throw std::bad_alloc();
    return Json(out);
}

// Reads typed fields; remembers whether all of them were there.
class Reader {
  public:
    explicit Reader(sd_json_variant* object) : object_(object) {}
    std::string text(const char* key) {
        sd_json_variant* const value = sd_json_variant_by_key(object_, key);
        if (value == nullptr || !sd_json_variant_is_string(value)) return fail(), "";
        return sd_json_variant_string(value);
    }
    uint64_t number(const char* key, uint64_t limit = UINT64_MAX) {
        sd_json_variant* const value = sd_json_variant_by_key(object_, key);
        if (value == nullptr || !sd_json_variant_is_unsigned(value)) return fail(), 0;
        const uint64_t number = sd_json_variant_unsigned(value);
        if (number > limit) fail();
        return number;
    }
    std::vector<sd_json_variant*> list(const char* key) {
        sd_json_variant* const value = sd_json_variant_by_key(object_, key);
        if (value == nullptr || !sd_json_variant_is_array(value))
            return fail(), std::vector<sd_json_variant*>();
        std::vector<sd_json_variant*> out;
        for (size_t i = 0; i < sd_json_variant_elements(value); i++)
            out.push_back(sd_json_variant_by_index(value, i));
        return out;
    }
    bool good() const { return good_; }

  private:
    void fail() { good_ = false; }
    sd_json_variant* object_;
    bool good_ = true;
};

// No manifest can name a file outside its generation or the home.
bool is_inside(const std::string& path) {
    const std::filesystem::path parts(path);
    if (path.empty() || path.size() > 4096 || parts.is_absolute()) return false;
    for (const auto& part : parts)
        if (part == ".." || part == "." || part.empty()) return false;
    return true;
}

bool is_digest(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool read_files(Reader& reader, Manifest& manifest) {
    for (sd_json_variant* item : reader.list("files")) {
        Reader file(item);
        const std::string path = file.text("path");
        const StoredFile stored{file.number("size"), file.text("sha256")};
        if (!file.good() || !is_inside(path) || !is_digest(stored.digest)) return false;
        if (!manifest.files.emplace(path, stored).second) return false;
    }
    for (sd_json_variant* item : reader.list("outputs")) {
        Reader file(item);
        const OutputFile output{file.text("path"), file.number("size", INT64_MAX)};
        if (!file.good() || !is_inside(output.path)) return false;
        manifest.outputs.push_back(output);
    }
    return true;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
    std::vector<Json> files, outputs;
    for (const auto& [path, stored] : manifest.files)
        files.push_back(
            JsonObject().text("path", path).number("size", stored.size).text("sha256", stored.digest).take());
    for (const OutputFile& output : manifest.outputs)
        outputs.push_back(JsonObject().text("path", output.path).number("size", output.size).take());
    const Json whole = JsonObject()
                           .number("format", kFormat)
                           .text("job", manifest.job)
                           .number("generation", manifest.generation)
                           .text("driver", manifest.driver)
                           .text("driverVersion", manifest.driver_version)
                           .text("kernel", manifest.kernel)
                           .text("architecture", manifest.architecture)
                           .number("uid", manifest.uid)
                           .number("innerRoot", manifest.inner_root)
                           .text("home", manifest.home)
                           .number("created", manifest.created)
                           .value("files", array_of(std::move(files)))
                           .value("outputs", array_of(std::move(outputs)))
                           .take();
    char* text = nullptr;
    if (sd_json_variant_format(whole.get(), SD_JSON_FORMAT_NEWLINE, &text) < 0) throw std::bad_alloc();
    const std::unique_ptr<char, decltype(&free)> owned(text, &free);
    return text;
}

Outcome<Manifest> parse_manifest(const std::string& text) {
    sd_json_variant* parsed = nullptr;
    if (text.size() > kManifestMax ||
        sd_json_parse(text.c_str(), static_cast<sd_json_parse_flags_t>(0), &parsed, nullptr, nullptr) < 0)
        return failure(Errc::invalid, "the checkpoint's manifest is not JSON");
    const Json whole(parsed);
    Reader reader(whole.get());
    if (reader.number("format") != kFormat)
        return failure(Errc::invalid,
                       "the checkpoint's manifest has a format that this version does not know");
    Manifest out;
    out.job = reader.text("job");
    out.generation = reader.number("generation");
    out.driver = reader.text("driver");
    out.driver_version = reader.text("driverVersion");
    out.kernel = reader.text("kernel");
    out.architecture = reader.text("architecture");
    out.uid = static_cast<uint32_t>(reader.number("uid", UINT32_MAX));
    out.inner_root = static_cast<uint32_t>(reader.number("innerRoot", UINT32_MAX));
    out.home = reader.text("home");
    out.created = reader.number("created");
    if (!read_files(reader, out) || !reader.good())
        return failure(Errc::invalid, "the checkpoint's manifest lacks a field or holds a bad one");
    return out;
}

}  // namespace xos
