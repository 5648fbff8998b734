// UUIDs as text. Process: programs only. Trusts: nothing.
#pragma once

#include <string>
#include <string_view>

namespace xos {

// 8-4-4-4-12 lower-case hexadecimal digits, the only form used here.
bool is_uuid(std::string_view text);
// A fresh random one (version 4).
std::string make_uuid();

}  // namespace xos
