// Fingerprints as OpenSSH writes them. Process: programs only.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace xos {

// "SHA256:" and the unpadded base64 of the SHA-256 of bytes: 50 characters.
std::string sha256_fingerprint(std::span<const uint8_t> bytes);

}  // namespace xos
