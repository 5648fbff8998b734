// Base64 as SSH writes keys (RFC 4648, section 4, padded).
//
// Owns: that notation. Process: programs only. Trusts: nothing.
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

std::string base64_encode(std::string_view bytes);
// Strict: no white space, no missing or superfluous padding, no stray bits; at most max bytes once decoded.
Outcome<std::string> base64_decode(std::string_view text, size_t max);

}  // namespace xos
