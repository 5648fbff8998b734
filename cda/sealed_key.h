// Private keys as they lie on the authority's disk: PKCS#8 PEM, encrypted with the authority's secret.
//
// Owns: the form of key files, and where the secret comes from. Process: xos-cda. Trusts: the secret to be
// random: it is 32 bytes in base64, no word of a person, so that no costly derivation is needed. `openssl
// pkey -passin file:/etc/xos/cda.key` opens the same files.
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

inline constexpr char kSecretFile[] = "/etc/xos/cda.key";  // root:_xos-cda, 0640

bool is_sealed_key(std::string_view pem);
// The unencrypted key pem, encrypted; as it is where secret is empty.
Outcome<std::string> seal_key(std::string_view pem, std::string_view secret);
// The key in pem, unencrypted: a secret. denied where it is encrypted and secret is empty or another.
Outcome<std::string> open_sealed_key(std::string_view pem, std::string_view secret);

// The secret of the installed authority: the systemd credential xos-cda.key where there is one
// (systemd.exec(5), LoadCredentialEncrypted=), else kSecretFile. Errc::not_found, with what to do, where
// there is neither.
Outcome<std::string> read_secret();
// The secret in the file path: base64 of 32 bytes and a line end; denied where others may read it.
Outcome<std::string> read_secret_file(const std::string& path);
// A fresh one, as it goes into such a file.
Outcome<std::string> make_secret();

}  // namespace xos
