// Fields of xosd's replies that may be absent, and text of others fit for a terminal.
//
// Owns: nothing. Pure. Process: the xos command. Trusts: nothing of a text: a command line or a host's name
// is whatever somebody made it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/json.h"

namespace xos {

// 0 and empty where the field is absent, or of another kind.
int64_t optional_number(const JsonNode& node, const char* key);
std::string optional_text(const JsonNode& node, const char* key);
// Where 0 means something: nothing where the field is absent, null, or of another kind.
std::optional<int64_t> find_number(const JsonNode& node, const char* key);

// What a terminal would take for a command becomes '?'.
std::string plain(std::string_view text);

}  // namespace xos
