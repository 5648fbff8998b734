// zstd (RFC 8878) of whole texts.
//
// Owns: levels by size and the caps of decompression. Process: programs only. Pure. Trusts: nothing that is
// decompressed: neither the size that a frame claims nor its window.
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// Better for small texts, quicker for large ones.
Outcome<std::string> compress_text(std::string_view text);

// Whether text begins like a zstd frame.
bool is_compressed(std::string_view text);

// Errc::invalid: broken, cut short, or more than max bytes.
Outcome<std::string> decompress_text(std::string_view packed, size_t max);

}  // namespace xos
