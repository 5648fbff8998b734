// Public keys and signatures as SSH writes them: RFC 4253 (RSA), RFC 8332 (RSA with SHA-2), RFC 5656 (P-256),
// RFC 8709 (Ed25519).
//
// Owns: the names of types and algorithms, and the way from and to PublicKey. Pure apart from OpenSSL.
// Process: programs only. Trusts: nothing; what is read is hostile.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/credential/public_key.h"
#include "common/failure.h"
#include "common/ssh/ssh_wire.h"

namespace xos {

inline constexpr size_t kSshFieldMax = 4096;  // bytes of one number of a key, or of a signature

std::string_view ssh_key_type(KeyType type);   // "ssh-ed25519"
std::string_view ssh_cert_type(KeyType type);  // "ssh-ed25519-cert-v01@openssh.com"
// The type behind the name of a certificate's type; nothing for a plain key's or an unknown one.
std::optional<KeyType> parse_ssh_cert_type(std::string_view name);

// The fields of a key that follow its type in a blob. Nothing where they are no key that is taken; a reader
// that is not at the end of its bytes may read on.
std::optional<PublicKey> read_ssh_fields(SshReader& reader, KeyType type);
// key must be one that read_public_key() or read_ssh_fields() made.
std::string ssh_fields(const PublicKey& key);
std::string ssh_key_blob(const PublicKey& key);  // type and fields: what stands in authorized_keys

// A signature of key over message: the algorithm's name and value, each a string. RSA signs with SHA-512.
Outcome<std::string> sign_for_ssh(EVP_PKEY* key, std::string_view message);
// Whether signature, in that form, is key's. Of RSA rsa-sha2-256 and rsa-sha2-512 only: "ssh-rsa" is SHA-1.
bool is_ssh_signature(const PublicKey& key, std::string_view message, std::string_view signature);

}  // namespace xos
