// The VO key outside of the authority: an encrypted key file that the caller holds open.
//
// Owns: that file's form (PKCS#8 PEM, scrypt, AES-256). Process: xos-cda. Trusts: nothing that it reads;
// descriptors are the caller's, no path is opened. A key is taken out of the authority only after what lies
// in the file was read back and is that key.
#pragma once

#include <string>

#include "common/credential/signing_key.h"
#include "common/failure.h"

namespace xos {

inline constexpr size_t kPassphraseMin = 8;    // bytes
inline constexpr size_t kPassphraseMax = 512;  // OpenSSL's PEM reader takes 1024

// Writes key to the empty regular file at fd, synced, and reads it back.
Outcome<void> write_offline_key(int fd, const SigningKey& key, std::string_view passphrase);
// fd at its beginning.
Outcome<SigningKey> read_offline_key(int fd, std::string_view passphrase);
// The first line of what can be read from fd; secret. Its length is checked for a new one only.
Outcome<std::string> read_passphrase(int fd, bool is_new);

}  // namespace xos
