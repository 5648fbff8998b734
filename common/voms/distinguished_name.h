// An X.509 name in the slash form that grids use: "/DC=org/DC=example/CN=User One".
//
// Owns: that one way from a name to text. Pure apart from OpenSSL. Process: programs only.
// Trusts: nothing. The slash form is ambiguous by itself, so a name that could be read as another is refused.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "common/failure.h"

namespace xos {

// What X509_NAME_oneline(3) and VOMS write, and is_distinguished_name(). Refused as invalid: a value with a
// control character, NUL among them, a backslash, or a slash behind which a name and '=' stand; several
// values in one RDN; a name without parts or longer than kDnMax. Bytes beyond ASCII are "\xC3" as OpenSSL
// writes them.
Outcome<std::string> read_distinguished_name(const X509_NAME* name);

}  // namespace xos
