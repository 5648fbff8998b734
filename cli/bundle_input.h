// A bundle in a file that the user names on the command line.
//
// Process: the xos command. Trusts: nothing in it; open_bundle() and the node verify it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// The text of a bundle as xos vo export writes it, compressed or not: at most kBundleMax bytes before and
// after decompression. "-" is standard input.
Outcome<std::string> read_bundle(const std::string& path);

// The VO key that a bundle names, unverified: for who asks nothing of the bundle but what it says.
Outcome<std::array<uint8_t, 32>> named_vo_key(std::string_view bundle);

}  // namespace xos
