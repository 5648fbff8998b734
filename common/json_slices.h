// Large JSON cut into its parts without reading them: a list of a million records is read one by one, in the
// memory of one.
//
// Owns: where a value of an object or array begins and ends. Process: programs only. Pure. Trusts: nothing;
// what a slice holds is checked when Json::parse() reads it, and all that lies between slices is checked
// here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

struct JsonField {
    std::string_view key;    // without escapes
    std::string_view value;  // JSON text of one value, if it is JSON
};

// The fields of the object that text is, in their order; views into text. Errc::invalid: no object, a key
// twice or with an escape, more than 64 fields. what names the text in messages.
Outcome<std::vector<JsonField>> slice_object(std::string_view text, std::string_view what);
// The value under key; nothing where there is none.
const JsonField* find_field(const std::vector<JsonField>& fields, std::string_view key);
// An object of all fields but the one named key, as text.
std::string join_fields(const std::vector<JsonField>& fields, std::string_view without);
// A string without escapes, without its quotes. Errc::invalid: it is none.
Outcome<std::string_view> slice_string(const JsonField& field, std::string_view what);

// The elements of an array, one after the other.
class ArraySlices {
  public:
    static Outcome<ArraySlices> open(const JsonField& field, std::string_view what);
    // The next element; empty behind the last one.
    Outcome<std::string_view> next();

  private:
    ArraySlices(std::string_view text, std::string what) : text_(text), what_(std::move(what)) {}
    std::string_view text_;  // behind what was read
    std::string what_;
    bool first_ = true;
};

}  // namespace xos
