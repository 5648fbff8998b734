// JSON read strictly and written compactly, over libsystemd's sd-json.
//
// Owns: Json (a value), JsonNode (a place in a value, with typed getters), the builders.
// Process: programs only. Trusts: nothing that is parsed. Refused beyond RFC 8259: text above the caps on
// size and depth, a key twice in one object, NUL in a string, a number that is not whole (sd-json rounds
// those).
//
//     auto json = Json::parse(text, {.bytes = 4096}, "bundle");
//     const JsonNode root = json->root();
//     root.object({"members", "serial"})      refuses other keys
//     root.integer("serial", 1, 100)          "bundle: serial: expected an integer 1..100"
#pragma once

#include <systemd/sd-json.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/failure.h"

namespace xos {

struct JsonLimits {
    size_t bytes = 64 * 1024;
    size_t depth = 16;  // objects and arrays inside each other
};

// A place inside a Json, for reading. It borrows: neither the Json nor the node that it was taken from may
// end before it (taking one from a temporary node does not compile). Cheap to make; paths are composed on
// errors only.
class JsonNode {
  public:
    // An object with no key outside known.
    Outcome<void> object(std::initializer_list<std::string_view> known) const;
    // The number of elements of an array of at most max.
    Outcome<size_t> array(size_t max) const;

    // This value itself.
    Outcome<std::string> string(size_t max_bytes) const;
    Outcome<std::string_view> text(size_t max_bytes) const;  // until the Json ends
    Outcome<uint64_t> integer(uint64_t min, uint64_t max) const;
    Outcome<bool> boolean() const;
    std::string format() const;  // compact JSON text of this value

    // A required field of this object.
    Outcome<JsonNode> field(const char* key) const&;
    Outcome<JsonNode> field(const char* key) const&& = delete;
    Outcome<std::string> string(const char* key, size_t max_bytes) const;
    Outcome<std::string_view> text(const char* key, size_t max_bytes) const;
    Outcome<uint64_t> integer(const char* key, uint64_t min, uint64_t max) const;
    Outcome<bool> boolean(const char* key) const;
    // An optional one: nothing where this is no object or has no such key.
    std::optional<JsonNode> find(const char* key) const&;
    std::optional<JsonNode> find(const char* key) const&& = delete;

    // Element index of this array; index is below what array() answered.
    JsonNode at(size_t index) const&;
    JsonNode at(size_t index) const&& = delete;
    // Keys of this object in the order of the text; empty where it is none. For objects whose keys are data.
    std::vector<std::string_view> keys() const;

    bool is_object() const;
    bool is_array() const;
    bool is_string() const;

    std::string path() const;  // "what: members[3].number"
    // A failure about this place: "what: members[3].number: MESSAGE".
    std::unexpected<Failure> invalid(std::string_view message) const;
    sd_json_variant* variant() const { return value_; }  // borrowed

  private:
    friend class Json;
    JsonNode(sd_json_variant* value, const JsonNode* parent, std::string_view key, size_t index)
        : value_(value), parent_(parent), key_(key), index_(index) {}

    sd_json_variant* value_;
    const JsonNode* parent_;
    std::string_view key_;  // the key in parent; in the root, what is read
    size_t index_;          // or the index in parent
};

// One immutable JSON value; copies share it. Not for use from two threads at once.
class Json {
  public:
    Json() = default;  // null
    Json(const Json& other);
    Json(Json&& other) noexcept : value_(std::exchange(other.value_, nullptr)), what_(other.what_) {}
    Json& operator=(Json other) noexcept {
        std::swap(value_, other.value_);
        std::swap(what_, other.what_);
        return *this;
    }
    ~Json();

    // what names the text in messages ("bundle"); it must outlive the Json (a literal).
    static Outcome<Json> parse(std::string_view text, JsonLimits limits, const char* what);
    // Takes over a reference.
    static Json adopt(sd_json_variant* value);

    // Text that is not UTF-8, or holds NUL or DEL, has the odd bytes replaced by '?'.
    static Json string(std::string_view text);
    static Json integer(uint64_t number);
    static Json signed_integer(int64_t number);
    static Json boolean(bool value);
    static Json strings(const std::vector<std::string>& texts);

    JsonNode root() const& { return JsonNode(value_, nullptr, what_, 0); }
    JsonNode root() const&& = delete;
    std::string format() const;                          // compact
    std::string format_pretty() const;                   // for people, ends in a newline
    sd_json_variant* variant() const { return value_; }  // borrowed

  private:
    sd_json_variant* value_ = nullptr;
    const char* what_ = "value";
};

// JsonObject().set("name", Json::string(name)).set("number", Json::integer(7)).build()
class JsonObject {
  public:
    // key is set once; it is a literal or lives until build().
    JsonObject& set(std::string_view key, Json value);
    Json build() const;

  private:
    std::vector<Json> pairs_;
};

class JsonArray {
  public:
    JsonArray& add(Json value);
    Json build() const;

  private:
    std::vector<Json> elements_;
};

}  // namespace xos
